"""The rule by which two networks decide as one, fitted on what both said out of fold."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score

from aiart_edge.cascade import CascadeRule
from aiart_edge.decision import LABELS, DecisionRule, logit_of
from aiart_train.evaluation.calibration import (
    MOST_FALSE,
    Decisions,
    apply_rule,
    fit_decision,
    least_reached,
)

MOST_LOST = 0.01  # of the balanced accuracy of the second network alone

# Shares of a class that the first network may get wrong where it decides alone; at 0 it decides
# what no picture of the other class comes near.
_SHARES = (0.0, 0.005, 0.01, 0.02, 0.03, 0.05)
_UNPENALISED = 1e6  # what scikit-learn calls C


@dataclass(frozen=True, eq=False)
class Cascaded:
    """A rule, and what it is worth: each picture is judged by one that was fitted on other folds.

    Args:
        rule: fitted on all folds.
        asked: bool of shape [n], whether the second network was asked.
        scores: float64 of shape [n, 2], the pair's, before the temperature.
        decisions: of these.
    """

    rule: CascadeRule
    asked: NDArray[np.bool_]
    scores: NDArray[np.float64]
    decisions: Decisions


def fit_cascade(
    networks: tuple[str, str],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    targets: NDArray[np.int_],
    folds: NDArray[np.int_],
) -> Cascaded:
    """Fit the first network's band and the pair's together.

    Of the bands of the first network the one is taken that asks the second one least, such that, in
    folds on which nothing was fitted, at most 5% of human art is called `ai`, at most 5% of AI art
    `human`, and at most a point of the second network's balanced accuracy is lost.

    Args:
        networks: SHA-256 of both.
        first: scores of the first network, float of shape [n, 2], p(ai) and p(human), out of fold.
        second: likewise of the second one.
        targets: int of shape [n], positions in `LABELS`.
        folds: int of shape [n], the number of each picture's fold, the same for both networks.

    Returns:
        The rule, and what it is worth.

    Raises:
        ValueError: no band does.
    """
    least = balanced_accuracy_score(targets, second.argmax(1)) - MOST_LOST
    rests = [folds != number for number in np.unique(folds)]
    plain = [_fit_logits(networks, first[rest], second[rest], targets[rest]) for rest in rests]
    bands = {
        _band(first, targets, shares): shares for shares in itertools.product(_SHARES, _SHARES)
    }
    for band in sorted(bands, key=lambda band: _is_between(first, band).sum()):
        rules = [
            replace(rule, unsure=_band(first[rest], targets[rest], bands[band]))
            for rule, rest in zip(plain, rests, strict=True)
        ]
        asked, scores = np.zeros(len(first), bool), np.empty((len(first), 2))
        for rule, rest in zip(rules, rests, strict=True):
            asked[~rest], scores[~rest] = _apply(rule, first[~rest], second[~rest])
        if balanced_accuracy_score(targets, scores.argmax(1)) < least:
            continue
        decisions = _decide(rules, rests, first, second, targets, folds)
        if _calls_few_wrongly(decisions, targets):
            whole = replace(_fit_logits(networks, first, second, targets), unsure=band)
            rule = _with_decision(whole, first, second, targets, folds)
            return Cascaded(rule, asked, scores, decisions)
    raise ValueError(
        "Expected a band of the first network at which the pair holds what it promises. "
        "Received scores of which none does."
    )


def _calls_few_wrongly(decisions: Decisions, targets: NDArray[np.int_]) -> bool:
    verdicts = np.array(decisions.verdicts)
    return all(
        (verdicts[targets == label] == LABELS[1 - label]).mean() <= MOST_FALSE
        for label in range(len(LABELS))
    )


def _decide(
    rules: Sequence[CascadeRule],
    rests: Sequence[NDArray[np.bool_]],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    targets: NDArray[np.int_],
    folds: NDArray[np.int_],
) -> Decisions:
    """Judge each fold by the decision rule that the rest gives."""
    p_ai, verdicts = np.empty(len(first)), np.empty(len(first), dtype=object)
    fitted = []
    for rule, rest in zip(rules, rests, strict=True):
        whole = _with_decision(rule, first[rest], second[rest], targets[rest], folds[rest])
        _, scores = _apply(whole, first[~rest], second[~rest])
        decisions = apply_rule(scores, whole.decision)
        p_ai[~rest], verdicts[~rest] = decisions.p_ai, decisions.verdicts
        fitted.append(whole.decision)
    return Decisions(p_ai, tuple(verdicts), tuple(fitted))


def _fit_logits(
    networks: tuple[str, str],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    targets: NDArray[np.int_],
) -> CascadeRule:
    """Fit how the pair's logit follows from those of both; the bands are still to come."""
    one, other = logit_of(first), logit_of(second)
    slope, intercept = _regress(one[:, np.newaxis], targets)
    slope_one, slope_other, offset = _regress(np.stack([one, other], axis=1), targets)
    return CascadeRule(
        networks=networks,
        unsure=(0.0, 1.0),
        alone=(slope, intercept),
        together=(slope_one, slope_other, offset),
        decision=DecisionRule(),
    )


def _with_decision(
    rule: CascadeRule,
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    targets: NDArray[np.int_],
    folds: NDArray[np.int_],
) -> CascadeRule:
    _, scores = _apply(rule, first, second)
    return replace(rule, decision=fit_decision(scores, targets, folds))


def _band(
    first: NDArray[np.float64], targets: NDArray[np.int_], shares: tuple[float, float]
) -> tuple[float, float]:
    """Give the p(ai) between which the first network is not sure enough."""
    is_human = targets == LABELS.index("human")
    high = least_reached(first[is_human, 0], shares[0])
    low = 1 - least_reached(1 - first[~is_human, 0], shares[1])
    return (low, high) if low < high else ((low + high) / 2,) * 2


def _is_between(first: NDArray[np.float64], band: tuple[float, float]) -> NDArray[np.bool_]:
    return (band[0] < first[:, 0]) & (first[:, 0] < band[1])


def _apply(
    rule: CascadeRule, first: NDArray[np.float64], second: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    asked = rule.asks(first)
    both, alone = rule.combine(first, second), rule.combine(first, None)
    return asked, np.where(asked[:, np.newaxis], both, alone)


def _regress(logits: NDArray[np.float64], targets: NDArray[np.int_]) -> tuple[float, ...]:
    """Give slopes and intercept of the logit of p(ai)."""
    found = LogisticRegression(C=_UNPENALISED).fit(logits, targets == LABELS.index("ai"))
    return (*found.coef_[0].tolist(), float(found.intercept_[0]))
