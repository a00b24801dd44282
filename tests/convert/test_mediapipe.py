"""A client that nobody here wrote: MediaPipe Tasks opens the files by their TFLite Metadata."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from aiart_edge.golden import PICTURES, draw_golden
from aiart_edge.image import read_pixels
from aiart_edge.model_file import read_model_file
from aiart_edge.runtime import load_network

try:
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision
except (ImportError, OSError) as error:  # OSError: Debian's libgles2 and libegl1 are not there
    pytest.skip(f"MediaPipe cannot run here ({error})", allow_module_level=True)

# An int8 network's answers depend on the kernels, and MediaPipe's are not tflite-runtime's.
TOLERANCE = {"float32": 1e-5, "int8": 8 / 256}


@pytest.fixture(params=["float32", "int8"])
def precision(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def classifier(precision: str, model_files: dict[str, Path]) -> Iterator[Any]:
    base = BaseOptions(model_asset_path=str(model_files[precision]))
    options = vision.ImageClassifierOptions(base_options=base)
    with vision.ImageClassifier.create_from_options(options) as opened:
        yield opened


def p_ai(classifier: Any, pixels: NDArray[np.uint8]) -> float:
    """Classify pixels of the network's size: MediaPipe resizes by a rule of its own."""
    image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=pixels[0])
    (head,) = classifier.classify(image).classifications
    scores = {category.category_name: category.score for category in head.categories}
    assert scores.keys() == {"ai", "human"}
    return float(scores["ai"])


def test_it_gives_the_edges_scores_under_the_right_labels(
    classifier: Any, precision: str, model_files: dict[str, Path], art: Path
) -> None:
    model = read_model_file(model_files[precision])
    network = load_network(model.network)
    pictures = [path for folder in art.iterdir() for path in sorted(folder.iterdir())[:25]]
    assert len(pictures) == 50
    for path in pictures:
        pixels = read_pixels(path, model.description.input).copy()
        expected = float(network.scores(pixels)[0])
        assert p_ai(classifier, pixels) == pytest.approx(expected, abs=TOLERANCE[precision])


def test_it_gives_the_golden_answers_of_its_kernels(
    classifier: Any, precision: str, model_files: dict[str, Path]
) -> None:
    description = read_model_file(model_files[precision]).description
    answers = [p_ai(classifier, draw_golden(n, description.input)) for n in range(PICTURES)]
    tolerance = 0 if precision == "int8" else TOLERANCE[precision]
    assert answers == pytest.approx(list(description.golden["xnnpack"]), rel=0, abs=tolerance)
