"""The names of nets are those of torchvision; what may be one's own is said by its form."""

import pytest
import torchvision

from pipeline import net_names


def test_the_list_is_torchvisions() -> None:
    """A new version of torchvision with another net fails here."""
    assert list(net_names.TORCHVISION) == torchvision.models.list_models(module=torchvision.models)


@pytest.mark.parametrize(
    "name",
    ["lenet", "zfnet", "resnet18", "timm/vit_tiny_patch16_224", "timm/resnet18.a1_in1k",
     "mynets.tiny:build", "mynets.mine.deep:Net"],
)  # fmt: skip
def test_taken(name: str) -> None:
    """Of timm and of one's own the form alone is looked at: neither is imported here."""
    net_names.check(name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("resnet19", "did you mean resnet1"),
        ("os:system", r"function in the folder mynets/, named as mynets\.MODULE:FUNCTION"),
        ("mynets.tiny.build", "function in the folder mynets/"),
        ("timm/", "is no net"),
        ("", "is no net"),
    ],
)
def test_refused(name: str, words: str) -> None:
    """With what is allowed, and the nearest name where there is one."""
    with pytest.raises(ValueError, match=words):
        net_names.check(name)
