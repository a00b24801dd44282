"""CLIP's image tower, ViT-B/16, cut after a few of its blocks, with OpenAI's weights.

Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision"; the
network is the vision transformer of Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words". It
has seen 400 million pictures of the web, and its first blocks see how a picture is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from aiart_edge.image import InputRule
from aiart_train.learning.architectures.clip_weights import read_clip
from aiart_train.learning.architectures.head import add_neuron

BLOCKS = 12

_PATCH = 16  # pixels a side
_SIDE = 14  # patches a side of CLIP's own pictures, of 224 pixels
_WIDTH, _HEADS, _EXPANSION = 768, 12, 4
_EPSILON = 1e-5
_SHARPNESS = 1.702  # of CLIP's GELU, x * sigmoid(1.702 x)

# Of the pixels, from 0 to 1, that CLIP was trained on.
_MEAN = np.array([0.48145466, 0.4578275, 0.40821073])
_DEVIATION = np.array([0.26862954, 0.26130258, 0.27577711])

Weights = Mapping[str, NDArray[np.float32]]


def build_clip(blocks: int, rule: InputRule, dropout: float) -> keras.Model:
    """Build the cut tower with CLIP's weights, and a new head that sees each of its blocks.

    Args:
        blocks: after how many it is cut, 1 to 12.
        rule: the size of its input, a multiple of 16 pixels a side.
        dropout: rate before the head, 0 to 1.

    Returns:
        An uncompiled model; its one sigmoid output is p(human).

    Raises:
        ValueError: the size is no multiple of 16.
        AiartError: the weights were not fetched, or are broken.
    """
    tower = build_tower(blocks, rule)
    load_tower(tower, read_clip())
    return add_neuron(tower.input, pool_blocks(tower), f"clip_vit_b16_cut{blocks}", dropout)


def build_tower(blocks: int, rule: InputRule) -> keras.Model:
    """Build the cut tower without trained weights.

    It is made of Keras's own layers alone, so that any Keras loads it. The class token is a patch
    of zeros before the others; what it begins with is its place's row of the bias of `tokens`,
    which holds the positions.

    Args:
        blocks: after how many it is cut, 1 to 12.
        rule: the size of its input, a multiple of 16 pixels a side.

    Returns:
        A model from raw pixels, 0 to 255, to the tokens behind each block: `blocks` outputs of
        shape [n, 1 + patches, 768], the class token first.

    Raises:
        ValueError: the size is no multiple of 16.
    """
    rows, columns = rule.height // _PATCH, rule.width // _PATCH
    if (rows * _PATCH, columns * _PATCH) != (rule.height, rule.width):
        raise ValueError(
            f"Expected sides that are multiples of {_PATCH}. Received {rule.height}x{rule.width}."
        )
    pixels = keras.Input((rule.height, rule.width, 3), name="pixels")
    x = layers.Rescaling(
        (1 / 255 / _DEVIATION).tolist(), (-_MEAN / _DEVIATION).tolist(), name="normalisation"
    )(pixels)
    x = layers.Reshape((rows, _PATCH, columns, _PATCH * 3), name="grid")(x)
    x = layers.Permute((1, 3, 2, 4), name="squares")(x)
    x = layers.Reshape((rows * columns, _PATCH * _PATCH * 3), name="patches")(x)
    x = layers.ZeroPadding1D((1, 0), name="class_token")(x)
    x = layers.EinsumDense(
        "btp,pc->btc", (1 + rows * columns, _WIDTH), bias_axes="tc", name="tokens"
    )(x)
    x = _normalise(x, "norm")
    outputs = [x := _block(x, f"block{number}") for number in range(blocks)]
    return keras.Model(pixels, outputs, name="tower")


def load_tower(tower: keras.Model, weights: Weights) -> None:
    """Give the tower its trained weights, with the positions interpolated to its size.

    Args:
        tower: of `build_tower`.
        weights: of `read_clip`.
    """
    rows, columns = (side // _PATCH for side in tower.input_shape[1:3])
    for layer in tower.layers:
        if layer.name == "tokens":
            kernel = weights["embeddings.patch_embedding.weight"]  # O, I, H, W
            first, *rest = _positions(weights, rows, columns)
            bias = np.stack([first + weights["embeddings.class_embedding"], *rest])
            layer.set_weights([kernel.transpose(2, 3, 1, 0).reshape(-1, _WIDTH), bias])
        elif layer.weights:
            name = _hugging_face_name(layer.name)
            if isinstance(layer, layers.MultiHeadAttention):
                layer.set_weights(_attention(weights, name))
            elif isinstance(layer, layers.Dense):
                layer.set_weights([weights[f"{name}.kernel"], weights[f"{name}.bias"]])
            else:
                layer.set_weights([weights[f"{name}.weight"], weights[f"{name}.bias"]])


def pool_blocks(tower: keras.Model) -> Any:
    """Give what a head sees: of each block, the class token and the mean of the patches' tokens.

    Args:
        tower: of `build_tower`.

    Returns:
        A Keras tensor of shape [n, blocks * 2 * 768], the first block's class token first.
    """
    pooled = []
    for number, tokens in enumerate(tower.outputs):
        patches = tokens.shape[1] - 1
        first = layers.Cropping1D((0, patches), name=f"block{number}_class")(tokens)
        others = layers.Cropping1D((1, 0), name=f"block{number}_patches")(tokens)
        pooled += [
            layers.Flatten(name=f"block{number}_class_flat")(first),
            layers.GlobalAveragePooling1D(name=f"block{number}_mean")(others),
        ]
    return layers.Concatenate(name="features")(pooled)


def _block(x: Any, name: str) -> Any:
    """Add a block that normalises before it attends and before it thinks."""
    y = _normalise(x, f"{name}_norm1")
    y = layers.MultiHeadAttention(_HEADS, _WIDTH // _HEADS, name=f"{name}_attention")(y, y)
    x = layers.Add(name=f"{name}_attended")([x, y])
    y = _normalise(x, f"{name}_norm2")
    y = layers.Dense(_WIDTH * _EXPANSION, name=f"{name}_expand")(y)
    gate = layers.Rescaling(_SHARPNESS, name=f"{name}_sharpen")(y)
    gate = layers.Activation("sigmoid", name=f"{name}_gate")(gate)
    y = layers.Multiply(name=f"{name}_gelu")([y, gate])
    y = layers.Dense(_WIDTH, name=f"{name}_project")(y)
    return layers.Add(name=name)([x, y])


def _normalise(x: Any, name: str) -> Any:
    return layers.LayerNormalization(epsilon=_EPSILON, name=name)(x)


_PARTS = {
    "norm1": "layer_norm1",
    "attention": "self_attn",
    "norm2": "layer_norm2",
    "expand": "mlp.fc1",
    "project": "mlp.fc2",
}


def _hugging_face_name(name: str) -> str:
    if name == "norm":
        return "pre_layrnorm"  # as it is spelt there
    block, _, part = name.partition("_")
    return f"encoder.layers.{block.removeprefix('block')}.{_PARTS[part]}"


def _attention(weights: Weights, name: str) -> list[NDArray[np.float32]]:
    """Split the projections by heads, in the order of Keras."""
    found = []
    for part in ("q_proj", "k_proj", "v_proj"):
        found += [
            weights[f"{name}.{part}.kernel"].reshape(_WIDTH, _HEADS, -1),
            weights[f"{name}.{part}.bias"].reshape(_HEADS, -1),
        ]
    out = f"{name}.out_proj"
    return [*found, weights[f"{out}.kernel"].reshape(_HEADS, -1, _WIDTH), weights[f"{out}.bias"]]


def _positions(weights: Weights, rows: int, columns: int) -> NDArray[np.float32]:
    """Give the positions, that of the class token first, of a picture of another size."""
    positions = weights["embeddings.position_embedding.weight"]
    if (rows, columns) == (_SIDE, _SIDE):
        return positions
    grid = positions[1:].reshape(1, _SIDE, _SIDE, _WIDTH)
    resized = keras.ops.image.resize(grid, (rows, columns), "bicubic", antialias=True)
    return np.concatenate([positions[:1], np.asarray(resized).reshape(-1, _WIDTH)])
