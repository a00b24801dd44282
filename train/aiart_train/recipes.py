"""Recipes: named values that say how a network is trained."""

from __future__ import annotations

from dataclasses import dataclass

from aiart_edge.image import InputRule


@dataclass(frozen=True)
class Recipe:
    """How a network is trained, with Adam on the binary cross-entropy.

    Args:
        name: of the recipe.
        architecture: a name in `architectures.ARCHITECTURES`.
        input: how the network wants its pictures.
        epochs: passes over the training part.
        batch_size: pictures per step.
        learning_rate: of Adam. Default 0.001, which is also Keras's.
    """

    name: str
    architecture: str
    input: InputRule
    epochs: int
    batch_size: int
    learning_rate: float = 0.001


RECIPES = {
    recipe.name: recipe
    for recipe in (Recipe("seed", "original", InputRule(150, 150), epochs=20, batch_size=32),)
}
