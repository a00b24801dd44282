"""Conversion, from a Keras model to the content of files that were run and compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import keras
import numpy as np

from aiart_convert.edge_process import score_on_edge
from aiart_convert.golden import golden_scores
from aiart_convert.metadata import describe
from aiart_convert.operators import unsupported
from aiart_convert.quantize import CALIBRATED, convert, with_two_scores
from aiart_convert.representative import (
    PICTURES,
    draw_representative,
    representative_pixels,
    spread,
)
from aiart_convert.source import Source
from aiart_convert.tflite_metadata import add_metadata, classifier_metadata
from aiart_convert.verify import Verification, verify
from aiart_edge.image import InputRule
from aiart_edge.model_file import ModelDescription
from aiart_edge.program import silenced
from aiart_train.calibration import fit_decision
from aiart_train.evaluate import predict, targets
from aiart_train.split import SplitRow, rows_of


@dataclass(frozen=True)
class Form:
    """How the converted files shall be.

    Args:
        io: dtype of pixels and scores. Default: see `quantize.convert`.
        batch: how many pictures go in at once. Default 1.
        calibration: how many pictures to calibrate on. Default 200.
        keep_float: names of Keras layers that `int8` leaves in float32. Default none.
        target: one of `aiart_convert.TARGETS`, the runtime that must know every operator. Default
            `tflite`.
    """

    io: str | None = None
    batch: int = 1
    calibration: int = PICTURES
    keep_float: tuple[str, ...] = ()
    target: str = "tflite"


@dataclass(frozen=True)
class Conversion:
    """A converted model.

    Args:
        network: a TFLite flatbuffer.
        description: what its file shall say of itself.
        verification: how it compares with the Keras model.
        calibration: the pictures that it was calibrated on, none where its precision needs none.
        spread: how far apart the ranges of two calibrations are, 0 where only one was possible.
    """

    network: bytes
    description: ModelDescription
    verification: Verification
    calibration: tuple[SplitRow, ...]
    spread: float


def convert_source(
    source: Source,
    model: keras.Model,
    rule: InputRule,
    precisions: Iterable[str],
    part: str,
    form: Form = Form(),
) -> Iterator[Conversion]:
    """Convert a model, run each result as a device runs it, and fit and compare its scores.

    Args:
        source: where the model, its split and its pictures come from.
        model: the Keras model.
        rule: how it wants its pictures.
        precisions: of `aiart_convert.PRECISIONS`.
        part: of the split, on which the result is compared with the Keras model.
        form: how the results shall be. Default: as the edge takes them.

    Yields:
        One conversion per precision; its decision rule is fitted on the validation part, whatever
        `part` is.

    Raises:
        ValueError: the model cannot be converted, or not for the target.
        AiartError: a picture cannot be read, or is not the one that was split.
    """
    validation, compared = rows_of(source.rows, "validation"), rows_of(source.rows, part)
    judged = tuple(dict.fromkeys((*validation, *compared)))
    draws = draw_representative(source.rows, form.calibration)
    two_scores = with_two_scores(model, form.batch)
    keras_scores = predict(model, source.folder, compared, rule)

    def network_of(precision: str, calibration: Sequence[SplitRow]) -> bytes:
        with silenced():
            return convert(
                two_scores,
                precision,
                lambda: representative_pixels(source.folder, calibration, rule),
                io=form.io,
                keep_float=form.keep_float,
            )

    for precision in precisions:
        calibration, others = draws if precision in CALIBRATED else ((), ())
        network = network_of(precision, calibration)
        if unknown := unsupported(network, form.target):
            raise ValueError(
                f"its {precision} form needs {', '.join(unknown)}: convert it for newer runtimes "
                "alone with  --target litert"
            )
        network = add_metadata(network, classifier_metadata(source.name))
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
        apart = spread(network, network_of(precision, others)) if others else 0.0
        yield Conversion(network, description, verification, calibration, apart)
