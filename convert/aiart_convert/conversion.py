"""Conversion, from a Keras model to the content of files that were run and compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import keras
import numpy as np

from aiart_convert.edge_process import score_on_edge
from aiart_convert.golden import golden_scores
from aiart_convert.metadata import describe
from aiart_convert.quantize import convert, with_two_scores
from aiart_convert.representative import draw_representative, representative_pixels
from aiart_convert.source import Source
from aiart_convert.tflite_metadata import add_metadata, classifier_metadata
from aiart_convert.verify import Verification, verify
from aiart_edge.image import InputRule
from aiart_edge.model_file import ModelDescription
from aiart_edge.program import silenced
from aiart_train.calibration import fit_decision
from aiart_train.evaluate import predict, targets
from aiart_train.split import rows_of


@dataclass(frozen=True)
class Conversion:
    """A converted model.

    Args:
        network: a TFLite flatbuffer.
        description: what its file shall say of itself.
        verification: how it compares with the Keras model.
    """

    network: bytes
    description: ModelDescription
    verification: Verification


def convert_source(
    source: Source, model: keras.Model, rule: InputRule, precisions: Iterable[str], part: str
) -> Iterator[Conversion]:
    """Convert a model, run each result as a device runs it, and fit and compare its scores.

    Args:
        source: where the model, its split and its pictures come from.
        model: the Keras model.
        rule: how it wants its pictures.
        precisions: of `aiart_convert.PRECISIONS`.
        part: of the split, on which the result is compared with the Keras model.

    Yields:
        One conversion per precision; its decision rule is fitted on the validation part, whatever
        `part` is.

    Raises:
        ValueError: the model cannot be converted.
        AiartError: a picture cannot be read, or is not the one that was split.
    """
    validation, compared = rows_of(source.rows, "validation"), rows_of(source.rows, part)
    judged = tuple(dict.fromkeys((*validation, *compared)))
    calibration = draw_representative(source.rows)
    two_scores = with_two_scores(model)
    keras_scores = predict(model, source.folder, compared, rule)
    for precision in precisions:
        with silenced():
            converted = convert(
                two_scores,
                precision,
                lambda: representative_pixels(source.folder, calibration, rule),
            )
        network = add_metadata(converted, classifier_metadata(source.name))
        pictures = [source.folder / row.path for row in judged]
        score_of = dict(zip(judged, score_on_edge(network, pictures, rule), strict=True))
        decision = fit_decision(
            np.array([score_of[row] for row in validation]), targets(validation)
        )
        scores = np.array([score_of[row] for row in compared])
        verification = verify(compared, keras_scores, scores, decision)
        description = describe(
            source, precision, rule, decision, part, verification, golden_scores(network, rule)
        )
        yield Conversion(network, description, verification)
