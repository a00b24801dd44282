"""Maps of evidence for people: a picture beside what speaks for AI in it, and a few characters.

What has no place is shared out evenly, so that what a map shows sums to the logit. The colours lie
in OKLab (Ottosson 2020, "A perceptual color space for image processing") on straight lines of like
length from white to blue and to orange, which people with any colour vision tell apart.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from aiart_edge.evidence import Explanation, spread

if TYPE_CHECKING:
    from numpy.typing import NDArray

LONGEST_SIDE = 640  # pixels, of a picture in the map
HOW = {"exact": "read off the network", "occlusion": "found by covering parts of the picture"}

_SHORTEST_SIDE = 40
_MARGIN, _LINE, _NARROWEST = 28, 24, 620
_PAPER, _INK, _FAINT = "white", "#202020", "#6b6b6b"
_BAR = (260, 14)
# What is neither, and the far ends, in OKLab: lightness, green to red, blue to yellow.
_NEITHER = np.array([1.0, 0.0, 0.0])
_HUMAN, _AI = np.array([0.52, -0.03, -0.15]), np.array([0.62, 0.10, 0.125])
_DARKEST = 0.45  # of the grey picture below the colours, so that they show on a dark one
_LINEAR_BELOW = 0.0031308  # in sRGB
_SHADES = 256  # for each side
_CELLS = 30  # a side, between which colours pass softly

_COLUMNS, _ROWS = 44, (4, 32)
_STEPS = (0.15, 0.4, 0.7)  # of the furthest place
_FOR_AI, _FOR_HUMAN, _FOR_NEITHER = "+*#", "-=%", "."
_SMALLEST = 0.01  # logit of a hundredth of the picture, below which a map shows nothing


def net_evidence(explanation: Explanation) -> NDArray[np.float64]:
    """Share out what has no place, evenly.

    Args:
        explanation: of a picture.

    Returns:
        float64 of shape [h, w], which sums to the logit: above 0 what speaks for AI.
    """
    evidence = explanation.evidence.astype(np.float64)
    net: NDArray[np.float64] = evidence + explanation.intercept / evidence.size
    return net


def draw_map(image: Image.Image, explanation: Explanation, footer: str) -> bytes:
    """Draw a picture, and beside it where the evidence lies.

    Args:
        image: the picture, upright, RGB.
        explanation: of it.
        footer: a line for below.

    Returns:
        A PNG file.
    """
    picture = image.resize(_fit(image.size), Image.Resampling.LANCZOS)
    net = net_evidence(explanation)
    cells = spread(net, tuple(min(side, _CELLS) for side in net.shape))
    per_hundredth = Image.fromarray((cells * cells.size / 100).astype(np.float32))
    values = np.asarray(per_hundredth.resize(picture.size, Image.Resampling.BICUBIC))
    furthest = max(float(np.quantile(np.abs(values), 0.995)), _SMALLEST)
    width, height = picture.size
    across = max(2 * width + 3 * _MARGIN, _NARROWEST)
    top = _MARGIN + 2 * _LINE
    page = Image.new("RGB", (across, top + height + 6 * _LINE), _PAPER)
    left = (across - 2 * width - _MARGIN) // 2
    page.paste(picture, (left, top))
    page.paste(_coloured(picture, values / furthest), (left + width + _MARGIN, top))
    _write(page, explanation, footer, top + height + _LINE, furthest)
    file = io.BytesIO()
    page.save(file, "PNG", optimize=True)
    return file.getvalue()


def map_lines(size: tuple[int, int], explanation: Explanation) -> Iterator[str]:
    """Draw a small map in characters, which say the same without their colours.

    Args:
        size: width and height of the picture.
        explanation: of it.

    Yields:
        Lines, each ended.
    """
    width, height = size
    rows = round(_COLUMNS * height / width / 2)  # a character is twice as high as wide
    shape = min(max(rows, _ROWS[0]), _ROWS[1]), _COLUMNS
    cells = spread(net_evidence(explanation), shape)
    furthest = max(float(np.abs(cells).max()), _SMALLEST * 100 / cells.size)
    for row in cells / furthest:
        yield "  " + "".join(map(_character, row.tolist())) + "\n"
    yield f"  {_FOR_AI} speak for AI, {_FOR_HUMAN} for human art, {_FOR_NEITHER} for neither\n"
    placed = explanation.evidence.sum()
    yield (
        f"  logit of AI {explanation.logit:+.2f}: {placed:+.2f} in places, "
        f"{explanation.intercept:+.2f} in none, here shared out evenly; {HOW[explanation.method]}\n"
    )


def _character(value: float) -> str:
    strength = sum(abs(value) >= step for step in _STEPS)
    if not strength:
        return _FOR_NEITHER
    if value > 0:
        return click.style(_FOR_AI[strength - 1], fg="yellow", bold=strength > 1)
    return click.style(_FOR_HUMAN[strength - 1], fg="blue", bold=strength > 1)


def _fit(size: tuple[int, int]) -> tuple[int, int]:
    scale = LONGEST_SIDE / max(size)
    width, height = (max(round(side * scale), _SHORTEST_SIDE) for side in size)
    return width, height


def _coloured(picture: Image.Image, values: NDArray[np.float32]) -> Image.Image:
    """Lay colours over a grey picture, as glass would."""
    grey = np.asarray(picture.convert("L"), np.float32)[..., np.newaxis] / 255
    colours = _palette()[((values.clip(-1, 1) + 1) * _SHADES).astype(int).clip(0, 2 * _SHADES)]
    return Image.fromarray((colours * (_DARKEST + (1 - _DARKEST) * grey) * 255).astype(np.uint8))


def _palette() -> NDArray[np.float64]:
    """Give the colours from human to AI, sRGB from 0 to 1, of shape [2 * shades + 1, 3]."""
    share = np.linspace(0, 1, _SHADES + 1)[:, np.newaxis]
    human, ai = (_NEITHER + share * (end - _NEITHER) for end in (_HUMAN, _AI))
    lab = np.concatenate([human[:0:-1], ai])
    to_cones = np.array(
        [
            [1, 0.3963377774, 0.2158037573],
            [1, -0.1055613458, -0.0638541728],
            [1, -0.0894841775, -1.2914855480],
        ]
    )
    to_linear = np.array(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.7076147010],
        ]
    )
    linear = ((lab @ to_cones.T) ** 3 @ to_linear.T).clip(0, 1)
    colours: NDArray[np.float64] = np.where(
        linear > _LINEAR_BELOW, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear
    )
    return colours


def _write(
    page: Image.Image, explanation: Explanation, footer: str, top: int, furthest: float
) -> None:
    """Write the verdict above, a legend and a footer below."""
    pen = ImageDraw.Draw(page)
    said = explanation.classification
    left, right = _MARGIN, page.width - _MARGIN
    title = f"{said.verdict}   p(ai) {said.p_ai:.2f}"
    pen.text((left, _MARGIN - 6), title, _INK, _font(30))
    bar = Image.fromarray((_palette()[np.newaxis] * 255).astype(np.uint8)).resize(_BAR)
    place = right - _BAR[0], top
    page.paste(bar, place)
    pen.rectangle((*place, place[0] + _BAR[0] - 1, top + _BAR[1] - 1), outline=_FAINT)
    small = _font(15)
    ends = {0: f"human  -{furthest:.2f}", _BAR[0] // 2: "0", _BAR[0]: f"+{furthest:.2f}  AI"}
    for step, text in ends.items():
        width = pen.textlength(text, small)
        start = place[0] + step - width * step / _BAR[0]
        pen.text((start, top + _BAR[1] + 4), text, _INK, small)
    unit = "logit of each hundredth of the picture"
    pen.text((right - pen.textlength(unit, small), top + 2 * _LINE - 4), unit, _FAINT, small)
    pen.text((left, top + 3 * _LINE), footer, _FAINT, small)


def _font(size: int) -> Any:
    try:
        return ImageFont.load_default(size)
    except TypeError:  # before Pillow 10.1 there is one size
        return ImageFont.load_default()
