"""Golden pictures: drawn by a formula, so that any machine has them without a file.

A model file holds what its network answers to them (`ModelDescription.golden`), once for each
family of kernels, since an int8 network's answers depend on it:

    xnnpack      LiteRT, on every machine
    optimized    tflite-runtime on x86
    reference    tflite-runtime on ARM

Within a family an int8 network answers with the same bits everywhere. A float network's answers are
some 1e-6 apart, whatever the family; those of one with 8-bit weights and float activations, which
are rounded on the way, much further. So the file of such a network says how far its logits may lie
apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aiart_edge.image import InputRule

KERNELS = ("xnnpack", "optimized", "reference")
PICTURES = 8


def draw_golden(number: int, rule: InputRule) -> NDArray[np.uint8]:
    """Draw a golden picture: slanted waves, from soft and dark to steep and bright.

    What stands so far apart leaves hardly a network equally sure of all of them.

    Args:
        number: of the picture, 0 to `PICTURES` - 1.
        rule: how the network wants its pictures; only the size matters.

    Returns:
        uint8 of shape [1, height, width, 3].
    """
    y, x, channel = np.ogrid[: rule.height, : rule.width, :3]
    # Whole numbers only: the same on every machine.
    slope = (1 + number) * x + (1 + number * number) * y // 2 + 85 * channel
    wave = np.abs(slope % 256 - 128)
    pixels: NDArray[np.uint8] = (wave * (1 + number) // 8 + 16 * number).astype(np.uint8)
    return pixels[np.newaxis]
