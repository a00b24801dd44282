"""The networks."""

from __future__ import annotations

import numpy as np

from aiart_train.architectures import ARCHITECTURES
from aiart_train.recipes import RECIPES


def test_the_seed_recipe_builds_the_original_studys_network() -> None:
    recipe = RECIPES["seed"]
    model = ARCHITECTURES[recipe.architecture](recipe.input)
    assert model.input_shape == (None, 150, 150, 3)
    assert model.output_shape == (None, 1)
    assert model.count_params() == 3_453_121
    assert (recipe.epochs, recipe.batch_size) == (20, 32)


def test_normalisation_is_inside_so_that_raw_pixels_go_in() -> None:
    recipe = RECIPES["seed"]
    model = ARCHITECTURES[recipe.architecture](recipe.input)
    white = model.get_layer("normalisation")(np.full((1, 150, 150, 3), 255.0))
    assert np.allclose(white, 1)
