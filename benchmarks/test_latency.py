"""Latency of the embedded model: `pytest benchmarks` reports it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from aiart_edge import Classifier
from aiart_edge.files import EMBEDDED_MODEL
from aiart_edge.image import read_pixels
from aiart_edge.model_file import read_model_file
from aiart_edge.runtime import load_network

SAMPLES = sorted((Path(__file__).parents[1] / "samples").glob("*.jpg"))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_picture(benchmark: BenchmarkFixture, sample: Path) -> None:
    """A picture file to a verdict."""
    with Classifier.load() as classifier:
        result = benchmark(classifier.classify, sample)
    assert 0 < result.p_ai < 1


def test_invoke(benchmark: BenchmarkFixture) -> None:
    """The network alone, on pixels that are ready."""
    model = read_model_file(EMBEDDED_MODEL)
    network = load_network(model.network)
    scores = benchmark(network.scores, read_pixels(SAMPLES[0], model.description.input))
    assert np.isclose(scores.sum(), 1, atol=1 / 256)
