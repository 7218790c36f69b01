"""Why a file gives no pixels; each text goes to the user as it stands and names no file."""

# ruff: noqa: N818 -- named for what the file is, as the server's errors are


class PictureError(ValueError):
    """Says what was given, what is allowed and what to do."""


class UnknownFormat(PictureError):
    """No picture at all, or of a format that the rules do not name."""


class MissingDecoder(PictureError):
    """A known format, for which nothing is installed here."""


class BrokenPicture(PictureError):
    """Damaged, cut short, or of a kind of pixels that is not read."""


class TooManyPixels(PictureError):
    """Above the cap; nothing was decoded."""


class RulesError(ValueError):
    """Rules of reading that this release does not know."""


def cut(name: str) -> BrokenPicture:
    return BrokenPicture(f"the {name} file is truncated: send the whole file")


def damaged(name: str, why: str) -> BrokenPicture:
    return BrokenPicture(f"the {name} file is damaged ({why}): send it whole and unchanged")
