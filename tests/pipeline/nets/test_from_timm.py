"""Nets of timm by name: any channels, classes and size; what is not there is said in a line."""

from pathlib import Path

import huggingface_hub
import msgspec
import pytest
import torch

from pipeline import config
from pipeline.nets import zoo
from pipeline.nets.errors import NetError, WeightsError

MODEL = config.load(Path(__file__).parents[3] / "params.yaml").model


def build(name: str, shape: tuple[int, int, int], *, pretrained: bool = False) -> torch.nn.Module:
    return zoo.build(
        msgspec.structs.replace(MODEL, name=f"timm/{name}", pretrained=pretrained),
        image_shape=shape, classes=3, mean=[0.5] * shape[0], std=[0.2] * shape[0],
    )  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "resnet10t",
        "vit_tiny_patch16_224",
        *(
            pytest.param(name, marks=pytest.mark.soak_all)
            for name in ("efficientnet_lite0", "mobilenetv4_conv_small", "convnext_atto",
                         "ghostnet_050", "swin_tiny_patch4_window7_224")
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 41, 60)])
def test_any_image_shape(name: str, shape: tuple[int, int, int]) -> None:
    """The patches of a vit fit the canvas that it is given."""
    net = build(name, shape).eval()
    assert net(torch.zeros(2, *shape, dtype=torch.uint8)).shape == (2, 3)


def test_an_unknown_name_is_refused() -> None:
    """With names that hold the word, where there are some."""
    with pytest.raises(NetError, match=r"timm has no such net: did you mean .*resnet"):
        build("esnet", (3, 32, 32))


def test_weights_that_nobody_sends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the hub does not answer, one line says what to do."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)  # set at its import
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsError, match=r"weights of timm/resnet10t\S* cannot be had .*HF_HOME"):
        build("resnet10t.c3_in1k", (3, 32, 32), pretrained=True)
