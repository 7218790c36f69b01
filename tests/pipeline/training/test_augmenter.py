"""Every augmentation at once: of each image its own, the same again, and the same in pieces."""

from pathlib import Path

import msgspec
import torch

from pipeline import config
from pipeline.training.augment import seeded
from pipeline.training.augmenter import Augmenter, coin
from pipeline.training.batches import Chunk

PARAMS = config.load(Path(__file__).parents[3] / "params.yaml")
SHAPE, IMAGES = (3, 16, 16), 12
ALL = {
    "border": "reflect", "mirror": "alternating", "crop": 0.5, "trivial": True, "colour": 0.3,
    "grey": 0.2, "erase": 0.5, "mixup": 0.2, "cutmix": 1.0,
}  # fmt: skip
NONE = {"rotation": 0.0, "scale": 0.0, "shear": 0.0, "shift": 0.0, "elastic": 0.0}


def augmenter(**changes: object) -> Augmenter:
    train = config.settled(msgspec.structs.replace(PARAMS.train, **changes))
    return Augmenter(train, SHAPE, "cpu")


def one_image_many_times() -> torch.Tensor:
    image = torch.randint(0, 256, (1, *SHAPE), dtype=torch.uint8, generator=seeded(0))
    return image.expand(IMAGES, -1, -1, -1)


def test_every_image_has_its_own_and_equal_seeds_the_same() -> None:
    """No two of twelve copies come out alike; the same generator makes the same pixels."""
    made = augmenter(**ALL)
    places = torch.arange(IMAGES)

    def once() -> torch.Tensor:
        return made.apply(one_image_many_times(), made.draw(places, seeded(3), epoch=1))[0]

    pixels = once()
    assert pixels.shape == (IMAGES, *SHAPE)
    assert bool(pixels.isfinite().all())
    assert 0 <= float(pixels.min()) <= float(pixels.max()) <= 255.001
    assert len({row.numpy().tobytes() for row in pixels}) == IMAGES
    assert torch.equal(once(), pixels)


def test_a_chunk_is_cut_with_its_numbers() -> None:
    """Mini-batches come out as the whole chunk does, where images do not mix across them."""
    made = augmenter(**ALL | {"mixup": 0.0, "cutmix": 0.0})
    places, images = torch.arange(IMAGES), one_image_many_times()
    drawn = made.draw(places, seeded(3), epoch=0)
    chunk = Chunk(images, torch.zeros(IMAGES, dtype=torch.int64), [5, 7], places)
    parts = [made.apply(batch.images, batch.drawn)[0] for batch in chunk.mini_batches(drawn)]
    whole = made.apply(images, drawn)[0]  # of 0 to 255; other sizes are summed in another order
    torch.testing.assert_close(torch.cat(parts), whole, rtol=0, atol=0.01)


def test_nothing_asked_nothing_done() -> None:
    """Pixels pass as they are, and no number is drawn."""
    still = augmenter(**NONE)
    assert not still.on
    drawn = still.draw(torch.arange(IMAGES), seeded(0), epoch=0)
    assert drawn.coefficients is None
    assert drawn.uniform is None
    images = one_image_many_times()
    assert still.apply(images, drawn)[0] is images


def test_the_mirror_alternates() -> None:
    """Each image is mirrored in every other epoch; which it is first depends on the seed."""
    turning = augmenter(**NONE | {"mirror": "alternating"})
    places = torch.arange(1000)
    first, second, third = (
        turning.draw(places, seeded(epoch), epoch=epoch).coefficients for epoch in range(3)
    )
    assert first is not None
    assert second is not None
    assert third is not None
    assert torch.equal(first, third)
    assert torch.equal(first[:, 0, 1], -second[:, 0, 1])
    assert 400 < int(coin(places, 0).sum()) < 600
    assert 400 < int((coin(places, 0) ^ coin(places, 1)).sum()) < 600
