"""Robustness: do answers and verdicts survive what happens to a picture on the web?"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from aiart_edge.decision import DecisionRule, Verdict
from aiart_edge.image import InputRule, decode, read_pixels
from aiart_train.data.split import SplitRow
from aiart_train.evaluation.calibration import apply_rule
from aiart_train.evaluation.evaluate import measure, to_scores

UNCHANGED = "as it is"

_BLUR_SIGMA = 2  # pixels of the full picture
_CROPS = (0.9, 0.8)  # of each side


@dataclass(frozen=True)
class Robustness:
    """Figures on pictures that were all changed in one way.

    Args:
        name: `UNCHANGED`, or a name in `PERTURBATIONS`.
        accuracy: share of right answers at the threshold 0.5.
        balanced_accuracy: mean of both classes' recall; None where a class has no picture.
        flip_rate: share of the pictures whose verdict (`ai`, `human` or `unsure`) is not the one on
            the unchanged picture.
    """

    name: str
    accuracy: float
    balanced_accuracy: float | None
    flip_rate: float


def _jpeg(image: Image.Image, quality: int) -> bytes:
    return _encode(image, "JPEG", quality=quality)


def _halve_and_back(image: Image.Image) -> bytes:
    half = image.resize((max(image.width // 2, 1), max(image.height // 2, 1)))
    return _encode(half.resize(image.size))


def _blur(image: Image.Image) -> bytes:
    return _encode(image.filter(ImageFilter.GaussianBlur(_BLUR_SIGMA)))


def _crop(image: Image.Image, kept: float) -> bytes:
    width, height = max(round(kept * image.width), 1), max(round(kept * image.height), 1)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return _encode(image.crop((left, top, left + width, top + height)))


def _encode(image: Image.Image, file_format: str = "PPM", **options: int) -> bytes:
    """Encode to bytes; PPM loses nothing and takes no time."""
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    return stream.getvalue()


# From a whole picture of mode RGB to the bytes of a changed one, which `read_pixels` reads.
PERTURBATIONS: dict[str, Callable[[Image.Image], bytes]] = {
    **{f"JPEG {quality}": partial(_jpeg, quality=quality) for quality in (95, 75, 50, 30)},
    "half size and back": _halve_and_back,
    f"Gaussian blur, {_BLUR_SIGMA} px": _blur,
    **{f"centre crop, {kept:.0%} of each side": partial(_crop, kept=kept) for kept in _CROPS},
}


def sweep(
    score: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
    folder: Path,
    rows: Sequence[SplitRow],
    rule: InputRule,
    decision: DecisionRule,
    progress: Callable[[Sequence[SplitRow]], Iterable[SplitRow]] = iter,
) -> tuple[Robustness, ...]:
    """Change each picture in every way, and measure each way.

    A picture and its changed versions are scored together, then forgotten: memory does not grow
    with their number.

    Args:
        score: from pixels, uint8 of shape [n, height, width, 3], to what
            `evaluate.to_scores` takes.
        folder: the data folder.
        rows: the pictures; of a part that neither trained nor fitted the decision rule.
        rule: how they are wanted.
        decision: made for these scores.
        progress: wraps the rows that are walked through. Default: nothing.

    Returns:
        The figures of the unchanged pictures, then of each perturbation.

    Raises:
        PictureError: a picture cannot be read.
    """
    outputs = [score(_versions(folder / row.path, rule)) for row in progress(rows)]
    by_version = np.stack(outputs, axis=1)  # [versions, n, outputs]
    unchanged = apply_rule(to_scores(by_version[0]), decision).verdicts
    return tuple(
        _measure(name, rows, to_scores(output), decision, unchanged)
        for name, output in zip((UNCHANGED, *PERTURBATIONS), by_version, strict=True)
    )


def _versions(path: Path, rule: InputRule) -> NDArray[np.uint8]:
    """Read a picture as it is and changed in every way: uint8 [versions, height, width, 3]."""
    image = decode(path)
    changed = [read_pixels(perturb(image), rule) for perturb in PERTURBATIONS.values()]
    return np.concatenate([read_pixels(path, rule), *changed])


def _measure(
    name: str,
    rows: Sequence[SplitRow],
    scores: NDArray[np.float64],
    decision: DecisionRule,
    unchanged: tuple[Verdict, ...],
) -> Robustness:
    metrics = measure(rows, scores)
    verdicts = apply_rule(scores, decision).verdicts
    flips = sum(got != before for got, before in zip(verdicts, unchanged, strict=True))
    return Robustness(name, metrics.accuracy, metrics.balanced_accuracy, flips / len(rows))
