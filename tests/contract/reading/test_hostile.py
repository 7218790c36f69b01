"""Whatever the bytes: pixels, or a PictureError."""

import contextlib

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.reading.cost import decoding_bytes
from contract.reading.errors import PictureError
from contract.reading.reader import read
from contract.reading.rules import BEFORE, current
from contract.reading.signatures import format_of
from tests.contract.reading.corpus import cases

GOOD = [case.data for case in cases() if case.picture is not None and len(case.data) < 30_000]
SHAPE = (3, 16, 12)


def read_or_refuse(data: bytes) -> None:
    """Anything else that is raised fails the test."""
    for rules in (current(), BEFORE):
        with contextlib.suppress(PictureError):
            pixels = read(data, rules=rules, shape=SHAPE, max_pixels=1 << 20)
            assert pixels.shape == SHAPE
            assert pixels.dtype == np.uint8
        assert decoding_bytes(data, rules=rules, shape=SHAPE) >= 0


def changed(data: bytes, seed: int) -> bytes:
    """A few bytes, bits or stretches changed, mostly near the front, perhaps cut."""
    random = np.random.default_rng(seed)
    file = bytearray(data)
    for _ in range(int(random.integers(1, 6))):
        near = len(file) if random.random() < 0.5 else min(len(file), 200)
        at = int(random.integers(near))
        way = int(random.integers(4))
        if way == 0:
            file[at] ^= 1 << int(random.integers(8))
        elif way == 1:
            file[at] = int(random.choice([0, 1, 0x7F, 0x80, 0xFF]))
        elif way == 2:
            file[at : at + 4] = random.bytes(4)
        else:
            del file[at : at + int(random.integers(1, 9))]
        if not file:
            return b""
    return bytes(file[: int(random.integers(len(file)))] if random.random() < 0.2 else file)


@settings(max_examples=1500, deadline=None)
@given(st.sampled_from(GOOD), st.integers(0, 1 << 32))
def test_changed_files_are_read_or_refused(data: bytes, seed: int) -> None:
    """Bits flipped, fields at their limits, stretches lost."""
    read_or_refuse(changed(data, seed))


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(GOOD), st.floats(0, 1, exclude_max=True))
def test_cut_files_are_read_or_refused(data: bytes, part: float) -> None:
    """At any place."""
    read_or_refuse(data[: int(len(data) * part)])


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([b"", *{data[:12] for data in GOOD}]), st.binary(max_size=400))
def test_anything_behind_a_signature_is_read_or_refused(start: bytes, rest: bytes) -> None:
    """And no bytes at all upset what names the format."""
    format_of(start + rest)
    read_or_refuse(start + rest)
