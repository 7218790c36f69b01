"""What the serving benchmark times is right before it is timed."""

from pathlib import Path

import pytest

from benchmarks.peers import CASES, fastapi, ours
from benchmarks.running import check, free_port, running
from benchmarks.serving import LIMIT, SECOND, prepare, ratios
from benchmarks.wrk import Call
from tests.serving.onnx_files import build_model


@pytest.mark.parametrize("peer_of", [ours, fastapi])
def test_a_peer_answers_every_case_rightly(tmp_path: Path, peer_of: type) -> None:
    """This server and plain FastAPI give the model's probabilities, or the benchmark stops."""
    model = tmp_path / "model.onnx"
    model.write_bytes(build_model())
    bench = prepare(model, tmp_path, 1.0, [0, 0])
    port = free_port()
    peer = peer_of(model, bench.images, port)
    first = peer.calls[CASES[0]]
    with running(
        peer, port=port, cores=[0], first=first, expected=bench.expected[:1], log=tmp_path / "log"
    ) as server:
        for call in peer.calls.values():
            named = Call(call.path.format(name=bench.name), call.fields, call.body, call.images)
            check(server.url, peer, named, bench.expected[: call.images])
        with pytest.raises(RuntimeError, match="wrongly"):
            check(server.url, peer, first, 1 - bench.expected[:1])
        assert 20 < server.rss_mb < 500


def test_ratios_are_of_the_right_figures() -> None:
    """Ours over the peer's, ours over the limit, two over one; each with what is wanted."""
    medians = {("this server", case): 8.0 for case in CASES}
    medians |= {("plain FastAPI", case): 2.0 for case in CASES}
    one, other = (f"{case}, saturated" for case in CASES[:2])
    medians |= {("this server", one): 9.0, ("this server", other): 8.0, (LIMIT, CASES[3]): 16.0}
    medians |= {(SECOND, one): 18.0, (SECOND, other): 8.0}
    medians |= {("this server", f"{CASES[0]}, p99 ms"): 2.0}
    medians |= {("plain FastAPI", CASES[0]): 1.6}
    medians |= {("this server", "first answer s"): 0.4, ("this server", "RSS MB"): 121.0}
    found = [(value, met) for _, value, _, met in ratios(medians)]
    assert found == [
        (5.0, True), (4.0, False), (4.0, True), (0.5, False), (2.0, True), (1.0, False),
        (2.0, True), (0.4, True), (121.0, False),
    ]  # fmt: skip
