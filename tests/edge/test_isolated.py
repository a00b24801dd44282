"""A network from elsewhere, in a process of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from aiart_edge import Classifier, ModelFileError
from aiart_edge.files import EMBEDDED_MODEL
from aiart_edge.model_file import read_model_file

SAMPLE = Path(__file__).parents[2] / "samples" / "van-gogh-auvers-1890.jpg"


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A network without a word of ours behind it."""
    path = tmp_path / "foreign.tflite"
    path.write_bytes(read_model_file(EMBEDDED_MODEL).network)
    return path


def test_without_options_it_is_refused_with_a_hint(
    aiart_edge: Callable[..., Result], one_line: Callable[[Result], str], foreign: Path
) -> None:
    line = one_line(aiart_edge("classify", SAMPLE, "--model", foreign))
    assert "needs --labels and --size" in line


@pytest.mark.parametrize("labels", ["ai,human", "human,ai"])
def test_with_labels_and_size_it_classifies(
    labels: str, aiart_edge: Callable[..., Result], foreign: Path
) -> None:
    with Classifier.load() as ours:
        verdict = labels.split(",")[ours.scores(SAMPLE).argmax()]
    options = ("--model", foreign, "--labels", labels, "--size", "240")
    assert aiart_edge("classify", "-q", SAMPLE, *options).stdout == f"{verdict}\n"


def test_it_gives_the_scores_that_it_gives_in_our_process(foreign: Path) -> None:
    with (
        Classifier.load() as ours,
        Classifier.load_foreign(foreign, labels=("ai", "human"), size=(240, 240)) as theirs,
    ):
        assert theirs.scores(SAMPLE).tolist() == ours.scores(SAMPLE).tolist()


@pytest.mark.parametrize("length", [0, 10, 1_000, 100_000, 1_000_000, 3_000_000])
def test_one_cut_short_takes_nobody_along(
    length: int,
    aiart_edge: Callable[..., Result],
    one_line: Callable[[Result], str],
    foreign: Path,
) -> None:
    foreign.write_bytes(foreign.read_bytes()[:length])
    options = ("--model", foreign, "--labels", "ai,human", "--size", "240")
    line = one_line(aiart_edge("classify", SAMPLE, *options))
    assert "the TFLite runtime died of it" in line or "the runtime refuses the model" in line


def test_one_of_another_size_is_refused(foreign: Path) -> None:
    with pytest.raises(ModelFileError, match="the runtime refuses the model"):
        Classifier.load_foreign(foreign, labels=("ai", "human"), size=(224, 200))


def test_one_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="No such file"):
        Classifier.load_foreign(tmp_path / "no", labels=("ai", "human"), size=(224, 224))


def test_labels_of_another_task_are_refused(foreign: Path) -> None:
    with pytest.raises(ValueError, match="Expected the labels"):
        Classifier.load_foreign(foreign, labels=("cat", "dog"), size=(240, 240))


def test_a_process_that_dies_meanwhile_is_one_error_and_the_next_picture_has_another(
    foreign: Path,
) -> None:
    before = set(Path("/proc").iterdir())
    with Classifier.load_foreign(foreign, labels=("ai", "human"), size=(240, 240)) as classifier:
        expected = classifier.classify(SAMPLE)
        for process in set(Path("/proc").iterdir()) - before:
            if (process / "cmdline").exists() and b"isolated" in (process / "cmdline").read_bytes():
                os.kill(int(process.name), signal.SIGKILL)
        with pytest.raises(ModelFileError, match="died"):
            classifier.classify(SAMPLE)
        assert classifier.classify(SAMPLE) == expected
