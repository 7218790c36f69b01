"""The addresses are torchvision's, and the mirror comes before them."""

import re
from pathlib import Path

import pytest

from pipeline.data import sources

DOWNLOADED = ("mnist", "fashion_mnist", "kmnist", "qmnist", "emnist", "cifar10")


@pytest.mark.parametrize("dataset", DOWNLOADED)
def test_every_file_has_a_checksum_and_web_addresses(dataset: str) -> None:
    """Names differ, checksums are MD5, addresses end in the name."""
    files = sources.published(dataset)
    assert len({file.name for file in files}) == len(files)
    for file in files:
        assert re.fullmatch("[0-9a-f]{32}", file.md5)
        assert file.addresses
        for address in file.addresses:
            assert re.fullmatch(rf"https?://.+/{re.escape(file.name)}", str(address))


def test_mnist_is_what_its_publisher_checksums() -> None:
    """Four files, two addresses each."""
    files = sources.published("mnist")
    assert [len(file.addresses) for file in files] == [2, 2, 2, 2]
    assert files[0].name == "train-images-idx3-ubyte.gz"
    assert files[0].md5 == "f68b3c2dcbeaaa9fbdd348bbdeb94873"


@pytest.mark.parametrize("dataset", ["digits", "folder"])
def test_what_is_at_hand_is_not_fetched(dataset: str) -> None:
    """The embedded digits and the user's own pictures have no address."""
    assert sources.remote_files(dataset, Path("/mirror")) == ()


@pytest.mark.parametrize(
    ("mirror", "first"),
    [
        (Path("/m"), Path("/m/cifar10/cifar-10-python.tar.gz")),
        ("http://m/data/", "http://m/data/cifar10/cifar-10-python.tar.gz"),
    ],
)
def test_the_mirror_is_asked_first(mirror: sources.Address, first: sources.Address) -> None:
    """Its layout is <mirror>/<dataset>/<file>; the published address stays, behind it."""
    (file,) = sources.remote_files("cifar10", mirror)
    (published,) = sources.published("cifar10")
    assert file.addresses == (first, *published.addresses)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", None),
        ("  ", None),
        ("/m/data", Path("/m/data")),
        ("../data", Path("/repo/data")),
        ("file:///m/with%20space", Path("/m/with space")),
        ("https://m.example:8080/x", "https://m.example:8080/x"),
    ],
)
def test_the_mirror_is_a_directory_or_an_address(
    given: str, expected: sources.Address | None
) -> None:
    """A relative path counts from the root that DVC names, also in an experiment's folder."""
    assert sources.mirror_from({"DATA_MIRROR": given, "DVC_ROOT": "/repo/main"}) == expected


def test_a_relative_mirror_counts_from_the_current_folder_without_dvc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stage run by hand stands at the repository root."""
    monkeypatch.chdir(tmp_path)
    assert sources.mirror_from({"DATA_MIRROR": "data"}) == tmp_path / "data"


@pytest.mark.parametrize("given", ["s3://bucket/data", "http://", "file://host/data", "http://[m"])
def test_an_address_that_cannot_be_asked_is_refused(given: str) -> None:
    """What was given stands in the error."""
    with pytest.raises(sources.MirrorError, match=re.escape(repr(given))):
        sources.mirror_from({"DATA_MIRROR": given})


def test_a_password_is_refused_and_not_printed() -> None:
    """It would end in logs and in errors."""
    with pytest.raises(sources.MirrorError) as caught:
        sources.mirror_from({"DATA_MIRROR": "https://me:secret@m.example"})
    assert "secret" not in str(caught.value)
