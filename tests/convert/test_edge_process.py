"""The edge in a process of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aiart_convert.edge_process import score_on_edge
from aiart_edge import Classifier, InputRule, PictureError
from aiart_edge.model_file import read_model_file


def test_it_gives_the_classifiers_own_scores(model_files: dict[str, Path], art: Path) -> None:
    pictures = sorted((art / "RealArt").iterdir())[:5]
    model = read_model_file(model_files["float32"])
    scores = score_on_edge(model.network, pictures, model.description.input)
    with Classifier.load(model.path) as classifier:
        assert np.array_equal(scores, [classifier.scores(picture) for picture in pictures])


def test_a_picture_that_cannot_be_read_is_reported_as_at_home(
    model_files: dict[str, Path], tmp_path: Path
) -> None:
    network = read_model_file(model_files["int8"]).network
    with pytest.raises(PictureError, match="No such file"):
        score_on_edge(network, [tmp_path / "missing.jpg"], InputRule(150, 150))
