"""Keys from a file: several, changed while the server runs."""

from pathlib import Path

import pytest

from serving.errors import SettingsRefused
from serving.keys import keys_of
from tests.serving.live import Server, serving, start_process
from tests.serving.load import eventually, replace
from tests.serving.wire.raw_http import RawClient, head


def status_with(server: Server, key: str) -> int:
    return server.ask("GET", "/model", x_api_key=key).status


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.soak)])
def test_keys_change_without_a_restart(tiny_model: Path, tmp_path: Path, workers: str) -> None:
    """All in the file open; a new one soon, a removed one no more; a broken file changes none."""
    file = tmp_path / "keys"
    file.write_text("# those of today\nfirst\n\n second \n")
    flags = ("--model", str(tiny_model), "--workers", workers, "--api-key-file", str(file))
    with serving(*flags) as server, RawClient(server) as open_before:
        asks = head("/model", "X-API-Key: first", method="GET")
        for _ in range(3):
            open_before.send(asks)
            assert open_before.reply().status == 200
        assert [status_with(server, key) for key in ("first", "second")] == [200, 200]
        assert [status_with(server, key) for key in ("third", "", "# those of today")] == [401] * 3
        replace(file, b"second\nthird\n")
        eventually(
            lambda: all(status_with(server, "first") == 401 for _ in range(10)), "the new keys"
        )
        open_before.send(asks)
        assert open_before.reply().status == 401  # an equal head, on a connection from before
        assert [status_with(server, key) for key in ("second", "third")] == [200, 200]
        file.write_text("")
        eventually(lambda: "the keys from before stay" in "".join(server.log), "a warning")
        assert status_with(server, "third") == 200
        server.stop()
        assert not any(key in line for key in ("second", "third") for line in server.log)


@pytest.mark.parametrize("content", [None, "", "# none\n", "two words\n", "kéy\n"])
def test_a_file_without_keys_stops_the_start(tmp_path: Path, content: str | None) -> None:
    """One line, status 2: a server that was meant to be guarded is never open."""
    file = tmp_path / "keys"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingsRefused, match="--api-key-file"):
        keys_of("", str(file))
    process = start_process("--api-key-file", str(file))
    _, log = process.communicate(timeout=30)
    assert process.returncode == 2
    assert len(log.splitlines()) == 1


def test_the_flag_and_the_file_add_up(tmp_path: Path) -> None:
    """Either opens, by both fields; they do not show in a printed value."""
    file = tmp_path / "keys"
    file.write_text("filed\n")
    keys = keys_of("flagged", str(file))
    assert keys.open({b"x-api-key": b"filed"})
    assert keys.open({b"authorization": b"Bearer flagged"})
    assert not keys.open({b"authorization": b"Basic flagged"})
    assert not keys.open({})
    assert "filed" not in repr(keys)
    assert "flagged" not in repr(keys)
