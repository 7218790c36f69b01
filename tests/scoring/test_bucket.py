"""s3:// as INPUT, OUTPUT and model, against moto's server; http:// addresses in a column."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import fs

from tests.scoring.jobs import ROOT, pictures, scored, start

pytestmark = pytest.mark.soak_all

Client = Any  # boto3's, which has no types
PICTURES = 300
ODD = "pictures/1/a key?#%20.png"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """An empty S3 on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait()


@pytest.fixture(scope="module")
def variables(endpoint: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@pytest.fixture(scope="module")
def client(endpoint: str, variables: dict[str, str]) -> Client:
    found: Client = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1",
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
    )  # fmt: skip
    found.create_bucket(Bucket="here")
    return found


def test_a_bucket_is_scored_into_a_bucket(
    client: Client, variables: dict[str, str], model: Path, tmp_path: Path
) -> None:
    """As the same files of a folder are; a second try scores nothing; a killed one goes on."""
    folder = pictures(tmp_path / "pictures", PICTURES)
    files = {f"pictures/{path.relative_to(folder)}": path for path in folder.rglob("*.png")}
    files[ODD] = next(iter(files.values()))
    for key, path in files.items():
        client.put_object(Bucket="here", Key=key, Body=path.read_bytes())
    client.put_object(Bucket="here", Key="model.onnx", Body=model.read_bytes())
    options = ("--model", "s3://here/model.onnx", "--labels", "folder", "--slice", "40")
    source, output = "s3://here/pictures/", "s3://here/out"
    process = start(source, output, *options, folder=ROOT, **variables)
    while len(keys(client, "out/part-")) < 2:
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.communicate()
    before = keys(client, "out/part-")
    done = scored(source, output, *options, folder=ROOT, **variables)
    assert "are scored already: going on" in done.err
    after = keys(client, "out/part-")
    assert {key: after[key] for key in before} == before
    rows = table(variables).to_pylist()
    assert {row["path"] for row in rows} == {f"s3://here/{key}" for key in files}
    local = scored(folder, tmp_path / "local", "--model", str(model)).rows
    for row in rows:
        assert row["error"] is None
        assert row["probabilities"] == local[str(files[row["path"][10:]])]["probabilities"]


def test_addresses_of_a_bucket_and_a_web_server(
    client: Client, variables: dict[str, str], model: Path, tmp_path: Path
) -> None:
    """In one column; what is not there has its row."""
    folder = pictures(tmp_path / "web", 4)
    client.put_object(Bucket="here", Key="one.png", Body=(folder / "0" / "00000.png").read_bytes())
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    web = f"http://127.0.0.1:{server.server_address[1]}"
    names = ["s3://here/one.png", f"{web}/0/00000.png", f"{web}/gone.png", "s3://here/gone.png",
             "http://127.0.0.1:9/x.png", "ftp://x/y.png"]  # fmt: skip
    pq.write_table(pa.table({"url": names}), tmp_path / "t.parquet")
    options = ("--model", str(model), "--column", "url")
    rows = scored(tmp_path / "t.parquet", tmp_path / "out", *options, folder=ROOT, **variables).rows
    server.shutdown()
    server.server_close()
    assert rows[names[0]]["probabilities"] == rows[names[1]]["probabilities"] is not None
    assert rows[names[2]]["error"] == "the web server answers 404"
    assert rows[names[3]]["error"] == "there is no such file"
    assert rows[names[4]]["error"]
    assert "ftp:// is not read here" in rows[names[5]]["error"]


def keys(client: Client, prefix: str) -> dict[str, str]:
    """With the time of writing."""
    found = client.list_objects_v2(Bucket="here", Prefix=prefix).get("Contents", [])
    return {one["Key"]: str(one["LastModified"]) for one in found}


def table(variables: dict[str, str]) -> pa.Table:
    """All parts of the bucket's OUTPUT."""
    os.environ.update(variables)
    try:
        system, path = fs.FileSystem.from_uri("s3://here/out")
        return pq.read_table(path, filesystem=system)
    finally:
        for name in variables:
            os.environ.pop(name)
