"""What a person sees while something takes its time, on standard error."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from aiart_train.learning.fit import Listener
    from aiart_train.learning.recipes import Recipe

Item = TypeVar("Item")

_BACKWARD = 3  # what a picture costs that is learnt from, in passes that only go forward
_MEASURED = 1.0  # seconds of steps from which the rest is foretold
_MINUTE, _HOUR = 60, 3600  # seconds


def say(text: str) -> None:
    """Say a few sentences; on a terminal no word is cut."""
    if sys.stderr.isatty():
        text = click.wrap_text(text, shutil.get_terminal_size().columns)
    click.echo(text, err=True)


@dataclass
class Forecast:
    """How much time trainings still take, told from what was measured of them.

    Work is counted in forward passes of a picture. The head's fit, which counts as an epoch, takes
    one for each view, and one to measure what came of it; any other epoch three for each picture
    that trains, since it also goes back, and one for each that validates.

    Args:
        recipe: of the trainings.
        trained: number of pictures that train.
        validated: number of pictures that validate.
        later: number of such trainings after this one. Default 0.
        rates: seconds of a pass, by whether it is of the head's fit. Default: nothing is measured.
    """

    recipe: Recipe
    trained: int
    validated: int
    later: int = 0
    rates: dict[bool, float] = field(default_factory=dict)

    @property
    def epochs(self) -> int:
        """Number of the last epoch, the head's fit among them."""
        return bool(self.recipe.head_views) + self.recipe.epochs

    @property
    def is_begun(self) -> bool:
        """Whether an epoch like the first was measured."""
        return self._is_head(1) in self.rates

    def measure(self, epoch: int, share: float, seconds: float) -> None:
        """Learn how long a share of an epoch took."""
        self.rates[self._is_head(epoch)] = seconds / (share * self._passes(epoch))

    def left(self, epoch: int, share: float) -> float:
        """Foretell the seconds from when a share of an epoch is done, once something is measured.

        Args:
            epoch: its number, from 1.
            share: of it, 0 to 1.
        """
        whole = sum(map(self._seconds, range(1, self.epochs + 1)))
        done = sum(map(self._seconds, range(1, epoch))) + share * self._seconds(epoch)
        return (1 + self.later) * whole - done

    def _seconds(self, epoch: int) -> float:
        like_it = self.rates.get(self._is_head(epoch))
        return self._passes(epoch) * (like_it or next(iter(self.rates.values())))

    def _passes(self, epoch: int) -> int:
        if self._is_head(epoch):
            return (self.recipe.head_views + 1) * self.trained + self.validated
        return _BACKWARD * self.trained + self.validated

    def _is_head(self, epoch: int) -> bool:
        return bool(self.recipe.head_views) and epoch == 1


def listener(forecast: Forecast, clock: Callable[[], float] = time.monotonic) -> Listener:
    """Show how long it will take, each epoch's figures and time, and on a terminal the steps.

    Args:
        forecast: of the training that is listened to, and of those after it.
        clock: gives seconds. Default: the machine's.

    Returns:
        What is told of the training.
    """
    from aiart_train.learning.fit import Listener  # noqa: PLC0415  it needs Keras

    begun = first = clock()
    epoch, is_foretold = 1, forecast.is_begun

    def begin_epoch(number: int) -> None:
        nonlocal epoch, begun
        epoch, begun = number, clock()

    def show_step(step: int, steps: int) -> None:
        nonlocal first, is_foretold
        if step == 1:  # which also builds the program, and so says little of the others
            first = clock()
        elif clock() - first >= _MEASURED or step == steps:
            forecast.measure(epoch, (step - 1) / steps, clock() - first)
            if not is_foretold:
                is_foretold = True
                click.echo(f"{_start()}about {_spoken(forecast.left(epoch, 0))} in all", err=True)
        if sys.stderr.isatty():
            left = f", {_spoken(forecast.left(epoch, step / steps))} left" if is_foretold else ""
            click.echo(f"\r\033[Kstep {step}/{steps}{left} ", err=True, nl=False)

    def show_epoch(number: int, figures: dict[str, float]) -> None:
        seconds = clock() - begun
        forecast.measure(number, 1, seconds)
        line = "  ".join(f"{name} {value:.4f}" for name, value in figures.items())
        left = forecast.left(number, 1)
        after = f", {_spoken(left)} left" if left else ""
        click.echo(
            f"{_start()}epoch {number}/{forecast.epochs}  {line}  {_spoken(seconds)}{after}",
            err=True,
        )

    return Listener(show_step, show_epoch, begin_epoch)


def progress(label: str) -> Callable[[Sequence[Item]], Iterator[Item]]:
    """Show a bar on a terminal while items are walked through."""

    def walk(items: Sequence[Item]) -> Iterator[Item]:
        if not sys.stderr.isatty():
            yield from items
            return
        with click.progressbar(items, label=label, file=sys.stderr) as bar:
            yield from bar

    return walk


def _start() -> str:
    """Begin a line, over that of the steps."""
    return "\r\033[K" if sys.stderr.isatty() else ""


def _spoken(seconds: float) -> str:
    if seconds < 10:  # noqa: PLR2004
        return f"{seconds:.1f} s"
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < 2 * _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.1f} h"
