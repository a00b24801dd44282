"""The command `aiart-train`."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aiart_edge import __version__
from aiart_edge.errors import require_extra
from aiart_edge.files import PATH
from aiart_edge.program import run, silenced

if TYPE_CHECKING:
    from aiart_train.recipes import Recipe


@click.group()
@click.version_option(__version__)
def main() -> None:
    """Train networks that tell AI-made art from human art."""
    require_extra("train", "tensorflow", "keras", "sklearn", "scipy", "imagehash", "matplotlib")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's own notes are not for users


@main.command()
@click.option(
    "--data",
    "folder",
    required=True,
    type=PATH,
    help="A folder with one folder of AI art and one of human art.",
)
@click.option("--ai", help="The folder of AI art in it, where its name does not tell.")
@click.option("--human", help="The folder of human art, likewise.")
@click.option("--recipe", "recipe_name", default="seed", show_default=True, help="What to train.")
@click.option("--epochs", type=click.IntRange(min=1), help="[default: the recipe's]")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--runs",
    type=PATH,
    default=Path("runs"),
    show_default=True,
    help="The folder in which the run folder is made.",
)
def fit(
    folder: Path,
    ai: str | None,
    human: str | None,
    recipe_name: str,
    epochs: int | None,
    seed: int,
    runs: Path,
) -> None:
    """Train a recipe on a folder of art; print the run folder that it leaves.

    \b
    Example:
      aiart-train fit --data art --recipe seed
    """
    with silenced():  # TensorFlow greets before it reads TF_CPP_MIN_LOG_LEVEL
        from aiart_train.card import make_card
    from aiart_train.dataset import scan
    from aiart_train.evaluate import measure, predict
    from aiart_train.fit import fit as train
    from aiart_train.run_folder import fill_run, new_run
    from aiart_train.split import draw_split, rows_of

    recipe = _find_recipe(recipe_name, epochs)
    names = {label: name for label, name in (("ai", ai), ("human", human)) if name}
    dataset = scan(folder, names, _progress)
    for line in dataset.broken:
        click.echo(f"skipped: {line}", err=True)
    rows = draw_split(dataset, seed)

    def show_epoch(epoch: int, figures: dict[str, float]) -> None:
        line = "  ".join(f"{name} {value:.4f}" for name, value in figures.items())
        click.echo(f"epoch {epoch + 1}/{recipe.epochs}  {line}", err=True)

    with new_run(runs, f"{date.today().isoformat()}-{recipe.name}") as run:
        model, history = train(recipe, folder, rows, seed, show_epoch)
        test = rows_of(rows, "test")
        metrics = measure(test, predict(model, folder, test, recipe.input))
        card = make_card(recipe, dataset, rows, seed, model, shlex.join(sys.argv))
        fill_run(run.partial, model, rows, card, history, metrics)
    low, high = metrics.accuracy_interval
    click.echo(
        f"test accuracy {metrics.accuracy:.1%} ({low:.1%} to {high:.1%}), n {metrics.n}", err=True
    )
    click.echo(run.folder)


def _find_recipe(name: str, epochs: int | None) -> Recipe:
    from aiart_train.recipes import RECIPES

    if name not in RECIPES:
        raise click.BadParameter(
            f"{name!r} is not one of: {', '.join(RECIPES)}", param_hint="'--recipe'"
        )
    recipe = RECIPES[name]
    return recipe if epochs is None else replace(recipe, epochs=epochs)


def _progress(files: list[Path]) -> Iterator[Path]:
    if not sys.stderr.isatty():
        yield from files
        return
    with click.progressbar(files, label="Reading pictures", file=sys.stderr) as bar:
        yield from bar


def program() -> None:
    """Be the program that the console script starts."""
    run(main)
