"""Where a published data set's files lie: the mirror first, then torchvision's addresses."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

from pipeline.errors import PipelineError

Address: TypeAlias = str | Path  # http(s) of a file or folder; a path in a mirrored directory


class MirrorError(PipelineError):
    """DATA_MIRROR is neither a directory's path nor an address that can be asked."""


@dataclass(frozen=True)
class RemoteFile:
    name: str
    md5: str
    addresses: tuple[Address, ...]  # in the order in which they are asked


def remote_files(dataset: str, mirror: Address | None) -> tuple[RemoteFile, ...]:
    """What must be fetched, `<mirror>/<dataset>/<file>` before the published addresses."""
    if dataset in ("digits", "folder"):
        return ()
    return tuple(_mirrored(file, dataset, mirror) for file in published(dataset))


def published(dataset: str) -> tuple[RemoteFile, ...]:
    """The files, checksums and addresses that torchvision's data set class names."""
    from torchvision import datasets as tv  # noqa: PLC0415 - seconds, and for downloads only

    if dataset == "emnist":
        return (_at(tv.EMNIST.url, tv.EMNIST.md5),)
    if dataset == "cifar10":
        return (_at(tv.CIFAR10.url, tv.CIFAR10.tgz_md5),)
    if dataset == "qmnist":
        parts = [*tv.QMNIST.resources["train"], *tv.QMNIST.resources["test"]]
        return tuple(_at(url, md5) for url, md5 in parts)
    family = {"mnist": tv.MNIST, "fashion_mnist": tv.FashionMNIST, "kmnist": tv.KMNIST}[dataset]
    return tuple(
        RemoteFile(name, md5, tuple(f"{mirror}{name}" for mirror in family.mirrors))
        for name, md5 in family.resources
    )


def mirror_from(environment: Mapping[str, str]) -> Address | None:
    """Read DATA_MIRROR; raises MirrorError for what is no directory's path and no web address.

    A relative path counts from the repository root: DVC_ROOT is the one that the user stands in,
    also in an experiment that runs in a temporary folder.
    """
    given = environment.get("DATA_MIRROR", "").strip()
    if "://" not in given:
        root = environment.get("DVC_ROOT") or Path.cwd()
        return Path(root, os.path.expanduser(given)).resolve() if given else None  # noqa: PTH111 - Path.expanduser needs the path first
    try:
        parts = urlsplit(given)
    except ValueError as error:
        raise MirrorError(f"DATA_MIRROR is {given!r}: {error}") from error
    if parts.username or parts.password:
        raise MirrorError("DATA_MIRROR holds a user name: give an address that needs none")
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(unquote(parts.path))
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise MirrorError(f"DATA_MIRROR is {given!r}: a directory or an http(s) address is needed")
    return given


def _mirrored(file: RemoteFile, dataset: str, mirror: Address | None) -> RemoteFile:
    if mirror is None:
        return file
    if isinstance(mirror, Path):
        first: Address = mirror / dataset / file.name
    else:
        first = f"{mirror.rstrip('/')}/{dataset}/{file.name}"
    return replace(file, addresses=(first, *file.addresses))


def _at(url: str, md5: str) -> RemoteFile:
    return RemoteFile(PurePosixPath(urlsplit(url).path).name, md5, (url,))
