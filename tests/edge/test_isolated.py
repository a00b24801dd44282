"""A network from elsewhere, in a process of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from aiart_edge import Classifier, ModelFileError, RuntimeUnavailable
from aiart_edge.files import EMBEDDED_MODEL
from aiart_edge.model_file import read_model_file

SAMPLE = Path(__file__).parents[2] / "samples" / "van-gogh-auvers-1890.jpg"


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A network without a word of ours behind it."""
    path = tmp_path / "foreign.tflite"
    path.write_bytes(read_model_file(EMBEDDED_MODEL).network)
    return path


MARKS = [12.34, 56.78]


@pytest.fixture(scope="session")
def answering() -> Callable[..., bytes]:
    """Float networks, for pictures of 32x32 or of any size, that answer each with given scores."""
    import keras
    import tensorflow as tf

    def make(side: int | None) -> bytes:
        pixels = keras.Input((side, side, 3))
        pooled = keras.layers.GlobalAveragePooling2D()(pixels)
        model = keras.Model(pixels, keras.layers.Dense(2)(pooled))
        model.layers[-1].set_weights([np.zeros((3, 2)), np.array(MARKS)])
        network: bytes = tf.lite.TFLiteConverter.from_keras_model(model).convert()
        return network

    made = {32: make(32), None: make(None)}
    return lambda scores, side=32: made[side].replace(
        np.array(MARKS, "<f4").tobytes(), np.array(scores, "<f4").tobytes()
    )


def test_without_options_it_is_refused_with_a_hint(
    aiart_edge: Callable[..., Result], one_line: Callable[[Result], str], foreign: Path
) -> None:
    line = one_line(aiart_edge("classify", SAMPLE, "--model", foreign))
    assert "needs --labels" in line


@pytest.mark.parametrize("labels", ["ai,human", "human,ai"])
@pytest.mark.parametrize("size", [(), ("--size", "240"), ("--size", "240x240")])
def test_with_labels_it_classifies_and_knows_its_size(
    labels: str, size: tuple[str, ...], aiart_edge: Callable[..., Result], foreign: Path
) -> None:
    with Classifier.load() as ours:
        verdict = labels.split(",")[ours.scores(SAMPLE).argmax()]
    options = ("--model", foreign, "--labels", labels, *size)
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
    line = one_line(aiart_edge("classify", SAMPLE, "--model", foreign, "--labels", "ai,human"))
    assert "the model cannot be run" in line


@pytest.mark.parametrize("size", [(224, 200), (1, 240), (240, 1), (1, 1)])
def test_one_of_another_size_is_refused(size: tuple[int, int], foreign: Path) -> None:
    with pytest.raises(ModelFileError, match="it takes pictures of 240x240"):
        Classifier.load_foreign(foreign, labels=("ai", "human"), size=size)


def test_one_that_takes_any_size_gets_the_one_that_is_chosen(
    answering: Callable[..., bytes],
    aiart_edge: Callable[..., Result],
    one_line: Callable[[Result], str],
    foreign: Path,
) -> None:
    foreign.write_bytes(answering([1.0, 0.0], None))
    options = ("classify", "-q", SAMPLE, "--model", foreign, "--labels", "ai,human")
    assert "choose one with --size" in one_line(aiart_edge(*options))
    assert aiart_edge(*options, "--size", "30x20").stdout in ("ai\n", "human\n")


@pytest.mark.parametrize(
    "scores", [[50.0, -70.0], [float("nan"), 1.0], [float("inf"), 0.0], [0.9, 0.9], [1.5, -0.5]]
)
def test_scores_that_are_no_probabilities_are_refused(
    scores: list[float],
    answering: Callable[..., bytes],
    aiart_edge: Callable[..., Result],
    one_line: Callable[[Result], str],
    foreign: Path,
) -> None:
    foreign.write_bytes(answering(scores))
    options = ("classify", SAMPLE, "--json", "--model", foreign, "--labels", "ai,human")
    line = one_line(aiart_edge(*options))
    assert "are no probabilities" in line
    assert "--logits" in line


def test_of_logits_a_softmax_makes_probabilities(
    answering: Callable[..., bytes], foreign: Path
) -> None:
    foreign.write_bytes(answering([2.0, 1.0]))
    with Classifier.load_foreign(foreign, labels=("human", "ai"), logits=True) as classifier:
        assert classifier.scores(SAMPLE)[0] == pytest.approx(1 / (1 + np.e))


@pytest.mark.parametrize("scores", [[float("nan"), 0.0], [float("inf"), 0.0]])
def test_what_is_no_number_is_no_logit_either(
    scores: list[float], answering: Callable[..., bytes], foreign: Path
) -> None:
    foreign.write_bytes(answering(scores))
    with (
        Classifier.load_foreign(foreign, labels=("ai", "human"), logits=True) as classifier,
        pytest.raises(ModelFileError, match="no probabilities"),
    ):
        classifier.classify(SAMPLE)


@pytest.mark.parametrize("options", [("--size", "32"), ("--logits",)])
def test_size_and_logits_belong_to_labels(
    options: tuple[str, ...], aiart_edge: Callable[..., Result], foreign: Path
) -> None:
    assert aiart_edge("classify", SAMPLE, "--model", foreign, *options).exit_code == 2


def test_one_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="No such file"):
        Classifier.load_foreign(tmp_path / "no", labels=("ai", "human"), size=(224, 224))


def test_labels_of_another_task_are_refused(foreign: Path) -> None:
    with pytest.raises(ValueError, match="Expected the labels"):
        Classifier.load_foreign(foreign, labels=("cat", "dog"), size=(240, 240))


def kill_the_child(before: set[Path], how: signal.Signals) -> None:
    for process in set(Path("/proc").iterdir()) - before:
        if (process / "cmdline").exists() and b"isolated" in (process / "cmdline").read_bytes():
            os.kill(int(process.name), how)


def test_a_process_that_dies_meanwhile_is_one_error_and_the_next_picture_has_another(
    foreign: Path,
) -> None:
    before = set(Path("/proc").iterdir())
    with Classifier.load_foreign(foreign, labels=("ai", "human"), size=(240, 240)) as classifier:
        expected = classifier.classify(SAMPLE)
        kill_the_child(before, signal.SIGKILL)
        with pytest.raises(ModelFileError, match="died"):
            classifier.classify(SAMPLE)
        assert classifier.classify(SAMPLE) == expected


def test_a_runtime_that_was_built_for_another_processor_is_named(foreign: Path) -> None:
    before = set(Path("/proc").iterdir())
    with Classifier.load_foreign(foreign, labels=("ai", "human")) as classifier:
        kill_the_child(before, signal.SIGILL)
        with pytest.raises(RuntimeUnavailable, match="built for another processor"):
            classifier.classify(SAMPLE)
