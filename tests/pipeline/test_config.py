"""params.yaml dies early, and its errors name the key, what was given and what is allowed."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline import config

PARAMS = Path(__file__).parents[2] / "params.yaml"

BAD_VALUES: list[tuple[str, object, str]] = [
    ("train.epochs", 0, r"train\.epochs is 0: .*>= 1"),
    ("train.epochs", "12", r"train\.epochs is '12': Expected `int`, got `str`"),
    ("train.epochs", 1.5, r"train\.epochs is 1\.5"),
    ("train.devices", True, r"train\.devices is True: Expected `int`, got `bool`"),
    ("train.learning_rate", "1e-3", r"learning_rate is '1e-3': .*allowed: a number, auto$"),
    ("train.learning_rate", float("nan"), r"train\.learning_rate is nan: a finite number"),
    ("train.learning_rate", float("inf"), r"train\.learning_rate is inf: a finite number"),
    ("train.optimizer", "adam", r"train\.optimizer is 'adam'.*allowed: sgd, adamw, muon, auto"),
    ("model.nonlinearity", "swish", r"nonlinearity is 'swish'.*allowed: relu, tanh, sigmoid"),
    ("model.name", "lenet6", r"model: name 'lenet6' is no net: did you mean lenet.*timm/NAME"),
    ("model.name", "my_nets.tiny:build", r"function in the folder mynets/"),
    ("model.name", "mynets.tiny", r"mynets\.MODULE:FUNCTION"),
    ("model.filters", [6, 0], r"model\.filters\.1 is 0"),
    ("model.filters", [], r"model\.filters is \[\]"),
    ("model.filters", 6, r"model\.filters is 6: Expected `array`, got `int`"),
    ("model.padding", 5, r"model: padding 5 is not smaller than the kernel 5"),
    ("data.dataset", "imagenet", r"data\.dataset is 'imagenet'.*allowed: mnist, fashion_mnist"),
    ("data.offline_fallback", "mnist", r"offline_fallback is 'mnist'.*allowed: digits, null"),
    ("data.validation_fraction", 0.9, r"validation_fraction is 0\.9: .*<= 0\.5"),
    ("data.seed", -1, r"data\.seed is -1: .*>= 0"),
    ("export.model_name", "../x", r"export\.model_name is '\.\./x'"),
    ("data.name", "mine", r"data: name 'mine' goes with the dataset folder, not mnist"),
    ("data.folder_unreadable", 1.0, r"data\.folder_unreadable is 1\.0"),
    ("train.balance", "even", r"train\.balance is 'even'.*allowed: none, weights, sampling"),
    ("train.lr", 0.1, r"train\.lr is not a key.*allowed here: seed, threads"),
    ("train.epoch", 3, r"train\.epoch is not a key \(did you mean 'epochs'\?\)"),
]


def committed() -> dict[str, Any]:
    raw: dict[str, Any] = YAML(typ="safe", pure=True).load(PARAMS)
    return raw


def test_committed_file_is_valid() -> None:
    """What a clone starts with can be run, and is mnist with lenet."""
    params = config.load(PARAMS)
    assert (params.data.dataset, params.model.name) == ("mnist", "lenet")


@pytest.mark.parametrize(("key", "value", "message"), BAD_VALUES)
def test_bad_value_is_refused(key: str, value: object, message: str) -> None:
    """Every error says where, what was given and what is allowed."""
    raw = committed()
    section, name = key.split(".")
    raw[section][name] = value
    with pytest.raises(config.ConfigError, match=message):
        config.parse(raw, config.Params, source="params.yaml")


def test_rules_between_two_keys() -> None:
    """Two values that are fine alone and wrong together are refused, naming both."""
    for section, changes, message in (
        ("train", {"loss": "squared_error", "label_smoothing": 0.1}, r"0\.1 goes with the loss"),
        ("train", {"precision": "16-mixed", "accelerator": "cpu"}, r"16-mixed needs a GPU"),
        ("train", {"batch_size": 2}, r"train\.batch_size 2 goes with model\.batch_norm false"),
        ("model", {"pretrained": True}, r"no published weights of lenet"),
    ):
        raw = committed()
        raw[section] |= changes
        with pytest.raises(config.ConfigError, match=message):
            config.parse(raw, config.Params, source="params.yaml")


@pytest.mark.parametrize("raw", [None, [], "text", {"data": None}])
def test_file_of_the_wrong_kind(raw: object) -> None:
    """An empty file, a list or a bare word is refused as clearly."""
    with pytest.raises(config.ConfigError, match=r"params\.yaml: "):
        config.parse(raw, config.Params, source="params.yaml")


def test_missing_key_is_named() -> None:
    """There are no silent defaults."""
    raw = committed()
    del raw["train"]["epochs"]
    with pytest.raises(config.ConfigError, match=r"train\.epochs is missing"):
        config.parse(raw, config.Params, source="params.yaml")


def test_file_that_is_not_yaml(tmp_path: Path) -> None:
    """Torn YAML names the line; a missing file says where to run."""
    broken = tmp_path / "params.yaml"
    broken.write_text("data: [1,\ntrain: {")
    with pytest.raises(config.ConfigError, match=r"is not YAML: .*line"):
        config.load(broken)
    with pytest.raises(config.ConfigError, match="run from the repository root"):
        config.load(tmp_path / "absent.yaml")


def test_duplicate_key_is_refused(tmp_path: Path) -> None:
    """YAML would let the last one win in silence."""
    twice = tmp_path / "params.yaml"
    twice.write_text("data: {seed: 1, seed: 2}\n")
    with pytest.raises(config.ConfigError, match="duplicate key"):
        config.load(twice)


def test_flatten_names_every_leaf() -> None:
    """Dotted keys, lists as text, as trackers want them."""
    flat = config.flatten(config.load(PARAMS))
    assert flat["model.filters"] == "[6, 16]"
    assert flat["train.seed"] == 0
    assert len(flat) == sum(len(section) for section in committed().values())
