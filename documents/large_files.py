"""Files too large for git, among those given: data belong to DVC. For pre-commit."""

import sys
from pathlib import Path

MOST_BYTES = 1 << 20


def main() -> None:
    large = [name for name in sys.argv[1:] if Path(name).stat().st_size > MOST_BYTES]
    if large:
        sys.exit(f"error: more than {MOST_BYTES:,} bytes: {', '.join(large)}; use `dvc add`")


if __name__ == "__main__":
    main()
