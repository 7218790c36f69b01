"""What the log says at the start: what is served and where, and what none should miss about it."""

import logging
import socket

from contract.reading.decoders import unreadable
from serving.models.lineup import Lineup, Role, Served
from serving.models.model import Facts

_log = logging.getLogger("serving")


def announce(
    lineup: Lineup, bound: socket.socket, grpc: socket.socket | None, *, max_pixels: int
) -> None:
    """Say what is served and where; then what nobody should miss about it."""
    address = f"http://{_address(bound)}"
    if grpc is not None:
        address += f", gRPC {_address(grpc)}"
    for served in lineup:
        facts = served.facts
        shown = ", ".join(facts.classes[:10]) + (", …" if len(facts.classes) > 10 else "")  # noqa: PLR2004 -- a line's worth
        role = "" if served.role is Role.PRIMARY else f" ({served.role.value})"
        if facts.variant_of:
            role += f", a variant of {facts.variant_of[:12]}"
        _log.info(
            "model %s, version %s%s, %d classes (%s), %s",
            *(facts.name, facts.version, role, len(facts.classes), shown, address),
        )
        _warn_of_fallback(served)
        _warn_of_pictures(served.facts, max_pixels=max_pixels)


def _address(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _warn_of_fallback(served: Served) -> None:
    dataset = served.facts.dataset
    if dataset.name != dataset.requested:
        rule = "!" * 78
        _log.warning(
            "%s\nThis model was trained on the fallback set %r instead of %r, which could not be "
            "fetched.\nIts answers are those of %r. `make refetch` tries again.\n%s",
            *(rule, dataset.name, dataset.requested, dataset.name, rule),
        )


def _warn_of_pictures(facts: Facts, *, max_pixels: int) -> None:
    """Say which pictures this server refuses though the model's rules would take them."""
    if missing := unreadable(facts.trained_formats):
        _log.warning(
            "model %s was trained on %s pictures, and this server cannot read them: %s",
            *(facts.name, ", ".join(missing), "install what reads them, as docs/http.md says"),
        )
    if max_pixels and max_pixels < facts.rules.max_pixels:
        _log.warning(
            "--max-pixels %d is below the %d of model %s: larger pictures are refused",
            *(max_pixels, facts.rules.max_pixels, facts.name),
        )
    elif max_pixels > facts.rules.max_pixels:
        _log.warning(
            "--max-pixels %d changes nothing: model %s takes pictures of up to %d pixels",
            *(max_pixels, facts.name, facts.rules.max_pixels),
        )
