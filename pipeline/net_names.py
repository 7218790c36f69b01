"""The names that `model.name` takes, and the images that each family of nets can be given."""

import difflib
import re
from dataclasses import dataclass

FROM_TIMM = "timm/"
OWN_FOLDER = "mynets"
_TIMM = re.compile(r"timm/[a-z][a-z0-9_]*(\.[a-z0-9_]+)?")
_OWN = re.compile(rf"{OWN_FOLDER}(\.[A-Za-z_]\w*)+:[A-Za-z_]\w*")

# torchvision's classification nets; a test compares them with torchvision's own list
_LISTED = """
    alexnet convnext_base convnext_large convnext_small convnext_tiny densenet121 densenet161
    densenet169 densenet201 efficientnet_b0 efficientnet_b1 efficientnet_b2 efficientnet_b3
    efficientnet_b4 efficientnet_b5 efficientnet_b6 efficientnet_b7 efficientnet_v2_l
    efficientnet_v2_m efficientnet_v2_s googlenet inception_v3 maxvit_t mnasnet0_5 mnasnet0_75
    mnasnet1_0 mnasnet1_3 mobilenet_v2 mobilenet_v3_large mobilenet_v3_small regnet_x_16gf
    regnet_x_1_6gf regnet_x_32gf regnet_x_3_2gf regnet_x_400mf regnet_x_800mf regnet_x_8gf
    regnet_y_128gf regnet_y_16gf regnet_y_1_6gf regnet_y_32gf regnet_y_3_2gf regnet_y_400mf
    regnet_y_800mf regnet_y_8gf resnet101 resnet152 resnet18 resnet34 resnet50 resnext101_32x8d
    resnext101_64x4d resnext50_32x4d shufflenet_v2_x0_5 shufflenet_v2_x1_0 shufflenet_v2_x1_5
    shufflenet_v2_x2_0 squeezenet1_0 squeezenet1_1 swin_b swin_s swin_t swin_v2_b swin_v2_s
    swin_v2_t vgg11 vgg11_bn vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn vit_b_16 vit_b_32
    vit_h_14 vit_l_16 vit_l_32 wide_resnet101_2 wide_resnet50_2
"""
TORCHVISION = tuple(_LISTED.split())
WITHOUT_WEIGHTS = ("lenet", "zfnet")
# families whose first layer has a stride of 2; of timm's the net itself tells
WITH_LARGE_STEM = (
    "densenet", "efficientnet", "mnasnet", "mobilenet", "regnet", "resnet", "resnext", "shufflenet",
    "wide_resnet", FROM_TIMM,
)  # fmt: skip
NAMES = (*WITHOUT_WEIGHTS, *TORCHVISION)


@dataclass(frozen=True)
class Family:
    """What images a family is given, in px: smaller ones are scaled and centred on more."""

    least: int = 32
    multiple: int = 1  # of which height and width are multiples
    square: bool = False
    published_side: int | None = None  # the only one that published weights fit


FAMILIES = {
    "alexnet": Family(64),
    "zfnet": Family(64),
    "inception": Family(75),
    "maxvit": Family(224, 224, square=True, published_side=224),
    "squeezenet": Family(64),
    "vit_b_16": Family(32, 16, square=True, published_side=224),
    "vit_l_16": Family(32, 16, square=True, published_side=224),
    "vit_b_32": Family(32, 32, square=True, published_side=224),
    "vit_l_32": Family(32, 32, square=True, published_side=224),
    "vit_h_14": Family(28, 14, square=True, published_side=518),
    FROM_TIMM: Family(32, 32),
    f"{OWN_FOLDER}.": Family(1),
}


def check(name: str) -> None:
    """Raise ValueError where no net has the name; of `mynets` and timm the form alone is known."""
    if name in NAMES or _TIMM.fullmatch(name) or _OWN.fullmatch(name):
        return
    if ":" in name or name.startswith(OWN_FOLDER):
        raise ValueError(
            f"name {name!r}: a net of your own is a function in the folder {OWN_FOLDER}/, named as "
            f"{OWN_FOLDER}.MODULE:FUNCTION"
        )
    close = difflib.get_close_matches(name, NAMES, n=3)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    raise ValueError(
        f"name {name!r} is no net: {hint}allowed: lenet, zfnet, torchvision's classification nets "
        f"({TORCHVISION[0]} to {TORCHVISION[-1]}), timm/NAME, {OWN_FOLDER}.MODULE:FUNCTION"
    )


def check_pretrained(name: str) -> None:
    """Raise ValueError where nobody has published weights."""
    if name in WITHOUT_WEIGHTS or name.startswith(OWN_FOLDER):
        raise ValueError(f"there are no published weights of {name}: pretrained is false")


def check_small_input(name: str) -> None:
    """Raise ValueError where a net has no first layer that could be made smaller."""
    if not name.startswith(WITH_LARGE_STEM):
        raise ValueError(
            f"small_input is not for {name}: it is for {', '.join(WITH_LARGE_STEM[:-1])} and those "
            "of timm/ that begin with a convolution of stride 2; set it to false"
        )


def family(name: str) -> Family:
    """Return the family of a name that `check` takes; lenet has none, its canvas is a parameter."""
    found = [prefix for prefix in FAMILIES if name.startswith(prefix)]
    return FAMILIES[max(found, key=len)] if found else Family()
