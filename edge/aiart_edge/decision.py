"""From two scores to a verdict: calibration, then the unsure band."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from aiart_edge.image import Picture

Label = Literal["ai", "human"]
Verdict = Literal["ai", "human", "unsure"]

LABELS: tuple[Label, Label] = ("ai", "human")  # the order of a network's two scores

SHORTEST_SIDE = 64  # pixels; a smaller picture shows too little to judge it

_LARGEST_TEMPERATURE = 100

# An int8 network answers in steps of 1/256: a score is only known to within half a step.
_SCORE_FLOOR = 1 / 512


@dataclass(frozen=True)
class DecisionRule:
    """How scores become a verdict; fitted on validation scores, one per model file.

    Args:
        temperature: divides the logit (Guo et al. 2017, "On Calibration of Modern Neural
            Networks"). 1/100 to 100; 1 leaves scores as they are. Default 1.
        low: a calibrated p(ai) at or below this is `human`. Default 0.5.
        high: a calibrated p(ai) at or above this is `ai`. Default 0.5.
    """

    temperature: float = 1.0
    low: float = 0.5
    high: float = 0.5

    def __post_init__(self) -> None:
        if not 1 / _LARGEST_TEMPERATURE <= self.temperature <= _LARGEST_TEMPERATURE:
            raise ValueError(
                f"Expected a temperature of 1/{_LARGEST_TEMPERATURE} to {_LARGEST_TEMPERATURE}. "
                f"Received {self.temperature}."
            )
        if not 0 <= self.low <= self.high <= 1:
            raise ValueError(f"Expected 0 <= low <= high <= 1. Received {self.low}, {self.high}.")


def calibrate(scores: ArrayLike, temperature: float) -> NDArray[np.float64]:
    """Turn a network's scores into calibrated probabilities.

    Args:
        scores: float of shape [..., 2], p(ai) and p(human).
        temperature: see `DecisionRule`.

    Returns:
        float64 of shape [...], the calibrated p(ai).
    """
    calibrated: NDArray[np.float64] = 1 / (1 + np.exp(-logit_of(scores) / temperature))
    return calibrated


def logit_of(scores: ArrayLike) -> NDArray[np.float64]:
    """Give the logit of p(ai), cut off where a score cannot be told from 0 or 1.

    Args:
        scores: float of shape [..., 2], p(ai) and p(human).

    Returns:
        float64 of shape [...].
    """
    p_ai = np.asarray(scores, dtype=np.float64)[..., 0].clip(_SCORE_FLOOR, 1 - _SCORE_FLOOR)
    logit: NDArray[np.float64] = np.log(p_ai / (1 - p_ai))
    return logit


def decide(p_ai: float, rule: DecisionRule) -> Verdict:
    """Give the verdict on one picture.

    Args:
        p_ai: calibrated, 0 to 1.
        rule: the model file's.

    Returns:
        `ai`, `human`, or `unsure` inside the band.
    """
    if p_ai >= rule.high:
        return "ai"
    return "human" if p_ai <= rule.low else "unsure"


def find_doubt(picture: Picture) -> str | None:
    """Find what makes any verdict on a picture a guess.

    Args:
        picture: as the network sees it.

    Returns:
        A phrase; None where there is nothing.
    """
    if picture.shortest_side < SHORTEST_SIDE:
        return f"its short side has {picture.shortest_side} pixels, below {SHORTEST_SIDE}"
    content = picture.pixels.tobytes()
    if content == content[:3] * (len(content) // 3):  # much faster than numpy
        return "it has one colour alone"
    return None
