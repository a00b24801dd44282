"""Two networks as one classifier: the embedded one first, a bigger one where that is unsure.

The rule of the two is a JSON file beside the bigger model's, `cascade.json`, with the fields of
`CascadeRule`; train/aiart_train/evaluation/cascade.py fits it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aiart_edge.classifier import Classification, Classifier, conclude
from aiart_edge.decision import DecisionRule, calibrate, logit_of
from aiart_edge.errors import ModelFileError
from aiart_edge.image import Picture, read_pictures
from aiart_edge.model_file import ModelDescription
from aiart_edge.named_models import CASCADE, find_model

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from aiart_edge.evidence import Explanation
    from aiart_edge.image import InputRule, Source

RULE_FILE = "cascade.json"

_SECOND = "strong"


@dataclass(frozen=True)
class CascadeRule:
    """How two networks decide together.

    Args:
        networks: SHA-256 of the first network and of the second, in hex.
        unsure: low and high; the second is asked where the first's p(ai), not calibrated, lies
            between them.
        alone: slope and intercept, by which the logit of p(ai) follows from the first's logit where
            it alone was asked.
        together: slopes for both logits and intercept, by which it follows where both were.
        decision: how the pair's p(ai) becomes a verdict.
    """

    networks: tuple[str, str]
    unsure: tuple[float, float]
    alone: tuple[float, float]
    together: tuple[float, float, float]
    decision: DecisionRule

    def asks(self, first: ArrayLike) -> NDArray[np.bool_]:
        """Say whether the second network is asked.

        Args:
            first: scores of the first one, float of shape [..., 2].

        Returns:
            bool of shape [...].
        """
        p_ai = np.asarray(first, dtype=np.float64)[..., 0]
        return (self.unsure[0] < p_ai) & (p_ai < self.unsure[1])

    def combine(self, first: ArrayLike, second: ArrayLike | None) -> NDArray[np.float64]:
        """Give the scores of the pair.

        Args:
            first: scores of the first network, float of shape [..., 2].
            second: likewise of the second one; None where it was not asked.

        Returns:
            float64 of shape [..., 2], p(ai) and p(human), before the decision rule's calibration.
        """
        if second is None:
            slope, intercept = self.alone
            logit = slope * logit_of(first) + intercept
        else:
            one, two, intercept = self.together
            logit = one * logit_of(first) + two * logit_of(second) + intercept
        p_ai = 1 / (1 + np.exp(-logit))
        return np.stack([p_ai, 1 - p_ai], axis=-1)


class Cascade(Classifier):
    """Two classifiers that decide as one; `Classifier.load("cascade")` makes it.

    Args:
        first: is asked of every picture.
        second: is asked where the first one is unsure.
        rule: of the two.
    """

    def __init__(self, first: Classifier, second: Classifier, rule: CascadeRule) -> None:
        self._first, self._second, self._rule = first, second, rule
        self.sha256 = hashlib.sha256("".join(rule.networks).encode()).hexdigest()
        self.description = ModelDescription(
            CASCADE,
            f"{first.description.precision}, {second.description.precision}",
            first.description.input,
            rule.decision,
            origin={"aiart": second.description.origin.get("aiart", "")},
        )

    def scores(self, source: Source) -> NDArray[np.float32]:
        """Give the pair's scores, before calibration; see `Classifier.scores`."""
        scores, _ = self._ask(*read_pictures(source, self._inputs))
        return scores.astype(np.float32)

    def close(self) -> None:
        """Free both networks' memory."""
        self._first.close()
        self._second.close()

    @property
    def _inputs(self) -> tuple[InputRule, ...]:
        return self._first.description.input, self._second.description.input

    def _judge(self, *pictures: Picture) -> Classification:
        scores, decided = self._ask(*pictures)
        rule = self.description.decision
        p_ai = float(calibrate(scores, rule.temperature))
        return replace(conclude(p_ai, rule, pictures[0]), decided_by=decided.description.name)

    def _explain(self, *pictures: Picture) -> Explanation:
        """Give the evidence of the network that decided, which is not weighed with the other's."""
        classification = self._judge(*pictures)
        asked = self._first, self._second
        decided, picture = next(
            (classifier, picture)
            for classifier, picture in zip(asked, pictures, strict=True)
            if classifier.description.name == classification.decided_by
        )
        return replace(decided._explain(picture), classification=classification)

    def _ask(self, first: Picture, second: Picture) -> tuple[NDArray[np.float64], Classifier]:
        scores = self._first.score(first)
        if not self._rule.asks(scores):
            return self._rule.combine(scores, None), self._first
        return self._rule.combine(scores, self._second.score(second)), self._second


def load_cascade(
    *, threads: int | None, runtime: str, band: tuple[float, float] | None
) -> Classifier:
    """Load the embedded model, the strong one, and the rule of the two.

    Args:
        threads: see `Classifier.load`.
        runtime: likewise.
        band: likewise; of the pair's p(ai).

    Returns:
        Their classifier.

    Raises:
        ModelFileError: the strong model is not installed, or its rule is missing, broken or of
            other networks.
        RuntimeUnavailable: no TFLite runtime that works is installed.
        ValueError: impossible threads or band, or an unknown runtime.
    """
    path = find_model(_SECOND).with_name(RULE_FILE)
    rule = _read_rule(path)
    if band:
        rule = replace(rule, decision=replace(rule.decision, low=band[0], high=band[1]))
    first = Classifier.load(threads=threads, runtime=runtime)
    second = Classifier.load(_SECOND, threads=threads, runtime=runtime)
    if rule.networks != (first.sha256, second.sha256):
        raise ModelFileError(
            path,
            "the rule is of two other networks than these: install aiart and aiart-strong of one "
            "version",
        )
    return Cascade(first, second, rule)


def _read_rule(path: Path) -> CascadeRule:
    try:
        document = json.loads(path.read_bytes())
        one, other = map(str, document["networks"])
        low, high = map(float, document["unsure"])
        slope, intercept = map(float, document["alone"])
        first, second, both = map(float, document["together"])
        return CascadeRule(
            networks=(one, other),
            unsure=(low, high),
            alone=(slope, intercept),
            together=(first, second, both),
            decision=DecisionRule(**document["decision"]),
        )
    except OSError as error:
        raise ModelFileError(path, f"the rule cannot be opened ({error.strerror})") from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ModelFileError(path, "the rule is broken: install aiart-strong again") from error
