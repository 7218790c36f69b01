"""Weights from a file: every way in which they are saved, and one line for what does not fit."""

from pathlib import Path

import msgspec
import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor, nn

from pipeline import config
from pipeline.nets import zoo
from pipeline.nets.errors import WeightsError

PARAMS = config.load(Path(__file__).parents[3] / "params.yaml")
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
State = dict[str, Tensor]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> State:
    """A resnet18 of 7 classes; the current folder is empty but for data/weights."""
    monkeypatch.chdir(tmp_path)
    Path("data/weights").mkdir(parents=True)
    torch.manual_seed(1)
    found: State = torchvision.models.resnet18(num_classes=7).state_dict()
    return found


def named(name: str, file: str, **changes: object) -> config.Model:
    wanted = {"name": name, "weights": f"data/weights/{file}", **changes}
    return msgspec.structs.replace(PARAMS.model, **wanted)


def build(
    model: config.Model, shape: tuple[int, int, int] = (3, 32, 32), *, classes: int = 4
) -> nn.Module:
    torch.manual_seed(0)
    channels = shape[0]
    return zoo.build(
        model, image_shape=shape, classes=classes, mean=[0.5] * channels, std=[0.2] * channels
    )


def assert_starts_from(net: nn.Module, state: State, *, but: set[str]) -> None:
    found = net.get_submodule("body").state_dict()
    differ = {key for key, value in state.items() if not torch.equal(found[key], value)}
    assert differ == but


@pytest.mark.parametrize("wrapped", ["plain", "state_dict", "model", "module."])
def test_as_trainers_save_them(state: State, wrapped: str) -> None:
    """Bare, inside a training's state, or behind the name of a wrapper; the head may differ."""
    content: object = {wrapped: state, "epoch": 3}
    if wrapped == "plain":
        content = state
    elif wrapped == "module.":
        content = {f"module.{key}": value for key, value in state.items()}
    torch.save(content, "data/weights/net.pth")
    model = named("resnet18", "net.pth")
    assert_starts_from(build(model), state, but={"fc.weight", "fc.bias"})
    assert_starts_from(build(model, classes=7), state, but=set())
    assert zoo.normalisation(model, 3) == IMAGENET


def test_safetensors_into_a_net_of_timm(state: State) -> None:
    """The names of its resnet18 are torchvision's."""
    save_file(state, "data/weights/net.safetensors")
    model = named("timm/resnet18", "net.safetensors")
    assert_starts_from(build(model), state, but={"fc.weight", "fc.bias"})
    known = timm.models.get_pretrained_cfg("resnet18")
    assert known is not None
    assert zoo.normalisation(model, 3) == (known.mean, known.std)


def test_grey_pictures_and_a_smaller_first_layer(state: State) -> None:
    """The kernels' colours are added up, and their middle is kept."""
    torch.save(state, "data/weights/net.pth")
    model = named("resnet18", "net.pth", small_input=True)
    first = build(model, (1, 32, 32)).get_submodule("body").get_parameter("conv1.weight")
    wanted = state["conv1.weight"][:, :, 2:5, 2:5].sum(dim=1, keepdim=True)
    torch.testing.assert_close(first.detach(), wanted)
    mean, std = zoo.normalisation(model, 1) or ((), ())
    assert [*mean, *std] == pytest.approx([0.449, 0.226], abs=1e-6)


def test_a_checkpoint_of_this_pipeline(state: State) -> None:
    """It brings its own normalisation along."""
    content = {
        "state_dict": {f"net.body.{key}": value for key, value in state.items()},
        "hyper_parameters": {"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6]},
    }
    torch.save(content, "data/weights/model.ckpt")
    model = named("resnet18", "model.ckpt")
    assert_starts_from(build(model), state, but={"fc.weight", "fc.bias"})
    assert zoo.normalisation(model, 3) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))


def test_nothing_to_start_from_keeps_the_datas_normalisation() -> None:
    """The published one goes with the published weights alone; inception's is not ImageNet's."""
    plain = msgspec.structs.replace(PARAMS.model, name="resnet18")
    assert zoo.normalisation(plain, 3) is None
    published = msgspec.structs.replace(plain, pretrained=True)
    assert zoo.normalisation(published, 3) == IMAGENET
    inception = msgspec.structs.replace(published, name="inception_v3")
    assert zoo.normalisation(inception, 3) == ((0.5,) * 3, (0.5,) * 3)


def test_what_does_not_fit_is_said_in_a_line(state: State) -> None:
    """Another net's file names the first layer that differs; so does one that lacks a layer."""
    torch.save(state, "data/weights/net.pth")
    wanted = r"conv1\.weight is \[64, 64, 3, 3\] in data/weights/net\.pth and \[64, 64, 1, 1\]"
    with pytest.raises(
        WeightsError, match=rf"{wanted} in resnet50 \(and \d+ more\): .*another net"
    ):
        build(named("resnet50", "net.pth"))
    del state["layer1.0.bn1.weight"]
    torch.save(state, "data/weights/net.pth")
    with pytest.raises(WeightsError, match=r"has no layer1\.0\.bn1\.weight, which resnet18 has:"):
        build(named("resnet18", "net.pth"))


@pytest.mark.parametrize("name", ["absent.pth", "half.pth", "list.pth", "half.safetensors"])
def test_what_is_no_weights(state: State, name: str) -> None:
    """Absent, torn, or something else: one line, and nothing in the file is run."""
    torch.save(state, "data/weights/net.pth")
    half = Path("data/weights/net.pth").read_bytes()[:1000]
    for file in ("half.pth", "half.safetensors"):
        Path("data/weights", file).write_bytes(half)
    torch.save([1, 2], "data/weights/list.pth")
    with pytest.raises(
        WeightsError, match=rf"model\.weights: data/weights/{name} (does|cannot|is)"
    ):
        build(named("resnet18", name))


def test_code_in_a_file_is_not_run(state: State) -> None:  # noqa: ARG001 - the folder
    """A pickled module is refused, whose loading would call what it names."""
    torch.save(nn.Linear(2, 2), "data/weights/module.pth")
    with pytest.raises(WeightsError, match="cannot be read as a state_dict"):
        build(named("resnet18", "module.pth"))
