"""The classifier in Python."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import aiart_edge
from aiart_edge import (
    Classifier,
    DecisionRule,
    InputRule,
    ModelDescription,
    ModelFileError,
    PictureError,
    networks,
)
from aiart_edge.files import EMBEDDED_MODEL
from aiart_edge.image import decode
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


def test_every_form_of_a_picture_gets_the_same_answer() -> None:
    with Classifier.load() as classifier, Image.open(SAMPLES[0]) as image:
        expected = classifier.classify(str(SAMPLES[0]))
        assert classifier.classify(io.BytesIO(SAMPLES[0].read_bytes())) == expected
        with SAMPLES[0].open("rb") as file:
            assert classifier.classify(file) == expected
        decoded = decode(SAMPLES[0])
        of_image, of_array = classifier.classify(image), classifier.classify(np.asarray(decoded))
        assert of_image == of_array
        assert of_image.p_ai == pytest.approx(expected.p_ai, abs=0.01)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((9, 9, 3)),
        np.zeros((9, 9, 4), np.uint8),
        np.zeros((9,), np.uint8),
        np.zeros((0, 9), np.uint8),
    ],
)
def test_an_array_of_another_type_or_shape_is_refused(array: np.ndarray) -> None:
    with Classifier.load() as classifier, pytest.raises(ValueError, match="Expected an array"):
        classifier.classify(array)


def test_many_pictures_come_in_their_order_with_errors_among_them(art: Path) -> None:
    paths = sorted(art.rglob("*.*"))
    paths.insert(7, art / "missing.jpg")
    with Classifier.load() as classifier:
        results = list(classifier.classify_many(paths, jobs=4))
        error = results.pop(7)
        assert isinstance(error, PictureError)
        assert error.path == paths.pop(7)
        assert results == [classifier.classify(path) for path in paths]


@pytest.mark.parametrize("jobs", [1, 3])
def test_many_pictures_are_read_as_they_are_needed(jobs: int) -> None:
    read = []

    def endless() -> Iterator[Path]:
        while True:
            read.append(SAMPLES[0])
            yield SAMPLES[0]

    with Classifier.load() as classifier:
        results = classifier.classify_many(endless(), jobs=jobs)
        next(results)
        results.close()
    assert len(read) <= 2 * jobs + 1


def test_threads_share_a_classifier(art: Path) -> None:
    paths = sorted(art.rglob("*.*"))
    with Classifier.load() as classifier:
        expected = [classifier.classify(path) for path in paths]
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(classifier.classify, paths)) == expected


def test_a_classification_cannot_be_changed_and_names_the_likelier_label() -> None:
    with Classifier.load(band=(0, 1)) as classifier:
        result = classifier.classify(SAMPLES[0])
    assert (result.verdict, result.label) == ("unsure", "human")
    with pytest.raises(FrozenInstanceError):
        result.p_ai = 1.0


def test_an_impossible_band_is_refused() -> None:
    with pytest.raises(ValueError, match="Expected 0 <= low <= high"):
        Classifier.load(band=(0.9, 0.1))


@pytest.mark.parametrize("options", [{"runtime": "abacus"}, {"threads": 0}, {"threads": 10**12}])
def test_a_runtime_or_threads_that_are_not_there_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Expected"):
        Classifier.load(**options)


def test_a_script_that_loads_a_classifier_prints_nothing(model_files: dict[str, Path]) -> None:
    script = f"from aiart_edge import Classifier; Classifier.load({str(model_files['float32'])!r})"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_a_closed_classifier_says_so() -> None:
    classifier = Classifier.load()
    classifier.close()
    with pytest.raises(ValueError, match="closed"):
        classifier.classify(SAMPLES[0])


def test_a_big_network_is_mapped_and_not_read_and_answers_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(EMBEDDED_MODEL.read_bytes())

    def is_mapped() -> bool:
        return str(path) in Path("/proc/self/maps").read_text()

    with Classifier.load(path) as classifier:
        expected = classifier.classify(SAMPLES[0])
        assert not is_mapped()
    monkeypatch.setattr(networks, "_BIG", 1000)
    with Classifier.load(path, threads=1) as classifier:
        assert is_mapped()
        assert classifier.classify(SAMPLES[0]) == expected


def test_a_network_that_the_runtime_refuses_is_a_model_error(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    description = ModelDescription("test", "int8", InputRule(150, 150), DecisionRule())
    write_model_file(path, b"\0" * 1000, description)
    with pytest.raises(ModelFileError, match="cannot be run"):
        Classifier.load(path)


def test_every_public_name_is_there_sorted_and_nothing_else_is() -> None:
    assert aiart_edge.__all__ == sorted(aiart_edge.__all__)
    for name in aiart_edge.__all__:
        assert getattr(aiart_edge, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = aiart_edge.nonsense
