"""Where in a picture a network finds its evidence.

A head that is linear in pooled maps of features adds up what each place brings, so that each
place's share of the logit can be read off a single run: the class activation maps of Zhou et al.
2016, "Learning Deep Features for Discriminative Localization", of every level that the head sees.
Any other network is asked again with parts of the picture covered: Zeiler and Fergus 2014,
"Visualizing and Understanding Convolutional Networks".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from aiart_edge.decision import calibrate
from aiart_edge.errors import ModelFileError
from aiart_edge.model_file import Head
from aiart_edge.networks import Checked
from aiart_edge.runtime import Network

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aiart_edge.classifier import Classification

Method = Literal["exact", "occlusion"]

_GREY = 128
_WINDOWS = 8  # a side


@dataclass(frozen=True)
class Explanation:
    """A verdict, and where in the picture the evidence for it lies.

    `evidence.sum() + intercept` is `logit`. A place that is worth less than the even share of
    `-intercept` speaks for human art, whatever its sign.

    Args:
        classification: as `Classifier.classify` gives it.
        evidence: each place's share of `logit`, float32 of shape [h, w], from the top left of the
            picture, which it spans. Above 0 it speaks for AI.
        intercept: what has no place; of a network whose head sees pooled maps alone it is the same
            for every picture.
        logit: of AI, before the temperature and before any limit that the network's head puts on
            it: the sigmoid of `logit / temperature` is `p_ai`, but for rounding and that limit.
        method: `exact`, read off the network, or `occlusion`, found by covering parts of the
            picture.
    """

    classification: Classification
    evidence: NDArray[np.float32]
    intercept: float
    logit: float
    method: Method


class Evidence(NamedTuple):
    """What a network says of a picture, and why; see `Explanation`.

    Args:
        scores: float32 of shape [2], p(ai) and p(human), not calibrated.
        places: float32 of shape [h, w].
        intercept: what has no place.
        logit: of AI.
        method: how it was found.
    """

    scores: NDArray[np.float32]
    places: NDArray[np.float32]
    intercept: float
    logit: float
    method: Method


class Explainer(Checked):
    """A network that tells where it finds its evidence; for one thread at a time.

    Args:
        network: loaded so that it keeps its tensors.
        path: of its file.
        head: which of them tell it.

    Raises:
        ModelFileError: there are no such tensors.
    """

    def __init__(self, network: Network, path: Path, head: Head) -> None:
        super().__init__(network, path)
        self._read, self._path, self._head = network.read, path, head
        try:
            ai, human = network.read(head.weights).astype(np.float64)
            self._slopes = ai - human
            self._bias = 0.0
            if head.bias is not None:
                ai_bias, human_bias = network.read(head.bias).tolist()
                self._bias = ai_bias - human_bias
        except (ValueError, TypeError) as error:
            raise self._mismatch(error) from error

    def explain(self, pixels: NDArray[np.uint8]) -> Evidence:
        """Run the network on one picture, and read off where its evidence lies.

        Args:
            pixels: see `runtime.Network.scores`.

        Returns:
            Its scores, and each place's share of the logit.

        Raises:
            ModelFileError: as of `Checked.scores`, or the file does not describe its network.
        """
        scores = self.scores(pixels)
        try:
            features = self._features()
            shares = self._slopes * features
            grids = []
            placeless = np.ones(len(shares), bool)
            for tensor, first in self._head.maps:
                grid = _to_grid(self._read(tensor)[0], pixels.shape[1] / pixels.shape[2])
                part = slice(first, first + grid.shape[2])
                grids.append(_share_out(grid, self._slopes[part], features[part]))
                placeless[part] = False
            places = _stack(grids)
        except (ValueError, IndexError, TypeError) as error:
            raise self._mismatch(error) from error
        intercept = self._bias + float(shares[placeless].sum())
        return Evidence(scores, places, intercept, self._bias + float(shares.sum()), "exact")

    def _features(self) -> NDArray[np.float64]:
        """Give the pooled features as the last layer saw them."""
        slopes = self._slopes
        features: NDArray[np.float64]
        features = self._read(self._head.features).reshape(-1, len(slopes))[0].astype(np.float64)
        if self._head.logits is not None:
            # What it made of them is known, so the least change that makes it is taken.
            ai, human = self._read(self._head.logits)[0].tolist()
            features += slopes * (ai - human - self._bias - slopes @ features) / (slopes @ slopes)
        return features

    def _mismatch(self, error: Exception) -> ModelFileError:
        problem = f"what it says of its head does not fit its network ({error}): convert it again"
        return ModelFileError(self._path, problem)


def occlude(
    score: Callable[[NDArray[np.uint8]], NDArray[np.float32]], pixels: NDArray[np.uint8]
) -> Evidence:
    """Find out where a network finds its evidence by covering parts of a picture with grey.

    64 windows slide over it, each twice as wide and high as its step, so that every place but those
    at the border is covered four times. What the logit loses is a place's share.

    Args:
        score: runs the network, see `runtime.Network.scores`.
        pixels: of the picture, uint8 of shape [1, height, width, 3].

    Returns:
        The network's scores, and each place's share of the logit, 8 x 8.
    """
    scores = score(pixels)
    logit = _logit(scores)
    rows, columns = (_windows(side) for side in pixels.shape[1:3])
    lost = np.empty((_WINDOWS, _WINDOWS), np.float32)
    for row, high in enumerate(rows):
        for column, wide in enumerate(columns):
            covered = pixels.copy()
            covered[:, high, wide] = _GREY
            lost[row, column] = logit - _logit(score(covered))
    places = lost / 4
    return Evidence(scores, places, logit - float(places.sum()), logit, "occlusion")


def spread(grid: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Spread values over a finer grid by area, so that their sum stays.

    Args:
        grid: of shape [h, w].
        shape: of the grid to spread them over, which spans the same.

    Returns:
        float64 of that shape.
    """
    down, across = (_overlaps(*sides) for sides in zip(grid.shape, shape, strict=True))
    spread_out: NDArray[np.float64] = down @ grid @ across.T
    return spread_out


def _logit(scores: NDArray[np.float32]) -> float:
    p_ai = calibrate(scores, 1.0)
    return float(np.log(p_ai / (1 - p_ai)))


def _windows(side: int) -> list[slice]:
    """Give the spans of windows along a side, each around its step and half of the next ones."""
    edges = [(2 * window + 1) * side / (2 * _WINDOWS) for window in range(-1, _WINDOWS + 1)]
    return [
        slice(max(0, round(start)), round(stop))
        for start, stop in zip(edges, edges[2:], strict=False)
    ]


def _to_grid(values: NDArray[np.float32], aspect: float) -> NDArray[np.float32]:
    """Bring a map, or a row of a picture's patches, to the shape [h, w, channels]."""
    if values.ndim != 2:  # noqa: PLR2004
        return values
    rows = max(1, round((len(values) * aspect) ** 0.5))
    return values.reshape(rows, -1, values.shape[1])


def _share_out(
    grid: NDArray[np.float32], slopes: NDArray[np.float64], pooled: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Give each place its share of what pooled features bring.

    A place's share of a feature is slope x pooled x its value / the sum of all values: what
    rounding has added to the mean is spread as the values are. Where a map has values of both
    signs, that is by their size, since their sum may be near 0; where it has none, evenly.
    """
    places = grid.shape[0] * grid.shape[1]
    sizes = np.abs(grid)
    rounding = pooled - grid.mean((0, 1), dtype=np.float64)
    total = sizes.sum((0, 1), dtype=np.float64)
    by_size = slopes * np.divide(rounding, total, out=np.zeros_like(total), where=total > 0)
    evenly = (slopes * rounding)[total == 0].sum() / places
    shares: NDArray[np.float64] = grid @ (slopes / places) + sizes @ by_size + evenly
    return shares


def _stack(grids: list[NDArray[np.float64]]) -> NDArray[np.float32]:
    """Add up grids of several sizes, on that of the finest."""
    finest = max((grid.shape for grid in grids), key=lambda shape: shape[0] * shape[1])
    total = np.sum([spread(grid, finest) for grid in grids], axis=0)
    places: NDArray[np.float32] = total.astype(np.float32)
    return places


def _overlaps(cells: int, onto: int) -> NDArray[np.float64]:
    """Say how much of each cell along a side lies in each of others, [onto, cells]."""
    old, new = np.arange(cells + 1) / cells, np.arange(onto + 1)[:, np.newaxis] / onto
    shared = np.minimum(new[1:], old[1:]) - np.maximum(new[:-1], old[:-1])
    share: NDArray[np.float64] = shared.clip(0) * cells
    return share
