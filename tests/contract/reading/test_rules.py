"""Rules travel as JSON; those of a later release are refused with what to do."""

import msgspec
import pytest

from contract.reading.errors import RulesError, UnknownFormat
from contract.reading.reader import read
from contract.reading.rules import BEFORE, FORMATS, current, decoded, known
from tests.contract.reading.case import colour
from tests.contract.reading.of_boxes import saved


def test_rules_survive_the_models_metadata() -> None:
    """Both versions, with every choice."""
    for rules in (BEFORE, current(), current(fit="pad", digit=True)):
        assert decoded(msgspec.json.encode(rules)) == rules
        assert known(rules) is rules


def test_version_0_is_what_the_server_did() -> None:
    """PNG and JPEG up to 2^24 pixels, squeezed, alpha as ink where it alone draws, no DCT scale."""
    assert BEFORE.formats == ("PNG", "JPEG")
    assert (BEFORE.max_pixels, BEFORE.fit, BEFORE.alpha) == (1 << 24, "squeeze", "ink_if_plain")
    assert not BEFORE.jpeg_scaling
    webp = saved("WEBP", colour(), lossless=True)
    with pytest.raises(UnknownFormat, match="a WEBP picture: PNG, JPEG are read"):
        read(webp, rules=BEFORE, shape=(3, 8, 8))
    assert current().formats == FORMATS


@pytest.mark.parametrize("version", [2, 99, -1])
def test_an_unknown_version_says_upgrade_or_export_again(version: int) -> None:
    """Also where its other fields are of a kind that this release does not know."""
    rules = msgspec.structs.replace(current(), version=version)
    with pytest.raises(RulesError, match=f"version {version}.*upgrade the server, or export"):
        known(rules)
    later = b'{"version": %d, "fit": "seam_carving"}' % version
    with pytest.raises(RulesError, match=f"version {version}.*upgrade the server, or export"):
        decoded(later)


@pytest.mark.parametrize(
    "text", [b"", b"[]", b'{"version": 1}', b'{"version": "1"}', b"{}", b"\xff"]
)
def test_unreadable_rules_are_refused(text: bytes) -> None:
    """What is no rules at all is RulesError, too."""
    with pytest.raises(RulesError, match="cannot be read"):
        decoded(text)


def test_unknown_formats_and_no_pixels_are_refused() -> None:
    """A format that no decoder here has a name for; a cap that lets nothing through."""
    with pytest.raises(RulesError, match="JXL"):
        known(msgspec.structs.replace(current(), formats=("PNG", "JXL")))
    nothing = msgspec.json.encode(msgspec.structs.replace(current(), max_pixels=0))
    with pytest.raises(RulesError, match="cannot be read"):
        decoded(nothing)
