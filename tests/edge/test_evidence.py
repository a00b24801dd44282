"""Where in a picture the evidence lies."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from aiart_edge import (
    Classifier,
    DecisionRule,
    InputRule,
    ModelDescription,
    ModelFileError,
    PictureError,
)
from aiart_edge.evidence import spread
from aiart_edge.files import EMBEDDED_MODEL
from aiart_edge.model_file import Head, read_model_file, write_model_file

SAMPLES = sorted((Path(__file__).parents[2] / "samples").glob("*.jpg"))
CUT = 6  # the logit at which the embedded network's head ends


@pytest.fixture
def some_art(art: Path) -> list[Path]:
    return [*SAMPLES, *sorted(art.rglob("*.*"))[::20]]


@pytest.mark.parametrize("runtime", ["litert", "tflite"])
def test_an_explanation_has_the_bits_of_the_classification(
    runtime: str, some_art: list[Path]
) -> None:
    with Classifier.load(runtime=runtime) as classifier:
        for picture in some_art:
            assert classifier.explain(picture).classification == classifier.classify(picture)


def test_the_evidence_of_all_places_adds_up_to_the_logit_and_that_to_p_ai(
    some_art: list[Path],
) -> None:
    with Classifier.load() as classifier:
        temperature = classifier.description.decision.temperature
        for picture in some_art:
            found = classifier.explain(picture)
            assert found.method == "exact"
            assert found.evidence.dtype == np.float32
            assert found.evidence.sum() + found.intercept == pytest.approx(found.logit, abs=1e-3)
            if abs(found.logit) < CUT:
                p_ai = 1 / (1 + np.exp(-found.logit / temperature))
                assert found.classification.p_ai == pytest.approx(p_ai, abs=0.01)


def test_what_has_no_place_is_the_same_for_every_picture(some_art: list[Path]) -> None:
    with Classifier.load() as classifier:
        assert len({classifier.explain(picture).intercept for picture in some_art}) == 1


def test_what_is_painted_over_changes_the_evidence_there() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (240, 240, 3), np.uint8)
    painted = pixels.copy()
    painted[:60, 180:] = 255
    with Classifier.load() as classifier:
        before, after = (classifier.explain(picture).evidence for picture in (pixels, painted))
    moved = np.abs(after - before)
    far, near = moved[60:, :60].mean(), moved[:30, 90:].mean()
    assert near > 10 * far


def test_threads_share_an_explaining_classifier(some_art: list[Path]) -> None:
    with Classifier.load() as classifier:
        expected = [classifier.explain(picture).logit for picture in some_art]
        with ThreadPoolExecutor(4) as pool:
            found = pool.map(classifier.explain, some_art)
            assert [explanation.logit for explanation in found] == expected


def test_a_closed_classifier_explains_nothing() -> None:
    classifier = Classifier.load()
    classifier.close()
    with pytest.raises(ValueError, match="closed"):
        classifier.explain(SAMPLES[0])


def test_a_picture_that_cannot_be_read_is_the_same_error_as_to_classify(tmp_path: Path) -> None:
    with Classifier.load() as classifier, pytest.raises(PictureError, match="No such file"):
        classifier.explain(tmp_path / "missing.jpg")


def test_a_file_of_an_older_aiart_is_explained_by_occlusion(tmp_path: Path) -> None:
    model = read_model_file(EMBEDDED_MODEL)
    old = tmp_path / "old.tflite"
    write_model_file(old, model.network, replace(model.description, head=None))
    with Classifier.load(old) as classifier:
        found = classifier.explain(SAMPLES[0])
        assert found.classification == classifier.classify(SAMPLES[0])
    assert found.method == "occlusion"
    assert found.evidence.shape == (8, 8)
    assert found.evidence.sum() + found.intercept == pytest.approx(found.logit, abs=1e-3)


class SeesOneCorner:
    """A network that takes what is bright at the top right for AI."""

    def scores(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        p_ai = 0.1 + 0.8 * pixels[0, :20, 60:].mean() / 255
        return np.array([p_ai, 1 - p_ai], np.float32)

    def close(self) -> None:
        pass


def test_occlusion_finds_what_the_network_sees() -> None:
    description = ModelDescription("test", "float32", InputRule(40, 80), DecisionRule())
    with Classifier(SeesOneCorner, description) as classifier:
        found = classifier.explain(np.full((40, 80, 3), 240, np.uint8))
    seen, beside = found.evidence[:4, 6:], found.evidence[:5, 5:]  # windows reach half a step on
    assert seen.min() > 2 * np.delete(beside, np.s_[-1], 0)[:, 0].max() > 0
    assert np.abs(found.evidence).sum() == pytest.approx(beside.sum())


HEAD = read_model_file(EMBEDDED_MODEL).description.head


@pytest.mark.parametrize(
    "head",
    [
        replace(HEAD, features=1_000),
        replace(HEAD, features=100),
        replace(HEAD, weights=3),
        replace(HEAD, weights=1),
        replace(HEAD, bias=2),
        replace(HEAD, maps=((103, 8950),)),
        replace(HEAD, maps=((175, 0),)),
        replace(HEAD, maps=()),
        replace(HEAD, logits=103),
    ],
)
def test_a_head_that_is_not_the_networks_is_a_model_error(head: Head, tmp_path: Path) -> None:
    model = read_model_file(EMBEDDED_MODEL)
    path = tmp_path / "model.tflite"
    write_model_file(path, model.network, replace(model.description, head=head))
    with Classifier.load(path) as classifier:
        classifier.classify(SAMPLES[0])
        with pytest.raises(ModelFileError, match=r"model\.tflite"):
            classifier.explain(SAMPLES[0])


def test_values_are_spread_by_area_and_keep_their_sum() -> None:
    assert spread(np.array([[1.0, 3.0]]), (2, 3)) == pytest.approx(
        np.array([[1 / 3, 2 / 3, 1], [1 / 3, 2 / 3, 1]])
    )
    grid = np.random.default_rng(0).normal(size=(8, 15))
    assert spread(grid, (60, 120)).sum() == pytest.approx(grid.sum())
    assert spread(grid, (8, 15)) == pytest.approx(grid)


def test_who_classifies_imports_nothing_to_explain_with() -> None:
    script = (
        "import sys; from aiart_edge import Classifier\n"
        f"with Classifier.load() as classifier: classifier.classify({str(SAMPLES[0])!r})\n"
        "sys.exit('aiart_edge.evidence' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
