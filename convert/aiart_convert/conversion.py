"""One conversion, from a Keras model to a file's content that was run and compared."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np

from aiart_convert.edge_process import score_on_edge
from aiart_convert.metadata import describe
from aiart_convert.quantize import convert, with_two_scores
from aiart_convert.representative import draw_representative, representative_pixels
from aiart_convert.source import Source
from aiart_convert.verify import Verification, verify
from aiart_edge.image import InputRule
from aiart_edge.model_file import ModelDescription
from aiart_edge.stderr import silenced
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
    source: Source, model: keras.Model, rule: InputRule, precision: str, part: str
) -> Conversion:
    """Convert a model, run the result as a device runs it, and fit and compare its scores.

    Args:
        source: where the model, its split and its pictures come from.
        model: the Keras model.
        rule: how it wants its pictures.
        precision: see `quantize.PRECISIONS`.
        part: of the split, on which the result is compared with the Keras model.

    Returns:
        The conversion; its decision rule is fitted on the validation part, whatever `part` is.

    Raises:
        ValueError: the model cannot be converted.
        AiartError: a picture cannot be read, or is not the one that was split.
    """
    calibration = draw_representative(source.rows)
    two_scores = with_two_scores(model)
    with silenced():
        network = convert(
            two_scores, precision, lambda: representative_pixels(source.folder, calibration, rule)
        )
    rows = [row for row in source.rows if row.part in {"validation", part}]
    scores = score_on_edge(network, [source.folder / row.path for row in rows], rule)
    in_part = {name: np.array([row.part == name for row in rows]) for name in ("validation", part)}
    decision = fit_decision(scores[in_part["validation"]], targets(rows_of(rows, "validation")))
    compared = rows_of(rows, part)
    keras_scores = predict(model, source.folder, compared, rule)
    verification = verify(compared, keras_scores, scores[in_part[part]], decision)
    return Conversion(
        network, describe(source, precision, rule, decision, part, verification), verification
    )
