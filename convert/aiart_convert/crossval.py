"""A cross-validation, converted: each fold's network scores what it has not seen, on the edge."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import keras

from aiart_convert.conversion import to_network
from aiart_convert.edge_process import Runtime, score_on_edge
from aiart_convert.quantize import Form
from aiart_convert.representative import draw_representative, representative_pixels
from aiart_convert.source import find_run, read_picture
from aiart_train.data.split import rows_of
from aiart_train.evaluation.scores import ScoredRow, add_scores
from aiart_train.keras_file import load_keras


def score_converted_fold(
    folder: Path, number: int, precision: str, runtime: Runtime
) -> tuple[ScoredRow, ...]:
    """Convert the network of one fold, and score the fold's test part with it.

    Args:
        folder: of the fold, a run folder.
        number: of the fold.
        precision: one of `aiart_convert.PRECISIONS`.
        runtime: that runs the network.

    Returns:
        The scored rows of the test part.

    Raises:
        ValueError: the network cannot be converted.
        AiartError: the fold is broken, or a picture is not the one that was split.
    """
    keras.utils.clear_session()  # of the fold before
    source = find_run(folder, None, folder.parent)
    model, rule = load_keras(source.path)
    form = Form()
    first, _ = draw_representative(source.rows, form.calibration)
    representative = partial(representative_pixels, source.folder, first, rule)
    _, network = to_network(source, model, rule, precision, form, representative)
    test = rows_of(source.rows, "test")
    for row in test:
        read_picture(source.folder, row)
    pictures = [source.folder / row.path for row in test]
    return add_scores(test, score_on_edge(network, pictures, rule, runtime), number)
