"""Recipes."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, fields, replace
from typing import Any

import pytest

from aiart_edge import InputRule
from aiart_train.learning.architectures import ARCHITECTURES
from aiart_train.learning.recipes import (
    HEAD,
    RECIPES,
    Augmentation,
    Recipe,
    from_dict,
    override,
)

SEED, LITE0 = RECIPES["seed"], RECIPES["lite0"]
# Whose weights need not be fetched; test_clip.py has the other one.
AT_HAND = {name: recipe for name, recipe in RECIPES.items() if name != "strong"}


@pytest.fixture(scope="module")
def layers() -> dict[str, list[str]]:
    """The names of the layers of the networks that the recipes train."""
    rule = InputRule(96, 96)
    names = {recipe.architecture for recipe in AT_HAND.values()}
    return {name: [layer.name for layer in ARCHITECTURES[name](rule, 0.2).layers] for name in names}


@pytest.mark.parametrize("recipe", AT_HAND.values(), ids=AT_HAND)
def test_what_a_recipe_trains_begins_at_a_layer_of_its_network(
    recipe: Recipe, layers: dict[str, list[str]]
) -> None:
    names = layers[recipe.architecture]
    assert names[-1] == HEAD
    assert any(name.startswith(recipe.train_from) for name in names)


@pytest.mark.parametrize("name", ["seed", "quick"])
def test_a_recipe_builds_its_network(name: str) -> None:
    recipe = RECIPES[name]
    model = ARCHITECTURES[recipe.architecture](recipe.input, recipe.dropout)
    assert model.input_shape == (None, recipe.size, recipe.size, 3)
    assert model.output_shape == (None, 1)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_recipe_comes_back_from_json(recipe: Recipe) -> None:
    assert from_dict(json.loads(json.dumps(asdict(recipe)))) == recipe


@pytest.mark.parametrize("place", ["recipe", "augmentation"])
def test_an_unknown_field_in_a_card_is_refused(place: str) -> None:
    values = asdict(LITE0)
    (values if place == "recipe" else values["augmentation"])["momentum"] = 0.9
    with pytest.raises(TypeError, match="momentum"):
        from_dict(values)


def test_a_card_without_augmentation_is_refused() -> None:
    values = asdict(LITE0)
    del values["augmentation"]
    with pytest.raises(KeyError, match="augmentation"):
        from_dict(values)


def test_override_changes_what_it_names_and_nothing_else() -> None:
    changed = override(LITE0, {"batch_size": 8, "zoom": 0.1, "architecture": "mobilenet_v2"})
    views = replace(LITE0.augmentation, zoom=0.1)
    assert changed == replace(LITE0, batch_size=8, architecture="mobilenet_v2", augmentation=views)
    assert override(LITE0, {}) == LITE0


def test_override_reaches_every_value() -> None:
    own, views = asdict(LITE0), asdict(LITE0.augmentation)
    del own["augmentation"]
    assert override(SEED, {**own, **views}) == LITE0


def test_override_refuses_an_unknown_name() -> None:
    with pytest.raises(TypeError, match="momentum"):
        override(SEED, {"momentum": 0.9})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("architecture", "resnet"),
        ("size", 0),
        ("batch_size", 0),
        ("dropout", 1.0),
        ("dropout", -0.1),
        ("head_views", -1),
        ("head_penalty", 0.0),
        ("head_consistency", -0.1),
        ("epochs", -1),
        ("learning_rate", float("nan")),
        ("schedule", "linear"),
        ("balance", "size"),
        ("weight_decay", -0.1),
        ("label_smoothing", 1.0),
        ("averaging", 1.0),
        ("patience", -1),
        ("zoom", 1.0),
        ("rescale", 1.1),
        ("jpeg", -0.1),
        ("colour", 1.0),
    ],
)
def test_a_value_out_of_its_range_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"Expected {name} .*\. Received {value!r}\.$"):
        override(LITE0, {name: value})


def test_an_unknown_resize_rule_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Expected a resize rule among .* Received 'crop'"):
        override(SEED, {"resize": "crop"})


def test_a_recipe_without_an_epoch_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Expected epochs above 0, or head_views\. Received 0"):
        override(SEED, {"epochs": 0})


@pytest.mark.parametrize("kind", [Recipe, Augmentation])
def test_every_value_describes_itself_for_the_help_text(kind: Any) -> None:
    values = [item for item in fields(kind) if item.name not in {"name", "augmentation"}]
    assert all(item.metadata["help"] for item in values)


def test_a_recipe_can_be_looked_at_without_keras() -> None:
    heavy = {"keras", "tensorflow", "sklearn", "scipy", "matplotlib", "imagehash"}
    program = (
        f"import sys, aiart_train.learning.recipes; sys.exit(bool({heavy} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
