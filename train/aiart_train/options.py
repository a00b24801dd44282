"""The options that commands have in common, and what becomes of them."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import Field, dataclass, fields
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from aiart_edge.files import PATH
from aiart_train.learning.recipes import RECIPES, Augmentation, Recipe, override

Command = Callable[..., None]

_LARGEST_SEED = (1 << 31) - 1  # Keras takes 32 bits, unsigned
_TYPES = {"int": int, "float": float, "str": str}  # of a recipe's values


@dataclass(frozen=True)
class Wanted:
    """What `fit` and `crossval` are both asked for.

    Args:
        folders: data folders, or lists of pictures.
        names: of the classes' folders, or labels, by label, where they were given.
        one_source: patterns of sources that count as one.
        recipe_name: which recipe to train.
        values: of the recipe that were given.
        seed: of the split and the training.
        by_source: whether to keep sources whole.
        groups: the file of sources that stay together, or None.
        tested: the split whose test part is held out, or None.
        runs: the folder of all runs.
        features: a folder in which to keep what heads are fitted on, or None.
        resume: whether to go on with a run that was broken off.
    """

    folders: tuple[Path, ...]
    names: dict[str, str]
    one_source: tuple[str, ...]
    recipe_name: str
    values: dict[str, Any]
    seed: int
    by_source: bool
    groups: Path | None
    tested: Path | None
    runs: Path
    features: Path | None
    resume: bool

    @property
    def recipe(self) -> Recipe:
        """The recipe, with the values that were given.

        Raises:
            click.UsageError: no data were named, which only --resume can do without, or a value is
                outside its range.
        """
        if not self.folders:
            raise click.UsageError("Missing option '--data'.")
        with usage_errors(ValueError):
            return override(RECIPES[self.recipe_name], self.values)


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
    """Add what names the classes' folders, or labels; the command takes `names` by label."""

    @functools.wraps(command)
    def naming(*, ai: str | None, human: str | None, **given: Any) -> None:
        names = {label: name for label, name in (("ai", ai), ("human", human)) if name}
        command(names=names, **given)

    return _add(_CLASS_OPTIONS, naming)


def source_option(command: Command) -> Command:
    """Add what joins sources."""
    return _SOURCE_OPTION(command)


def part_option(default: str, text: str) -> Callable[[Command], Command]:
    """Make what names the part of a split that something is measured on."""
    return click.option(
        "--on",
        "part",
        type=click.Choice(["validation", "test"]),
        default=default,
        show_default=True,
        help=text,
    )


def training_options(command: Callable[..., None]) -> Command:
    """Add what `fit` and `crossval` have in common; the command takes it as `Wanted`.

    Each value of a recipe is an option.
    """
    items = [item for item in fields(Recipe) if "help" in item.metadata] + [*fields(Augmentation)]

    @functools.wraps(command)
    def wanting(**given: Any) -> None:
        values = {item.name: given.pop(item.name) for item in items}
        common = {item.name: given.pop(item.name) for item in fields(Wanted) if item.name in given}
        values = {name: value for name, value in values.items() if value is not None}
        command(Wanted(values=values, **common), **given)

    data = click.option(
        "--data",
        "folders",
        type=PATH,
        multiple=True,
        help="A folder with one folder of AI art and one of human art, or a CSV file with the "
        "columns path,label and perhaps source; may be repeated.",
    )
    options = (
        _SOURCE_OPTION,
        click.option(
            "--recipe",
            "recipe_name",
            type=click.Choice(list(RECIPES)),
            default="default",
            show_default=True,
            help="What to train.",
        ),
        click.option("--seed", type=click.IntRange(0, _LARGEST_SEED), default=0, show_default=True),
        click.option(
            "--by-source",
            is_flag=True,
            help="Keep each source, a folder in a class's folder, whole in one part.",
        ),
        click.option(
            "--groups",
            type=PATH,
            help="A CSV file with the columns source,group: keep sources whole, and those of one "
            "group in one part.",
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
            "--features",
            type=click.Path(file_okay=False, path_type=Path),
            metavar="FOLDER",
            help="Keep in FOLDER what the pretrained network sees in each picture, and use what "
            "lies there.",
        ),
        click.option(
            "--resume", is_flag=True, help="Go on with the newest run that was broken off."
        ),
    )
    return data(class_options(_add((*options, *map(_value_option, items)), wanting)))


def _add(options: Sequence[Callable[[Command], Command]], command: Command) -> Command:
    """Add options, in the order in which --help shows them."""
    for option in reversed(options):
        command = option(command)
    return command


def _value_option(item: Field[Any]) -> Callable[[Command], Command]:
    """Make the option of a recipe's value."""
    flag, text = item.name.replace("_", "-"), f"Recipe: {item.metadata['help']}"
    if item.type == "bool":
        return click.option(f"--{flag}/--no-{flag}", default=None, help=text)
    return click.option(f"--{flag}", type=_TYPES[str(item.type)], help=text)


@contextlib.contextmanager
def usage_errors(kind: type[ValueError]) -> Iterator[None]:
    """Turn a value that a recipe cannot have into a usage error."""
    try:
        yield
    except kind as error:
        raise click.UsageError(str(error)) from error


def refuse_beside_resume(*others: str) -> None:
    """Refuse the options that an unfinished run has answered already, but for others."""
    context = click.get_current_context()
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name
        and parameter.name not in {"resume", "runs", *others}
        and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(
            f"--resume goes on with what the unfinished run began: leave out {', '.join(given)}."
        )
