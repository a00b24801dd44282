"""Comparing a converted network with the Keras model."""

from __future__ import annotations

import numpy as np
import pytest

from aiart_convert.verify import Bar, Verification, verify
from aiart_edge import DecisionRule
from aiart_train.data.split import SplitRow


def test_the_figures_of_a_small_example_are_those_worked_out_by_hand() -> None:
    labels = ["ai", "ai", "human", "human"]
    rows = [SplitRow(str(n), label, "", n, "test", "", 0) for n, label in enumerate(labels)]
    keras_scores = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.8, 0.2]])
    scores = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.9, 0.1]])
    figures = verify("LiteRT", rows, keras_scores, scores, DecisionRule(1.0, 0.25, 0.75))
    assert (figures.n, figures.keras_accuracy, figures.accuracy) == (4, 0.75, 0.5)
    assert figures.agreement == 0.75
    assert figures.mean_drift == pytest.approx(0.1)
    assert figures.largest_drift == pytest.approx(0.2)
    assert figures.coverage == 0.75
    assert figures.covered_accuracy == pytest.approx(2 / 3)
    assert figures.human_called_ai == 0.5
    assert figures.p_value == 1  # of one picture that only one of both answers rightly


def with_right(keras: int, network: int, alike: int, n: int = 200) -> Verification:
    shares = {"keras_accuracy": keras / n, "accuracy": network / n, "agreement": alike / n}
    rest = {"mean_drift": 0.0, "largest_drift": 0.0, "p_value": 1.0, "coverage": 0.0}
    verdicts = {"covered_accuracy": None, "human_called_ai": None}
    return Verification(runtime="LiteRT", n=n, **shares, **rest, **verdicts)


@pytest.mark.parametrize(
    ("keras", "network", "alike", "reaches"),
    [
        (100, 99, 199, True),  # 99% of the accuracy is enough
        (99, 98, 199, False),  # and 98 of 99 are less
        (100, 104, 196, True),  # so are 98% alike
        (100, 101, 195, False),
    ],
)
def test_a_network_reaches_the_bar_with_99_percent_of_the_accuracy_and_98_percent_agreement(
    keras: int, network: int, alike: int, reaches: bool
) -> None:
    assert Bar().is_reached(with_right(keras, network, alike)) == reaches


def test_another_bar_is_another_answer() -> None:
    figures = with_right(100, 95, 190)
    assert not Bar(max_drop=0.05).is_reached(figures)
    assert not Bar(min_agreement=0.95).is_reached(figures)
    assert Bar(max_drop=0.05, min_agreement=0.95).is_reached(figures)
