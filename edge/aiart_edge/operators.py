"""What operators make of their tensors, as far as a classifier of pictures has them.

A runtime believes the shapes that stand in a network's file, and XNNPACK writes by them: where they
do not follow from the operator and its inputs, it writes over what is not its own. The numbers are
those of TFLite's schema, `BuiltinOperator` and `TensorType`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import NamedTuple

Shape = tuple[int, ...]

_FLOAT32, _FLOAT16, _INT32, _UINT8, _INT64, _INT16, _INT8, _INT4 = 0, 1, 2, 3, 4, 7, 9, 17
_QUANTISED = {_UINT8, _INT16, _INT8, _INT4}
# The types of weights and biases, by the type of what is multiplied with them.
_WEIGHTS = {
    _FLOAT32: ({_FLOAT32, _FLOAT16, _INT8, _INT4, _UINT8}, {_FLOAT32}),
    _UINT8: ({_UINT8}, {_INT32}),
    _INT8: ({_INT8, _INT4}, {_INT32}),
    _INT16: ({_INT8, _INT4}, {_INT32, _INT64}),
}


class Tensor(NamedTuple):
    """What matters of a tensor to its operators.

    Args:
        shape: of it.
        kind: the number of its type.
        scales: how many it has; 0 where it is not quantised.
    """

    shape: Shape
    kind: int
    scales: int


def fits(
    operator: int,
    options: Sequence[int],
    inputs: Sequence[Tensor | None],
    outputs: Sequence[Tensor],
) -> bool:
    """Say whether an operator makes these outputs of these inputs.

    Args:
        operator: its number.
        options: the fields of its options, in their order; may be empty.
        inputs: None where one is left out.
        outputs: of it.

    Returns:
        False if not; true also of an operator that is not looked into.
    """
    if operator not in _RULES:
        return True
    try:
        first, *others = inputs
        (made,) = outputs
        return first is not None and _RULES[operator](options, first, others, made)
    except (ArithmeticError, AttributeError, LookupError, ValueError):  # too many, or too few
        return False


Rule = Callable[[Sequence[int], Tensor, Sequence[Tensor | None], Tensor], bool]


def _reads_alike(first: Tensor, others: Sequence[Tensor | None], made: Tensor) -> bool:
    kinds = {tensor.kind for tensor in (first, *others, made) if tensor is not None}
    scaled = made.scales == first.scales == 1 or made.kind not in _QUANTISED
    return len(kinds) == 1 and None not in others and scaled


def _keeps_shape(
    _options: Sequence[int], first: Tensor, others: Sequence[Tensor | None], made: Tensor
) -> bool:
    return not others and made.shape == first.shape and _reads_alike(first, others, made)


def _converts(
    _options: Sequence[int], first: Tensor, others: Sequence[Tensor | None], made: Tensor
) -> bool:
    scaled = all(side.scales == 1 for side in (first, made) if side.kind in _QUANTISED)
    return not others and made.shape == first.shape and scaled


def _broadcasts(
    _options: Sequence[int], first: Tensor, others: Sequence[Tensor | None], made: Tensor
) -> bool:
    (other,) = others
    if other is None or not _reads_alike(first, others, made):
        return False
    if made.kind in _QUANTISED and other.scales != 1:
        return False
    rank = max(len(first.shape), len(other.shape))
    one, two = ((1,) * (rank - len(of.shape)) + of.shape for of in (first, other))
    sides = zip(one, two, strict=True)
    return made.shape == tuple(b if a == 1 else a if b in (1, a) else 0 for a, b in sides)


def _multiplies(
    first: Tensor, others: Sequence[Tensor | None], made: Tensor, channels: int
) -> bool:
    """Look at the types of weights and bias, and at the bias's shape."""
    weights, *biases = others
    of_weights, of_biases = _WEIGHTS.get(first.kind, (set(), set()))
    if weights is None or weights.kind not in of_weights or made.kind != first.kind:
        return False
    scaled = made.scales == first.scales == 1 and weights.scales in (1, channels)
    if first.kind in _QUANTISED and not scaled:
        return False
    (bias,) = biases or (None,)
    return bias is None or (bias.kind in of_biases and bias.shape == (channels,))


def _steps(side: int, kernel: int, stride: int, dilation: int, only_inside: int) -> int:
    reach = (kernel - 1) * dilation if only_inside else 0
    return -(-(side - reach) // stride)


def _convolves(
    options: Sequence[int], first: Tensor, others: Sequence[Tensor | None], made: Tensor
) -> bool:
    padding, stride_x, stride_y, _, dilation_x, dilation_y, _ = options
    count, height, width, depth = first.shape
    channels, kernel_y, kernel_x, of_depth = others[0].shape  # type: ignore[union-attr]
    rows = _steps(height, kernel_y, stride_y, dilation_y, padding)
    columns = _steps(width, kernel_x, stride_x, dilation_x, padding)
    groups, rest = divmod(depth, of_depth)
    whole = not rest and not channels % groups
    right = whole and made.shape == (count, rows, columns, channels)
    return right and _multiplies(first, others, made, channels)


def _convolves_each(
    options: Sequence[int], first: Tensor, others: Sequence[Tensor | None], made: Tensor
) -> bool:
    padding, stride_x, stride_y, multiplier, _, dilation_x, dilation_y = options
    count, height, width, depth = first.shape
    one, kernel_y, kernel_x, channels = others[0].shape  # type: ignore[union-attr]
    rows = _steps(height, kernel_y, stride_y, dilation_y, padding)
    columns = _steps(width, kernel_x, stride_x, dilation_x, padding)
    right = made.shape == (count, rows, columns, channels)
    whole = one == 1 and channels == depth * multiplier
    # tflite-runtime adds a bias to integers whether there is one or not.
    biased = first.kind not in _QUANTISED or None not in (*others, *[None] * (2 - len(others)))
    return right and whole and biased and _multiplies(first, others, made, channels)


def _connects(
    _options: Sequence[int], first: Tensor, others: Sequence[Tensor | None], made: Tensor
) -> bool:
    channels, depth = others[0].shape  # type: ignore[union-attr]
    right = made.shape[-1] == channels and prod(first.shape) * channels == prod(made.shape) * depth
    return right and _multiplies(first, others, made, channels)


def _pools(
    options: Sequence[int], first: Tensor, others: Sequence[Tensor | None], made: Tensor
) -> bool:
    padding, stride_x, stride_y, side_x, side_y, _ = options
    count, height, width, depth = first.shape
    rows = _steps(height, side_y, stride_y, 1, padding)
    columns = _steps(width, side_x, stride_x, 1, padding)
    right = made.shape == (count, rows, columns, depth)
    return right and not others and _reads_alike(first, others, made)


def _joins(
    options: Sequence[int], first: Tensor, others: Sequence[Tensor | None], made: Tensor
) -> bool:
    axis = options[0] % len(first.shape)
    sides = list(first.shape)
    for other in others:
        if other is None or len(other.shape) != len(sides):
            return False
        sides[axis] += other.shape[axis]
        if other.shape[:axis] + other.shape[axis + 1 :] != (*sides[:axis], *sides[axis + 1 :]):
            return False
    return made.shape == tuple(sides) and _reads_alike(first, others, made)


def _rearranges(
    _options: Sequence[int], first: Tensor, _others: Sequence[Tensor | None], made: Tensor
) -> bool:
    return prod(made.shape) == prod(first.shape) and _reads_alike(first, (), made)


def _shortens(
    _options: Sequence[int], first: Tensor, others: Sequence[Tensor | None], made: Tensor
) -> bool:
    (axes,) = others
    shorter = prod(first.shape) % prod(made.shape) == 0 and made.shape[0] == first.shape[0]
    return axes is not None and axes.kind == _INT32 and shorter and _reads_alike(first, (), made)


_RULES: dict[int, Rule] = {
    **dict.fromkeys((0, 18, 41, 42, 55, 57, 78, 99), _broadcasts),  # add, multiply, subtract, ...
    **dict.fromkeys((1, 12, 17), _pools),
    2: _joins,
    3: _convolves,
    4: _convolves_each,
    **dict.fromkeys((6, 53, 114), _converts),  # dequantize, cast, quantize
    9: _connects,
    # Activations.
    **dict.fromkeys((11, 14, 19, 20, 21, 25, 28, 50, 98, 111, 117, 150), _keeps_shape),
    **dict.fromkeys((22, 39, 43, 70), _rearranges),  # reshape, transpose, squeeze, expand
    **dict.fromkeys((40, 74, 82, 89), _shortens),  # mean, sum, greatest, least
}
