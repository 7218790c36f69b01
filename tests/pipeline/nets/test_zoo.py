"""The convnets that came after LeNet: one step, activations, and channels of every number."""

from pathlib import Path

import msgspec
import pytest
import torch
import torchvision
from torch import nn

from pipeline import config
from pipeline.export.activations_file import activations_bytes
from pipeline.export.onnx_graph import WithSoftmax, trace
from pipeline.export.parity import Gate
from pipeline.nets import zoo
from pipeline.nets.activations import WithActivations
from pipeline.nets.errors import WeightsError
from pipeline.nets.folding import fold_batch_norm
from pipeline.training.losses import loss
from pipeline.training.optimizers import build as optimizer

PARAMS = config.load(Path(__file__).parents[3] / "params.yaml")
SMALL = ["googlenet", "resnet18", "densenet121"]  # the others take longer than a test may
SOAKED = ["resnet18", "swin_t"]  # one of each kind; the others seldom tell more
CLASSIC = [
    "alexnet", "zfnet", "googlenet", "vgg11", "vgg13", "vgg16", "vgg19", "resnet18", "resnet34",
    "resnet50", "resnet101", "resnet152", "densenet121", "densenet161", "densenet169",
    "densenet201",
]  # fmt: skip
NEWER = [
    "mobilenet_v3_small", "mobilenet_v2", "efficientnet_b0", "efficientnet_v2_s", "convnext_tiny",
    "regnet_x_400mf", "regnet_y_400mf", "shufflenet_v2_x0_5", "squeezenet1_1", "mnasnet0_5",
    "resnext50_32x4d", "wide_resnet50_2", "inception_v3", "vgg11_bn", "swin_t", "swin_v2_t",
    "vit_b_32", "maxvit_t",
]  # fmt: skip
MARKED = {
    name: pytest.param(name, marks=pytest.mark.soak if name in SOAKED else pytest.mark.soak_all)
    for name in (*CLASSIC, *NEWER)
}
LARGER = [marked for name, marked in MARKED.items() if name not in SMALL]
NAMES = [*SMALL, *LARGER]


def build(
    name: str, image_shape: tuple[int, int, int] = (1, 28, 28), *, pretrained: bool = False
) -> nn.Module:
    torch.manual_seed(0)
    channels = image_shape[0]
    return zoo.build(
        msgspec.structs.replace(PARAMS.model, name=name, pretrained=pretrained),
        image_shape=image_shape, classes=4, mean=[0.13] * channels, std=[0.31] * channels,
    )  # fmt: skip


def some_images(
    image_shape: tuple[int, int, int] = (1, 28, 28), *, images: int = 2
) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (images, *image_shape), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("name", NAMES)
def test_takes_a_step(name: str) -> None:
    """Every parameter that training needs is reached, and stays finite."""
    net = build(name).train()
    # muon orthogonalises a matrix of 25,088 x 4,096 for a minute here: adamw, as in benchmarks/zoo
    kind = PARAMS.train.optimizer if name in SMALL else "adamw"
    steps = optimizer(net, config.settled(msgspec.structs.replace(PARAMS.train, optimizer=kind)))
    torch.autograd.backward(loss("cross_entropy", net(some_images()), torch.tensor([0, 3])))
    steps.step()
    for parameter in net.parameters():
        assert parameter.grad is not None
        assert parameter.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_activations_agree(name: str) -> None:
    """Probabilities are the net's, layers have their own names and true shapes."""
    net = build(name).eval()
    shown = WithActivations(net, (1, 28, 28))
    with torch.no_grad():
        probabilities, *activations = shown(some_images())
        torch.testing.assert_close(probabilities, net(some_images()).softmax(dim=1))
    names = [layer["name"] for layer in shown.layers]
    assert len(set(names)) == len(names)
    assert (names[0], names[-1]) == ("input", "softmax")
    assert [list(made.shape[1:]) for made in activations] == [
        layer["shape"] for layer in shown.layers
    ]
    for name_, (weight, _) in shown.parameters_of.items():
        layer = shown.layers[names.index(name_)]
        assert layer["shape"][0] == weight.shape[0]


@pytest.mark.parametrize("name", ["resnet18", pytest.param("alexnet", marks=pytest.mark.soak_all)])
@pytest.mark.parametrize("image_shape", [(3, 8, 8), (3, 32, 32), (2, 40, 24)])
def test_any_image_shape(name: str, image_shape: tuple[int, int, int]) -> None:
    """Channels and sizes come from the data set; small images are brought up in the graph."""
    assert build(name, image_shape).eval()(some_images(image_shape)).shape == (2, 4)


def test_folding_copies_other_nets() -> None:
    """Activations never change what it was made of."""
    net = build("resnet18")
    assert fold_batch_norm(net) is not net
    assert net.training


@pytest.mark.parametrize("name", MARKED.values())
def test_exported_net_agrees(name: str) -> None:
    """Net and activations, through onnxruntime, at the batch sizes of the gate."""
    net = build(name).eval()
    images = some_images(images=9)
    with torch.no_grad():
        expected = net(images).softmax(dim=1).numpy()
    gate = Gate(images.numpy(), expected, tolerance=1e-5)
    exported = trace(WithSoftmax(fold_batch_norm(net)), (1, 28, 28), ["probabilities"])
    gate.check(exported.SerializeToString(), name="model.onnx")
    gate.check(activations_bytes(net, (1, 28, 28), model_sha256="0" * 64), name="activations")


@pytest.mark.parametrize("name", SMALL)
def test_starts_from_published_weights(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but the last layer is torchvision's; a grey image gives what three equal channels do."""
    known = publish(name, tmp_path, monkeypatch)
    net = build(name, (3, 32, 32), pretrained=True)
    found = net.get_submodule("body").state_dict()
    same = [key for key in found if found[key].shape == known[key].shape]
    assert len(found) - len(same) == 2, "the last layer's weight and bias"
    for key in same:
        assert torch.equal(found[key], known[key]), key
    grey = build(name, (1, 32, 32), pretrained=True).train()
    kernels = next(layer for layer in grey.modules() if isinstance(layer, nn.Conv2d))
    coloured = next(layer for layer in net.modules() if isinstance(layer, nn.Conv2d))
    shade = torch.rand(1, 1, 40, 40)
    torch.testing.assert_close(kernels(shade), coloured(shade.expand(1, 3, 40, 40)))
    assert grey(some_images((1, 32, 32))).shape == (2, 4)


def publish(name: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.Tensor]:
    """Put weights of our own where torchvision keeps the ones that it downloaded."""
    torch.manual_seed(1)
    own = {"init_weights": True} if name == "googlenet" else {}
    known: dict[str, torch.Tensor] = torchvision.models.get_model(name, **own).state_dict()
    monkeypatch.setenv("TORCH_HOME", str(home))
    file = weights_file(name)
    file.parent.mkdir(parents=True)
    torch.save(known, file)
    return known


def weights_file(name: str) -> Path:
    url = torchvision.models.get_model_weights(name)["DEFAULT"].url
    return Path(torch.hub.get_dir(), "checkpoints", Path(url).name)


def test_says_where_published_weights_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a dead network nor a damaged file ends in a traceback."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    file = weights_file("resnet18")
    published = torchvision.models.get_model_weights("resnet18")["DEFAULT"].value
    monkeypatch.setattr(published, "url", f"http://127.0.0.1:9/{file.name}")  # nobody listens there
    wanted = rf"weights of resnet18 .*refused.*to {file}, or set model.pretrained to false"
    with pytest.raises(WeightsError, match=wanted):
        build("resnet18", pretrained=True)
    file.write_bytes(b"half a fi")
    with pytest.raises(WeightsError, match="weights of resnet18"):
        build("resnet18", pretrained=True)
