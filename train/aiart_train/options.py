"""The options that commands have in common, and what becomes of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from aiart_edge.files import PATH
from aiart_train.learning.recipes import RECIPES, Augmentation, Recipe, override

Command = Callable[..., None]

_CLASS_OPTIONS = (
    click.option("--ai", help="The folder, or label, of AI art, where its name does not tell."),
    click.option("--human", help="The folder of human art, likewise."),
)
_SOURCE_OPTION = click.option(
    "--one-source",
    multiple=True,
    metavar="PATTERN",
    help="Take the sources that match, as in 'ai/artist_*', for one; may be repeated.",
)


def class_options(command: Command) -> Command:
    """Add what names the classes' folders."""
    for option in reversed(_CLASS_OPTIONS):
        command = option(command)
    return command


def source_option(command: Command) -> Command:
    """Add what joins sources."""
    return _SOURCE_OPTION(command)


def training_options(command: Command) -> Command:
    """Add what `fit` and `crossval` have in common; each value of a recipe is an option."""
    types = {"int": int, "float": float, "str": str}
    values = [item for item in fields(Recipe) if "help" in item.metadata]
    for item in reversed([*values, *fields(Augmentation)]):
        flag = item.name.replace("_", "-")
        text = f"Recipe: {item.metadata['help']}"
        if item.type == "bool":
            command = click.option(f"--{flag}/--no-{flag}", default=None, help=text)(command)
        else:
            command = click.option(f"--{flag}", type=types[str(item.type)], help=text)(command)
    options = (
        click.option(
            "--data",
            "folders",
            type=PATH,
            multiple=True,
            help="A folder with one folder of AI art and one of human art, or a CSV file with the "
            "columns path,label and perhaps source; may be repeated.",
        ),
        *_CLASS_OPTIONS,
        _SOURCE_OPTION,
        click.option(
            "--recipe",
            "recipe_name",
            type=click.Choice(list(RECIPES)),
            default="default",
            show_default=True,
            help="What to train.",
        ),
        click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True),
        click.option(
            "--by-source",
            is_flag=True,
            help="Keep each source, a folder in a class's folder, whole in one part.",
        ),
        click.option(
            "--hold-out",
            "tested",
            metavar="SPLIT",
            type=PATH,
            help="The split.csv of another run: train on nothing that it tests on or that looks "
            "like it. `fit` tests on that, `crossval` leaves it out.",
        ),
        click.option(
            "--runs",
            type=PATH,
            default=Path("runs"),
            show_default=True,
            help="The folder in which the run folder is made.",
        ),
        click.option(
            "--resume", is_flag=True, help="Go on with the newest run that was broken off."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def recipe_of(name: str, values: dict[str, Any]) -> Recipe:
    """Give a recipe with the values that the command line changes.

    Args:
        name: of the recipe.
        values: of the options by name, None where one was not given.

    Returns:
        The recipe.

    Raises:
        click.UsageError: a value is outside its range.
    """
    with usage_errors(ValueError):
        return override(
            RECIPES[name], {key: value for key, value in values.items() if value is not None}
        )


@contextlib.contextmanager
def usage_errors(kind: type[ValueError]) -> Iterator[None]:
    """Turn a value that a recipe cannot have into a usage error."""
    try:
        yield
    except kind as error:
        raise click.UsageError(str(error)) from error


def require(folders: Sequence[Path]) -> None:
    """Ask for a data folder, which only --resume can do without."""
    if not folders:
        raise click.UsageError("Missing option '--data'.")


def refuse_beside_resume() -> None:
    """Refuse the options that an unfinished run has answered already."""
    context = click.get_current_context()
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name
        and parameter.name not in {"resume", "runs"}
        and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(
            f"--resume goes on with what the unfinished run began: leave out {', '.join(given)}."
        )
