"""Conversion, from a Keras model to the content of files that were run and compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import keras
import numpy as np
from numpy.typing import NDArray

from aiart_convert import INTEGER, SHIFTED
from aiart_convert.edge_process import Runtime, installed_runtimes, score_on_edge
from aiart_convert.golden import golden_scores
from aiart_convert.head import Completeness, find_head, measure_completeness
from aiart_convert.metadata import describe
from aiart_convert.operators import unsupported
from aiart_convert.out_of_fold import OutOfFold
from aiart_convert.quantize import (
    Form,
    Representative,
    convert,
    find_shift,
    kind_of_output,
    partial_converter,
    with_two_scores,
)
from aiart_convert.representative import draw_representative, representative_pixels, spread
from aiart_convert.sensitivity import LayerLoss
from aiart_convert.source import Source, read_picture
from aiart_convert.tflite_metadata import add_metadata, classifier_metadata
from aiart_convert.verify import Bar, Verdicts, Verification, verify, weigh_verdicts
from aiart_edge.decision import LABELS, DecisionRule
from aiart_edge.errors import RunFolderError
from aiart_edge.image import InputRule
from aiart_edge.model_file import Head, ModelDescription
from aiart_edge.program import silenced
from aiart_train.data.split import SplitRow, number_folds, rows_of
from aiart_train.evaluation.calibration import apply_rule, cross_fit, fit_decision
from aiart_train.evaluation.evaluate import predict, targets

_EXPLAINED = 8  # pictures
_TOLD = 3  # layers, of those that lose most
_FLOAT16 = 2  # times int8's size, for which float16 loses nothing


@dataclass(frozen=True)
class Remedy:
    """Where int8 hurts a network, and what helps.

    Args:
        losses: the three layers that lose most, the worst first.
        keep_float: layers with which, left in float32, the network reaches the bar with the first
            runtime and is no larger than float16; none where no such set was found.
    """

    losses: tuple[LayerLoss, ...]
    keep_float: tuple[str, ...]


@dataclass(frozen=True)
class Conversion:
    """A converted model.

    Args:
        network: a TFLite flatbuffer.
        description: what its file shall say of itself.
        verifications: how it compares with the Keras model, one per runtime.
        bar: what it had to reach.
        is_accepted: whether it reached that with each runtime.
        verdicts: what its verdicts are worth: out of fold, or with the runtime that agrees least.
        calibration: the pictures that it was calibrated on, or its logit corrected, none where its
            precision needs none.
        spread: how far apart the ranges of two calibrations are, None where there were not two.
        remedy: where an int8 network was not accepted, else None.
        completeness: of its evidence, None where its head is not linear in pooled maps; where it
            does not hold, the file says nothing of the head.
    """

    network: bytes
    description: ModelDescription
    verifications: tuple[Verification, ...]
    bar: Bar
    is_accepted: bool
    verdicts: Verdicts
    calibration: tuple[SplitRow, ...]
    spread: float | None
    remedy: Remedy | None
    completeness: Completeness | None


def convert_source(
    source: Source,
    model: keras.Model,
    rule: InputRule,
    bars: Mapping[str, Bar],
    part: str,
    form: Form,
    tell: Callable[[str], None],
    out_of_fold: OutOfFold | None = None,
) -> Iterator[Conversion]:
    """Convert a model, run each result as a device runs it, and fit and compare its scores.

    Args:
        source: where the model, its split and its pictures come from.
        model: the Keras model.
        rule: how it wants its pictures.
        bars: what the file of each precision of `aiart_convert.PRECISIONS` must reach.
        part: of the split, on which the result is compared with the Keras model.
        form: how the results shall be.
        tell: is told what begins, since each of it takes its time.
        out_of_fold: has the rule of the results. Default: each gets its own, fitted on the
            validation part, whatever `part` is, on the scores of all runtimes together.

    Yields:
        One conversion per precision.

    Raises:
        ValueError: the model cannot be converted, or not for the target.
        AiartError: a picture cannot be read, or is not the one that was split; or the split has no
            validation part where one is needed.
    """
    kind_of_output(model)  # else it would be blamed for what it predicts
    decision = out_of_fold.rule if out_of_fold else None
    gate = _Gate(source, model, rule, part, decision)
    draws = draw_representative(source.rows, form.calibration)
    for precision, bar in bars.items():
        runtimes = installed_runtimes(precision, form.target)
        first, second = (
            partial(representative_pixels, source.folder, draw, rule) for draw in draws
        )
        tell(f"converting to {precision}")
        plain, network = to_network(source, model, rule, precision, form, first)
        network = add_metadata(network, classifier_metadata(source.name))
        names = ", ".join(runtime.name for runtime in runtimes)
        tell(f"running {precision} with {names}")
        fitted, verifications = gate.judge(network, runtimes)
        is_accepted = _is_passed(bar, verifications)
        head = find_head(network)
        completeness = gate.measure(network, head, runtimes) if head else None
        least = min(verifications, key=lambda one: (one.agreement, one.accuracy))
        ranges, remedy = precision in INTEGER, None
        if precision == "int8" and not is_accepted:
            tell("looking for layers that int8 hurts")
            largest = _FLOAT16 * len(network)
            remedy = _find_remedy(plain, first, form, gate, bar, runtimes[0], largest)
        yield Conversion(
            network=network,
            description=describe(
                source,
                precision,
                rule,
                fitted,
                {
                    part: asdict(least) | asdict(least.verdicts),
                    **({"crossval": out_of_fold.figures} if out_of_fold else {}),
                },
                golden_scores(network, rule, form.target),
                form,
                head if completeness and completeness.holds else None,
            ),
            verifications=verifications,
            bar=bar,
            is_accepted=is_accepted,
            verdicts=out_of_fold.verdicts if out_of_fold else least.verdicts,
            calibration=draws[0] if ranges or precision in SHIFTED else (),
            spread=spread(network, _convert(plain, precision, form, second))
            if ranges and draws[1]
            else None,
            remedy=remedy,
            completeness=completeness,
        )


def to_network(
    source: Source,
    model: keras.Model,
    rule: InputRule,
    precision: str,
    form: Form,
    representative: Representative,
) -> tuple[keras.Model, bytes]:
    """Convert a model, and correct what 8-bit weights add to its logits.

    Args:
        source: where the model comes from.
        model: the Keras model.
        rule: how it wants its pictures.
        precision: one of `aiart_convert.PRECISIONS`.
        form: how the network shall be.
        representative: see `quantize.convert`.

    Returns:
        The Keras model in the form that was converted, but for the correction, and the TFLite
        flatbuffer.

    Raises:
        ValueError: the model cannot be converted, or not for the target.
        AiartError: a representative picture cannot be read.
    """
    # On z's whole range int8 loses what float32 need not.
    build = partial(
        with_two_scores,
        model,
        rule,
        batch=form.batch,
        labels=source.labels,
        clipped=precision == "int8",
    )
    plain = build()
    network = _convert(plain, precision, form, representative)
    if precision in SHIFTED:
        with silenced():
            shift = find_shift(plain, network, representative)
        network = _convert(build(shift=shift), precision, form, representative)
    return plain, network


class _Gate:
    """Runs networks on the pictures on which they are judged, and compares them with Keras."""

    def __init__(
        self,
        source: Source,
        model: keras.Model,
        rule: InputRule,
        part: str,
        decision: DecisionRule | None,
    ) -> None:
        self._validation = rows_of(source.rows, "validation")
        self._compared = rows_of(source.rows, part)
        if not self._validation and not (decision and self._compared):
            raise RunFolderError(
                source.path.parent,
                "its split has no validation part: compare with  --on test , and fit the unsure "
                "band on the scores of a cross-validation with  --decision FOLDER",
            )
        self._judged = tuple(dict.fromkeys((*self._validation, *self._compared)))
        for row in self._judged:
            read_picture(source.folder, row)
        self._pictures = [source.folder / row.path for row in self._judged]
        self._rule = rule
        self._decision = decision
        scores = predict(model, source.folder, self._compared, rule)
        self._keras_scores = scores if source.labels == LABELS else scores[:, ::-1]

    def judge(
        self, network: bytes, runtimes: Sequence[Runtime]
    ) -> tuple[DecisionRule, tuple[Verification, ...]]:
        """Run a network; give its decision rule, and how it compares with each runtime."""
        scores_of = {
            runtime.name: dict(
                zip(
                    self._judged,
                    score_on_edge(network, self._pictures, self._rule, runtime),
                    strict=True,
                )
            )
            for runtime in runtimes
        }
        decision = self._decision or fit_decision(
            np.array([scores[row] for scores in scores_of.values() for row in self._validation]),
            np.tile(targets(self._validation), len(runtimes)),
        )
        compared = {
            name: np.array([scores[row] for row in self._compared])
            for name, scores in scores_of.items()
        }
        return decision, tuple(
            verify(
                name,
                self._compared,
                self._keras_scores,
                scores,
                decision,
                self._weigh(scores, decision),
            )
            for name, scores in compared.items()
        )

    def _weigh(self, scores: NDArray[np.float64], decision: DecisionRule) -> Verdicts:
        """Say what verdicts are worth; where the rule has seen the pictures, by cross-fitting."""
        rows = self._compared
        is_own = self._decision is None and rows == self._validation
        folds = number_folds(rows) if is_own else None
        if folds is None:
            return weigh_verdicts(rows, apply_rule(scores, decision), in_sample=is_own)
        decisions = cross_fit(scores, targets(rows), folds, differ=False)
        return weigh_verdicts(rows, decisions, in_sample=False)

    def measure(self, network: bytes, head: Head, runtimes: Sequence[Runtime]) -> Completeness:
        """Look on some of the pictures whether the evidence of places adds up to the answers."""
        some = self._pictures[:: -(-len(self._pictures) // _EXPLAINED)]
        return measure_completeness(network, head, some, self._rule, runtimes)


def _is_passed(bar: Bar, verifications: Iterable[Verification]) -> bool:
    return not any(map(bar.shortfalls, verifications))


def _convert(
    model: keras.Model, precision: str, form: Form, representative: Representative
) -> bytes:
    with silenced():
        network = convert(model, precision, representative, form)
    if unknown := unsupported(network, form.target):
        remedy = ": convert it for newer runtimes alone with  --target litert"
        raise ValueError(
            f"its {precision} form needs {', '.join(unknown)}"
            + (remedy if form.target == "tflite" else "")
        )
    return network


def _find_remedy(
    model: keras.Model,
    representative: Representative,
    form: Form,
    gate: _Gate,
    bar: Bar,
    runtime: Runtime,
    largest: int,
) -> Remedy:
    """Try to keep ever more layers in float32, up to a size in bytes."""
    with silenced(), partial_converter(model, representative) as converter:
        worst = sorted(converter.losses, key=lambda one: -one.loss)[:_TOLD]
        for layers in converter.suggestions():
            keep_float = tuple(dict.fromkeys((*form.keep_float, *layers)))
            network = converter.convert(keep_float)
            if len(network) > largest:
                break
            _, verifications = gate.judge(network, (runtime,))
            if _is_passed(bar, verifications):
                return Remedy(tuple(worst), keep_float)
    return Remedy(tuple(worst), ())
