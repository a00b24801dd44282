"""What is said of a training while it runs."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from aiart_train.learning.fit import Listener
from aiart_train.learning.recipes import RECIPES
from aiart_train.progress import Forecast, listener, say

SEED = replace(RECIPES["seed"], epochs=20)  # without a head's fit
HEAD = replace(RECIPES["lite0"], head_views=5, epochs=10)


class Terminal(io.StringIO):
    """Standard error as a terminal."""

    def isatty(self) -> bool:
        return True


def listened(forecast: Forecast, *moments: float) -> Listener:
    """A listener that looks at the clock at these moments, the first when it is made."""
    times: Iterator[float] = iter(moments)
    return listener(forecast, lambda: next(times))


def test_the_first_steps_foretell_the_whole(capsys: pytest.CaptureFixture[str]) -> None:
    told = listened(Forecast(SEED, trained=320, validated=0), 0, 0, 30, 32, 32)
    told.on_begin(1)
    told.on_step(1, 11)  # it builds the program: 30 seconds that do not come again
    told.on_step(2, 11)  # a tenth of an epoch of 22 seconds
    assert capsys.readouterr().err == "about 7 min in all\n"


def test_the_heads_fit_foretells_the_epochs_which_also_go_back(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = listened(Forecast(HEAD, trained=100, validated=0), 0, 0, 0, 60, 60)
    told.on_begin(1)
    told.on_step(1, 2)
    told.on_step(2, 2)  # 300 of the head's 600 passes in 60 seconds, and 10 epochs of 300 are left
    assert capsys.readouterr().err == "about 12 min in all\n"


def test_an_epoch_says_how_long_it_took_and_what_is_left(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = listened(Forecast(SEED, trained=100, validated=20), 0, 100, 130, 130, 190)
    told.on_begin(18)
    told.on_epoch(18, {"loss": 0.5})
    told.on_begin(20)
    told.on_epoch(20, {"loss": 0.25})
    assert capsys.readouterr().err.splitlines() == [
        "epoch 18/20  loss 0.5000  30 s, 60 s left",
        "epoch 20/20  loss 0.2500  60 s",
    ]


def test_folds_to_come_count_and_know_what_was_measured(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rates: dict[bool, float] = {}
    told = listened(Forecast(SEED, 100, 0, 4, rates), 0, 0, 0, 60, 60)
    told.on_begin(1)
    told.on_step(1, 2)
    told.on_step(2, 2)  # an epoch takes two minutes
    assert capsys.readouterr().err == "about 3.3 h in all\n"
    assert Forecast(SEED, 50, 0, 0, rates).left(1, 0) == 20 * 60


def test_on_a_terminal_a_sentence_breaks_at_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("COLUMNS", "20")
    say("one sentence that is longer than a line")
    assert sys.stderr.getvalue() == "one sentence that is\nlonger than a line\n"


def test_on_a_terminal_the_steps_show_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    told = listened(Forecast(SEED, trained=100, validated=0), 0, 0, 0, 10, 10)
    told.on_begin(20)
    told.on_step(1, 3)
    told.on_step(2, 3)
    steps = sys.stderr.getvalue().split("\r\033[K")
    assert steps == ["", "step 1/3 ", "about 30 s in all\n", "step 2/3, 10 s left "]
