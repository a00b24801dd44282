"""What a converted file says of itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import tensorflow as tf

from aiart_convert.quantize import Form
from aiart_convert.source import Source
from aiart_edge import __version__
from aiart_edge.decision import DecisionRule
from aiart_edge.image import InputRule
from aiart_edge.model_file import Head, ModelDescription


def describe(
    source: Source,
    precision: str,
    rule: InputRule,
    decision: DecisionRule,
    figures: Mapping[str, Mapping[str, object]],
    golden: Mapping[str, Sequence[float]],
    form: Form,
    head: Head | None,
) -> ModelDescription:
    """Say of a converted file what its users and the edge need to know.

    Args:
        source: what was converted.
        precision: to what.
        rule: how the network wants its pictures.
        decision: how its scores become verdicts.
        figures: what was measured, by name and by what it was measured on; what is no number is
            left out.
        golden: what it answers to the golden pictures.
        form: how it was asked to be.
        head: what tells where it finds its evidence, if anything does.

    Returns:
        The description.
    """
    return ModelDescription(
        name=source.name,
        precision=precision,
        input=rule,
        decision=decision,
        metrics={
            f"{measured_on}_{name}": value
            for measured_on, measured in figures.items()
            for name, value in measured.items()
            if isinstance(value, (int, float))
        },
        origin={
            "keras_sha256": hashlib.sha256(source.path.read_bytes()).hexdigest(),
            "data_sha256": source.data_sha256,
            "aiart": __version__,
            "tensorflow": tf.__version__,
            "io": form.io_for(precision),
            "batch": str(form.batch),
            "keep_float": " ".join(form.keep_float),
            "target": form.target,
        },
        golden=golden,
        tolerance=form.tolerance_for(precision),
        head=head,
    )
