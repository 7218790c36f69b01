"""JSON text to pixels: what is read, what is refused, against the standard library's parser."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from serving.dialects import json_numbers
from serving.dialects.json_numbers import read_cell, read_images, read_tensor
from serving.errors import BadRequest

SHAPE = (1, 2, 3)
IMAGES = np.arange(12, dtype=np.uint8).reshape(2, *SHAPE)


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 4), st.just(3), st.just(2), st.just(2))))
def test_every_array_comes_back_as_it_went(array: np.ndarray) -> None:
    """Nested lists of any batch read back equal, however the text is spaced."""
    for indent in (None, 1):
        text = json.dumps(array.tolist(), indent=indent).encode()
        assert np.array_equal(read_images(text, (3, 2, 2), limit=4), array)


@pytest.mark.parametrize(
    "value",
    [
        IMAGES[0, 0].tolist(),
        IMAGES[0].tolist(),
        IMAGES[:1].tolist(),
        IMAGES[:1, 0].tolist(),
        IMAGES[0].astype(float).tolist(),
    ],
)
def test_one_image_in_each_of_its_forms(value: object) -> None:
    """[H][W], [C][H][W], lists of them, and integral floats mean the same image."""
    assert np.array_equal(read_images(json.dumps(value).encode(), SHAPE, limit=1), IMAGES[:1])


BAD = [
    b"",
    b"7",
    b"[]",
    b"[[]]",
    b"[[1,2,3],[4,5]]",
    b"[[1,2,3],[4,5,6,7]]",
    b"[1,2,3,4,5,6]",
    b"[[[[[1,2,3],[4,5,6]]]]]",
    b"[[1,2,3],[4,5,6]]" * 2,
    b"[[1,2,3],[4,5,256]]",
    b"[[1,2,3],[4,5,-1]]",
    b"[[1,2,3],[4,5,6.5]]",
    b"[[1,2,3],[4,5,NaN]]",
    b"[[1,2,3],[4,5,Infinity]]",
    b"[[1,2,3],[4,5,1e400]]",
    b"[[1,2,3],[4,5,true]]",
    b"[[1,2,3],[4,5,null]]",
    b'[[1,2,3],[4,5,"7"]]',
    b"[[1,2,3],[4,5,1 2]]",
    b"[[1,2,3],[4,5,]]",
    b"[[1,2,3],[4,5,06]]",
    b"[[1,2,3],[4,5,6]",
    b"\xef\xbb\xbf[[1,2,3],[4,5,6]]",
    b"\xff[[1,2,3],[4,5,6]]",
    b"[" * 250_000,
    b"[" * 125_000 + b"]" * 125_000,
]


@pytest.mark.parametrize("text", BAD)
def test_anything_else_is_refused(text: bytes) -> None:
    """Ragged, deep, empty, out of range, fractional or no numbers at all: BadRequest."""
    with pytest.raises(BadRequest, match="integer"):
        read_images(text, SHAPE, limit=4)


def test_the_limit_counts_images() -> None:
    """One more than the limit is refused."""
    text = json.dumps(IMAGES.tolist()).encode()
    assert len(read_images(text, SHAPE, limit=2)) == 2
    with pytest.raises(BadRequest, match="a list of one: the shape seen"):
        read_images(text, SHAPE, limit=1)


def test_a_tensor_may_be_flat_or_nested_as_its_shape_says() -> None:
    """Both forms of the V2 protocol; the count must be the shape's product."""
    nested, flat = IMAGES.tolist(), IMAGES.ravel().tolist()
    for value in (nested, flat):
        assert np.array_equal(read_tensor(json.dumps(value).encode(), (2, *SHAPE)), IMAGES)
    for value in (flat[:-1], [*flat, 1], nested[0], [nested]):
        with pytest.raises(BadRequest, match="12"):
            read_tensor(json.dumps(value).encode(), (2, *SHAPE))


def test_a_cell_may_be_flat_or_nested() -> None:
    """A data frame's cell holds one image."""
    for value in (IMAGES[0].tolist(), IMAGES[0, 0].tolist(), IMAGES[0].ravel().tolist()):
        assert np.array_equal(read_cell(json.dumps(value).encode(), SHAPE), IMAGES[0])
    with pytest.raises(BadRequest, match="column images"):
        read_cell(json.dumps(IMAGES.tolist()).encode(), SHAPE)


def in_pieces(text: bytes, size: int, limit: int = 4) -> np.ndarray | None:
    """Read as a large text is read, in pieces of so many bytes; None: it is refused."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_numbers, "AT_ONCE_BYTES", 1)
        patch.setattr(json_numbers, "_PIECE_BYTES", size)
        return at_once(text, limit)


def at_once(text: bytes, limit: int = 4) -> np.ndarray | None:
    try:
        return read_images(text, SHAPE, limit=limit)
    except BadRequest:
        return None


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_a_large_text_is_read_in_pieces(size: int) -> None:
    """However it is cut: the same images, from integers, floats and any spacing."""
    for array in (IMAGES, IMAGES.astype(float)):
        for indent in (None, 1):
            text = json.dumps(array.tolist(), indent=indent).encode()
            found = in_pieces(text, size)
            assert found is not None
            assert np.array_equal(found, IMAGES)
    for text in BAD:
        assert in_pieces(text, size) is None
    text = json.dumps(IMAGES.astype(float).tolist()).replace("9.0", "9.5").encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_numbers, "AT_ONCE_BYTES", 1)
        patch.setattr(json_numbers, "_PIECE_BYTES", size)
        with pytest.raises(BadRequest, match="image 1"):
            read_images(text, SHAPE, limit=4)


WHOLE = json.dumps(IMAGES.tolist()).encode()


@given(
    st.integers(0, len(WHOLE) - 1),
    st.integers(0, len(WHOLE) - 1),
    st.sampled_from([b"[", b"]", b",", b"0", b"1", b" ", b"-", b".", b"e", b""]),
    st.integers(1, 40),
)
def test_pieces_take_no_more_than_the_whole_does(at: int, cut: int, put: bytes, size: int) -> None:
    """A number moved, lost or doubled anywhere, also to between lists: refused by both, or none."""
    moved = WHOLE[cut : cut + 1]
    rest = WHOLE[:cut] + WHOLE[cut + 1 :]
    for text in (rest[:at] + moved + rest[at:], rest[:at] + put + rest[at:], WHOLE[:at] + put):
        whole, pieces = at_once(text), in_pieces(text, size)
        if whole is None or pieces is None:
            assert whole is pieces
        else:
            assert np.array_equal(whole, pieces)


def test_large_texts_keep_their_promise() -> None:
    """A text of some megabytes, as clients send it: cut for real."""
    images = np.random.default_rng(0).integers(0, 256, (700, 3, 32, 32)).astype(np.uint8)
    text = json.dumps(images.tolist()).encode()
    assert len(text) > 4 * json_numbers.AT_ONCE_BYTES
    assert np.array_equal(read_images(text, (3, 32, 32), limit=700), images)
