"""A terminal sees one line that moves; a log sees one line a file."""

import io

from pipeline.data.progress import Progress, megabytes


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_the_share() -> None:
    """Redrawn in place, and taken away when the download is over."""
    terminal = Terminal()
    progress = Progress("a.gz", "somewhere", 200_000, terminal)
    progress.at(50_000)
    progress.at(50_001)
    progress.leave()
    progress.end(200_000)
    assert terminal.getvalue() == (
        "\r\x1b[K  a.gz   25 % of 0.2 MB\r\x1b[K\r\x1b[K  a.gz  0.2 MB from somewhere\n"
    )


def test_a_log_sees_the_end() -> None:
    """What takes less than ten seconds is one line."""
    log = io.StringIO()
    progress = Progress("a.gz", "somewhere", None, log)
    progress.at(50_000)
    progress.leave()
    progress.end(50_000)
    assert log.getvalue() == "  a.gz  50,000 bytes from somewhere\n"


def test_sizes_read_well() -> None:
    """Megabytes are powers of ten."""
    assert [megabytes(count) for count in (99_999, 100_000, 561_753_746)] == [
        "99,999 bytes",
        "0.1 MB",
        "561.8 MB",
    ]
