"""Comparing a converted network with the Keras model."""

from __future__ import annotations

import numpy as np
import pytest

from aiart_convert.verify import verify
from aiart_edge import DecisionRule
from aiart_train.split import SplitRow


def test_the_figures_of_a_small_example_are_those_worked_out_by_hand() -> None:
    labels = ["ai", "ai", "human", "human"]
    rows = [SplitRow(str(n), label, "", n, "test", "", 0) for n, label in enumerate(labels)]
    keras_scores = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.8, 0.2]])
    scores = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.9, 0.1]])
    figures = verify(rows, keras_scores, scores, DecisionRule(1.0, 0.25, 0.75))
    assert (figures.n, figures.keras_accuracy, figures.accuracy) == (4, 0.75, 0.5)
    assert figures.agreement == 0.75
    assert figures.mean_drift == pytest.approx(0.1)
    assert figures.largest_drift == pytest.approx(0.2)
    assert figures.coverage == 0.75
    assert figures.covered_accuracy == pytest.approx(2 / 3)
    assert figures.human_called_ai == 0.5
