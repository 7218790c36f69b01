"""--variant int8: the file beside the model answers, and only where it is this model's."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.serving.live import Server, serving, start_process
from tests.serving.load import eventually
from tests.serving.onnx_files import answers, build_model, version

Images = NDArray[np.uint8]
FLAGS = ("--variant", "int8", "--watch", "0.1", "--drain", "0")


def variant_of(model: bytes, *, seed: int = 7, spoil_golden: bool = False) -> bytes:
    """A file of other weights that names this model."""
    more = {"variant_of": hashlib.sha256(model).hexdigest()}
    return build_model(seed=seed, more=more, spoil_golden=spoil_golden)


def laid(folder: Path, model: bytes, variant: bytes | None) -> Path:
    """Both, as export leaves them; returns the model's path."""
    (folder / "variants").mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(model)
    if variant is not None:
        (folder / "variants/int8.onnx").write_bytes(variant)
    return folder / "model.onnx"


def start_and_end(*arguments: str) -> tuple[int, str]:
    """Status and log of a server that refuses to start; one that serves is killed."""
    process = start_process(*arguments)
    try:
        _, log = process.communicate(timeout=30)
    finally:
        process.kill()
    return process.returncode, log


def served(server: Server) -> str:
    found: str = server.get("/model")["version"]
    return found


def test_the_variant_answers_by_its_own_version(tmp_path: Path, images: Images) -> None:
    """In every dialect; the card is its model's, whose layers are not its own."""
    model = build_model()
    variant = variant_of(model)
    path = laid(tmp_path, model, variant)
    sha256 = hashlib.sha256(model).hexdigest()
    path.with_suffix(".card.json").write_text(f'{{"model_sha256": "{sha256}"}}')
    with serving("--model", str(path), *FLAGS) as server:
        reply = server.predict({"images": images[:3].tolist()})
        assert reply.json["model"]["version"] == version(variant)
        expected = answers(variant, images[:3])
        assert np.abs(np.sort(reply.probabilities) - np.sort(expected)).max() < 1e-6
        facts = server.get("/model")
        assert (facts["version"], facts["variant_of"]) == (version(variant), sha256)
        assert facts["card"] == {"model_sha256": sha256}
        assert server.get("/v2/models/digits-classifier")["versions"] == [version(variant)]
        assert "variant" in server.get("/explain")["models"][0]["absent"]
        assert f"a variant of {version(model)}" in "".join(server.log)


def test_the_model_answers_where_no_variant_is_asked_for(tmp_path: Path) -> None:
    """Also where one lies there; fp32 is another word for it."""
    model = build_model()
    path = laid(tmp_path, model, variant_of(model))
    with serving("--model", str(path), SERVING_VARIANT="fp32") as server:
        assert served(server) == version(model)
        assert server.get("/model")["variant_of"] is None


@pytest.mark.parametrize(
    ("variant", "words"),
    [
        (variant_of(build_model(seed=1)), "variant is of the model"),
        (build_model(seed=7), "variant is no variant, and the model beside it is"),
        (variant_of(build_model(), spoil_golden=True), "self-test failed"),
        (None, "has no variant int8"),
    ],
    ids=["of another", "of none", "damaged", "absent"],
)
def test_any_other_file_is_refused(tmp_path: Path, variant: bytes | None, words: str) -> None:
    """At the start, in one line that says what is wrong."""
    path = laid(tmp_path, build_model(), variant)
    status, log = start_and_end("--model", str(path), *FLAGS)
    assert status == 3
    assert words in log


def test_a_variant_is_not_served_as_a_model(tmp_path: Path) -> None:
    """Its file given to --model is refused: nothing would compare it with a model."""
    model = build_model()
    laid(tmp_path, model, variant_of(model))
    status, log = start_and_end("--model", str(tmp_path / "variants/int8.onnx"))
    assert status == 3
    assert f"is a variant of the model '{version(model)}'" in log
    assert "--variant" in log


def test_a_variant_that_is_made_anew_takes_over(tmp_path: Path) -> None:
    """Also where the model's own file stays as it is."""
    model = build_model()
    path = laid(tmp_path, model, variant_of(model))
    with serving("--model", str(path), *FLAGS) as server:
        again = variant_of(model, seed=9)
        (tmp_path / "variants/int8.onnx").write_bytes(again)
        eventually(lambda: served(server) == version(again), "the new variant")


def test_a_new_model_waits_for_its_variant(tmp_path: Path) -> None:
    """The old variant stays while the new model's is another's or absent, then both are new."""
    first, second = build_model(seed=1), build_model(seed=2)
    path = laid(tmp_path, first, variant_of(first))

    def told(words: str) -> bool:
        return any(words in line and "the old one stays" in line for line in server.log)

    with serving("--model", str(path), *FLAGS) as server:
        path.write_bytes(second)
        eventually(lambda: told("variant is of the model"), "the old variant is another model's")
        assert served(server) == version(variant_of(first))
        (tmp_path / "variants/int8.onnx").unlink()
        eventually(lambda: told("has no variant int8"), "there is none")
        assert served(server) == version(variant_of(first))
        laid(tmp_path, second, variant_of(second))
        eventually(lambda: served(server) == version(variant_of(second)), "both are new")
