"""What a person sees while something takes its time, on standard error."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from aiart_train.learning.fit import Listener
    from aiart_train.learning.recipes import Recipe

Item = TypeVar("Item")


def say(text: str) -> None:
    """Say a few sentences; on a terminal no word is cut."""
    if sys.stderr.isatty():
        text = click.wrap_text(text, shutil.get_terminal_size().columns)
    click.echo(text, err=True)


def listener(recipe: Recipe) -> Listener:
    """Show each epoch's figures on a line, and on a terminal the steps before."""
    from aiart_train.learning.fit import Listener  # noqa: PLC0415  it needs Keras

    epochs = bool(recipe.head_views) + recipe.epochs

    def show_step(step: int, steps: int) -> None:
        if sys.stderr.isatty():
            click.echo(f"\rstep {step}/{steps} ", err=True, nl=False)

    def show_epoch(epoch: int, figures: dict[str, float]) -> None:
        line = "  ".join(f"{name} {value:.4f}" for name, value in figures.items())
        start = "\r" if sys.stderr.isatty() else ""
        click.echo(f"{start}epoch {epoch}/{epochs}  {line}", err=True)

    return Listener(show_step, show_epoch)


def progress(label: str) -> Callable[[Sequence[Item]], Iterator[Item]]:
    """Show a bar on a terminal while items are walked through."""

    def walk(items: Sequence[Item]) -> Iterator[Item]:
        if not sys.stderr.isatty():
            yield from items
            return
        with click.progressbar(items, label=label, file=sys.stderr) as bar:
            yield from bar

    return walk
