"""robustness: each change against a hand-made picture, and the count of right answers."""

from functools import partial

import numpy as np
import pytest

from contract.arrays import Images
from pipeline.data.kinds import Kind
from pipeline.evaluation import robustness

GENERATOR = np.random.default_rng(0)


def picture(channels: int = 1) -> Images:
    images = np.zeros((2, channels, 7, 7), np.uint8)
    images[:, :, 3, 4] = 200
    return images


@pytest.mark.parametrize(("down", "right"), [(0, 1), (-2, 0), (1, -1)])
def test_shift_moves_down_and_right(down: int, right: int) -> None:
    """The bright pixel lands where it was sent, in every channel, and nothing else lights up."""
    moved = robustness.shifted(picture(3), GENERATOR, down=down, right=right)
    expected = np.zeros_like(moved)
    expected[:, :, 3 + down, 4 + right] = 200
    np.testing.assert_array_equal(moved, expected)


def test_shift_repeats_the_border() -> None:
    """A bright background stays bright: no black bar comes in from outside."""
    bright = np.full((1, 1, 4, 4), 250, np.uint8)
    assert (robustness.shifted(bright, GENERATOR, down=3, right=-3) == 250).all()


def test_quarter_turn_is_numpys() -> None:
    """90 degrees anticlockwise is np.rot90; a negative angle turns the other way."""
    for degrees, quarters in [(90.0, 1), (-90.0, 3)]:
        turned = robustness.rotated(picture(), GENERATOR, degrees=degrees)
        np.testing.assert_array_equal(turned, np.rot90(picture(), quarters, axes=(2, 3)))


def test_noise_is_seeded_and_of_the_given_size() -> None:
    """Grey images get a standard deviation of sigma, the same one each time."""
    grey = np.full((20, 1, 32, 32), 128, np.uint8)
    first, second = (robustness.noisy(grey, np.random.default_rng(3), sigma=0.1) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.std() / 255 == pytest.approx(0.1, rel=0.02)


def test_blur_keeps_the_ink_and_spreads_it() -> None:
    """A point of light becomes a symmetric hill with the same sum; channels do not mix."""
    images = np.zeros((1, 2, 15, 15), np.uint8)
    images[:, 0, 7, 7] = 255
    hill = robustness.blurred(images, GENERATOR, sigma=1.0)
    assert 240 <= hill[0, 0].sum() <= 270
    assert hill[0, 0, 7, 7] == hill.max() == pytest.approx(255 / (2 * np.pi), abs=1.5)
    np.testing.assert_array_equal(hill[0, 0], hill[0, 0].T)
    assert not hill[0, 1].any()


def test_inverted_ink() -> None:
    """0 becomes 255 and back."""
    pixels = np.array([[[[0, 255, 100]]]], np.uint8)
    assert robustness.inverted(pixels, GENERATOR).ravel().tolist() == [255, 0, 155]


def test_accuracy_is_over_all_images_and_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two changes of four images, three right in the one and one in the other: 0.5, chunked too."""
    images = np.zeros((4, 1, 2, 2), np.uint8)
    labels = np.array([0, 0, 0, 1])

    def says(value: int, given: Images, _: np.random.Generator) -> Images:
        return np.full_like(given, value)

    def predict(given: Images) -> robustness.Floats:
        return np.eye(2)[given[:, 0, 0, 0]]

    challenge = robustness.Challenge("x", "y", (partial(says, 0), partial(says, 1)))
    for chunk in (1024, 3):
        monkeypatch.setattr(robustness, "CHUNK", chunk)
        assert robustness.accuracy_under(challenge, predict, images, labels) == 0.5


def test_light_and_colours() -> None:
    """Twice as bright ends at white; without colours all channels are the luminance."""
    pixels = np.array([[[[100]], [[200]], [[30]]]], np.uint8)
    assert robustness.lit(pixels, GENERATOR, factor=2.0).ravel().tolist() == [200, 255, 60]
    assert robustness.lit(pixels, GENERATOR, factor=0.5).ravel().tolist() == [50, 100, 15]
    assert robustness.greyed(pixels, GENERATOR).ravel().tolist() == [151, 151, 151]


def test_jpeg_keeps_what_is_smooth() -> None:
    """A flat picture comes back, a noisy one does not; its order of channels stays."""
    flat = np.zeros((1, 3, 16, 16), np.uint8)
    flat[:, 0] = 200
    back = robustness.compressed(flat, GENERATOR).astype(int)
    assert np.abs(back - flat).max() <= 6
    noisy = np.random.default_rng(0).integers(0, 256, (1, 3, 16, 16), dtype=np.uint8)
    assert np.abs(robustness.compressed(noisy, GENERATOR).astype(int) - noisy).mean() > 10


@pytest.mark.parametrize(
    ("kind", "own"),
    [("digits", {"inverted"}), ("grey", {"light"}), ("photos", {"grey", "jpeg", "light"})],
)
def test_every_challenge_keeps_shape_and_type(kind: Kind, own: set[str]) -> None:
    """All challenges of params.yaml give uint8 of the shape they got, and say what they mean."""
    channels = 3 if kind == "photos" else 1
    images = np.random.default_rng(1).integers(0, 256, (3, channels, 12, 9), dtype=np.uint8)
    listed = robustness.challenges(kind, shift=2, rotation=15.0, noise=0.2, blur=1.0)
    assert [challenge.name for challenge in listed] == sorted(c.name for c in listed)
    assert {one.name for one in listed} == {"blur", "noise", "rotation", "shift", *own}
    for challenge in listed:
        assert robustness.meaning(challenge.name)
        for change in challenge.changes:
            changed = change(images, np.random.default_rng(0))
            assert (changed.dtype, changed.shape) == (images.dtype, images.shape)
            assert (changed != images).any()
