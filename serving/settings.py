"""Flags and SERVING_* variables become one frozen, checked Settings."""

import argparse
import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from contract.sidecars import FP32, INT8
from serving.errors import SettingsRefused

_GREATEST_PORT = 65535
VARIANTS = (FP32, INT8)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")  # a part of a path


def _option(default: object, text: str, *, least: float | None = None, secret: bool = False) -> Any:  # noqa: ANN401 -- as dataclasses.field
    return field(default=default, repr=not secret, metadata={"help": text, "least": least})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that can be chosen about a server; each field is `--flag` and `SERVING_FLAG`."""

    model: str = _option(
        "models/model.onnx", "path of the ONNX file, of a folder with one, or models:/name@alias"
    )
    variant: str = _option(
        FP32, "which file of the model answers: fp32, itself; int8, variants/int8.onnx beside it"
    )
    name: str = _option("", "name to serve the model under; empty: the one it was exported with")
    challenger: str = _option("", "a second model beside the first; same forms; empty: none")
    shadow: float = _option(0.1, "share of requests that the challenger answers unseen", least=0)
    host: str = _option("127.0.0.1", "address to listen on")
    port: int = _option(8000, "port to listen on; 0: any free one", least=0)
    grpc_port: int = _option(-1, "port for V2 over gRPC; 0: any free one; -1: none", least=-1)
    workers: int = _option(1, "processes that share the port", least=1)
    threads: int = _option(0, "threads per model run; 0: the available cores / workers", least=0)
    max_batch: int = _option(1024, "images in one request at most", least=1)
    slice: int = _option(64, "images in one run at most; fewer where that is as fast", least=1)
    queue: int = _option(
        0, "images waiting in one worker; 0: what --deadline and --body-memory allow", least=0
    )
    deadline: float = _option(
        10.0, "seconds from a request to its answer; what would take longer is 503", least=0
    )
    body_limit: int = _option(32 << 20, "bytes of a body, also after decompression", least=1)
    body_memory: int = _option(256 << 20, "bytes that connections may hold, in one worker", least=1)
    max_pixels: int = _option(0, "pixels of one picture; 0: what the model says", least=0)
    header_timeout: float = _option(10.0, "seconds for a request's headers to arrive", least=0.1)
    body_timeout: float = _option(30.0, "seconds for a request's body to arrive", least=0.1)
    idle_timeout: float = _option(75.0, "seconds a connection may stay idle", least=0.1)
    heartbeat: float = _option(
        20.0, "seconds without a sign of life before a worker is replaced; 0: never", least=0
    )
    drain: float = _option(5.0, "seconds of not ready but serving after SIGTERM", least=0)
    watch: float = _option(0.5, "seconds between looks at the model file; 0: never", least=0)
    api_key: str = _option("", "key that callers must send; empty: none is asked for", secret=True)
    api_key_file: str = _option("", "file of such keys, one a line, read again when it changes")
    allowed_hosts: str = _option(
        "", "names in Host, by comma; *: any; empty: any, but on loopback its own names"
    )
    cors_origins: str = _option("", "origins whose pages may call, by comma; *: any; empty: none")
    trusted_proxy: str = _option(
        "", "addresses or networks of proxies whose X-Forwarded-For counts, by comma"
    )
    explain: bool = _option(True, "offer layer activations where the sidecar file exists")  # noqa: FBT003 -- the field's default
    feedback: str = _option("", "folder for POST /feedback to fill; empty: it is off")
    feedback_images: int = _option(5000, "images that the folder may hold", least=1)
    feedback_bytes: int = _option(64 << 20, "bytes that the folder may hold", least=1)
    access_log: bool = _option(True, "one JSON line for each request")  # noqa: FBT003 -- the field's default

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            least, given = item.metadata["least"], getattr(self, item.name)
            if least is not None and not given >= least:
                raise SettingsRefused(f"{_flag(item.name)} is {given!r}: give {least} or more")
        for flag, port, least in (("--port", self.port, 0), ("--grpc-port", self.grpc_port, -1)):
            if port > _GREATEST_PORT:
                raise SettingsRefused(f"{flag} is {port}: give {least} to {_GREATEST_PORT}")
        if self.shadow > 1:
            raise SettingsRefused(f"--shadow is {self.shadow}: give a share from 0 to 1")
        if not self.model:
            raise SettingsRefused("--model is empty: give the path of an ONNX file")
        if self.variant not in VARIANTS:
            raise SettingsRefused(f"--variant is {self.variant!r}: give {' or '.join(VARIANTS)}")
        if self.name and not _NAME.fullmatch(self.name):
            raise SettingsRefused(
                f"--name is {self.name!r}: give up to 253 of letters, digits, '.', '_' and '-', "
                "beginning with a letter or digit"
            )

        self.trusted_networks  # noqa: B018 -- is checked

    @property
    def trusted_networks(self) -> list[IPv4Network | IPv6Network]:
        """Raise SettingsRefused for what is no address and no network."""
        try:
            return [ip_network(text) for text in listed(self.trusted_proxy)]
        except ValueError:
            raise SettingsRefused(
                f"--trusted-proxy is {self.trusted_proxy!r}: give addresses or networks, like "
                "127.0.0.1 or 10.0.0.0/8, by comma"
            ) from None

    @property
    def batch_limit(self) -> int:
        """Images of one request at most: what the queue can never take is not let in."""
        return min(self.max_batch, self.queue or self.max_batch)


def listed(text: str) -> list[str]:
    """Split at commas; spaces and empty items do not count."""
    return [item.strip() for item in text.split(",") if item.strip()]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:  # noqa: ANN401 -- never returns
        raise SettingsRefused(f"{message}; see python -m serving --help")


def read(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Flags win over SERVING_* variables, which win over defaults.

    Raises SettingsRefused with a one-line text for anything that is not allowed.
    """
    flags = vars(_parser().parse_args(arguments))
    values: dict[str, Any] = {}
    for item in dataclasses.fields(Settings):
        variable = f"SERVING_{item.name.upper()}"
        if flags[item.name] is not None:
            values[item.name] = flags[item.name]
        elif variable in environment:
            values[item.name] = _typed(environment[variable], kind=item.type, name=variable)
    return Settings(**values)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m serving",
        description="Serve an exported image classifier over HTTP.",
        epilog="Every option is also a variable: --max-batch is SERVING_MAX_BATCH.",
        allow_abbrev=False,
    )
    for item in dataclasses.fields(Settings):
        text = f"{item.metadata['help']} (default: {item.default!r})"
        if item.type is bool:
            action = argparse.BooleanOptionalAction
            parser.add_argument(_flag(item.name), action=action, default=None, help=text)
        else:
            parser.add_argument(_flag(item.name), type=item.type, default=None, help=text)
    return parser


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _typed(text: str, *, kind: object, name: str) -> object:
    if kind is bool:
        words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
        if text.lower() not in words:
            raise SettingsRefused(f"{name} is {text!r}: give true or false")
        return words[text.lower()]
    try:
        return kind(text)  # type: ignore[operator]  # int, float or str
    except ValueError:
        raise SettingsRefused(f"{name} is {text!r}: give a number ({kind.__name__})") from None  # type: ignore[attr-defined]  # a class
