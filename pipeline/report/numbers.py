"""How the report writes numbers: as the page of the server does (serving/page/numbers.js)."""

SPACE = "\N{NO-BREAK SPACE}"
THOUSAND, MILLION = 1_000, 1_000_000


def percent(share: float, *, decimals: int = 2) -> str:
    """0.9942 → 99.42 %. Two decimals for measures, one for a single probability."""
    return f"{100 * share:.{decimals}f}{SPACE}%"


def count(number: int) -> str:
    """62158 → 62,158."""
    return f"{number:,}"


def size(file_bytes: int) -> str:
    """In kB or MB, of 1,000 and 1,000,000 bytes."""
    if file_bytes >= MILLION:
        return f"{file_bytes / MILLION:.1f}{SPACE}MB"
    return f"{file_bytes / THOUSAND:.0f}{SPACE}kB"
