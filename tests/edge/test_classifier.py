"""The classifier in Python."""

from __future__ import annotations

from pathlib import Path

import pytest

import aiart_edge
from aiart_edge import Classifier, DecisionRule, InputRule, ModelDescription, ModelFileError
from aiart_edge.model_file import write_model_file

SAMPLES = sorted((Path(__file__).parents[2] / "samples").glob("*.jpg"))


def test_the_embedded_model_gives_a_verdict_on_each_sample() -> None:
    assert len(SAMPLES) == 2
    with Classifier.load() as classifier:
        for sample in SAMPLES:
            result = classifier.classify(sample)
            assert result.verdict in ("ai", "human", "unsure")
            assert 0 < result.p_ai < 1


def test_a_file_and_its_bytes_get_the_same_answer() -> None:
    with Classifier.load() as classifier:
        assert classifier.classify(SAMPLES[0]) == classifier.classify(SAMPLES[0].read_bytes())


def test_a_closed_classifier_says_so() -> None:
    classifier = Classifier.load()
    classifier.close()
    with pytest.raises(ValueError, match="closed"):
        classifier.classify(SAMPLES[0])


def test_a_network_that_the_runtime_refuses_is_a_model_error(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    description = ModelDescription("test", "int8", InputRule(150, 150), DecisionRule())
    write_model_file(path, b"\0" * 1000, description)
    with pytest.raises(ModelFileError, match="the runtime refuses the model"):
        Classifier.load(path)


def test_every_public_name_is_there_sorted_and_nothing_else_is() -> None:
    assert aiart_edge.__all__ == sorted(aiart_edge.__all__)
    for name in aiart_edge.__all__:
        assert getattr(aiart_edge, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = aiart_edge.nonsense
