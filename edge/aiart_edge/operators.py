"""What operators make of their tensors, as far as a classifier of pictures has them.

A runtime believes the shapes that stand in a network's file, and XNNPACK writes by them: where they
do not follow from the operator and its inputs, it writes over what is not its own. Some kernels
read a second input without asking whether there is one. So an operator without a rule here is not
run in this process. The numbers are those of TFLite's schema, `BuiltinOperator` and `TensorType`.
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
        values: of a constant of a few integers, which may tell a shape or axes. Default none.
    """

    shape: Shape
    kind: int
    scales: int
    values: Shape = ()


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
        Whether it does; false of an operator that is not in `KNOWN`.
    """
    try:
        if operator == _SPLIT:
            return _splits(options, inputs, outputs)
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
    # To integers, and to what integer weights make, a bias is added whether there is one or not.
    is_float = first.kind == others[0].kind == _FLOAT32  # type: ignore[union-attr]
    biased = is_float or None not in (*others, *[None] * (2 - len(others)))
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


def _reshapes(
    options: Sequence[int], first: Tensor, others: Sequence[Tensor | None], made: Tensor
) -> bool:
    told = list(_told(*others) if others else options)
    right = all(a in (-1, b) for a, b in zip(told, made.shape, strict=True))
    whole = told.count(-1) <= 1 and prod(made.shape) == prod(first.shape)
    return right and whole and _reads_alike(first, (), made)


def _squeezes(
    options: Sequence[int], first: Tensor, others: Sequence[Tensor | None], made: Tensor
) -> bool:
    places = range(len(first.shape))
    axes = {places[axis] for axis in options} or {at for at in places if first.shape[at] == 1}
    right = all(first.shape[axis] == 1 for axis in axes) and not others
    return right and made.shape == _without(first.shape, axes) and _reads_alike(first, (), made)


def _transposes(
    _options: Sequence[int], first: Tensor, others: Sequence[Tensor | None], made: Tensor
) -> bool:
    order = _told(*others)
    whole = sorted(order) == list(range(len(first.shape)))
    right = whole and made.shape == tuple(first.shape[axis] for axis in order)
    return right and _reads_alike(first, (), made)


def _expands(
    _options: Sequence[int], first: Tensor, others: Sequence[Tensor | None], made: Tensor
) -> bool:
    (axis,) = _told(*others)
    at = range(len(first.shape) + 1)[axis]
    right = made.shape == (*first.shape[:at], 1, *first.shape[at:])
    return right and _reads_alike(first, (), made)


def _shortens(
    options: Sequence[int], first: Tensor, others: Sequence[Tensor | None], made: Tensor
) -> bool:
    axes = {range(len(first.shape))[axis] for axis in _told(*others)}
    keeps = bool(options and options[0])
    sides = [1 if axis in axes else side for axis, side in enumerate(first.shape)]
    right = made.shape == (tuple(sides) if keeps else _without(first.shape, axes))
    return right and _reads_alike(first, (), made)


def _told(*others: Tensor | None) -> Shape:
    """Give the axes, sides or places that the one input tells; only a constant does."""
    (how,) = others
    if how is None or not how.values:
        raise ValueError("nothing is told")
    return how.values


def _without(shape: Shape, axes: set[int]) -> Shape:
    return tuple(side for axis, side in enumerate(shape) if axis not in axes)


def _pads(
    _options: Sequence[int], first: Tensor, others: Sequence[Tensor | None], made: Tensor
) -> bool:
    widths, *values = others
    told = _told(widths)
    pairs = zip(first.shape, told[::2], told[1::2], strict=True)
    right = made.shape == tuple(side + before + after for side, before, after in pairs)
    return right and min(told) >= 0 and len(values) <= 1 and _reads_alike(first, values, made)


def _slices(
    _options: Sequence[int], first: Tensor, others: Sequence[Tensor | None], made: Tensor
) -> bool:
    begins, sizes = map(_told, others)
    whole = zip(first.shape, begins, sizes, strict=True)
    sides = [side - begin if size == -1 else size for side, begin, size in whole]
    within = all(
        0 <= begin <= side - size
        for side, begin, size in zip(first.shape, begins, sides, strict=True)
    )
    return within and made.shape == tuple(sides) and _reads_alike(first, (), made)


def _steps_through(
    options: Sequence[int], first: Tensor, others: Sequence[Tensor | None], made: Tensor
) -> bool:
    no_begin, no_end, dots, new, dropped, _ = options
    begins, ends, steps = map(_told, others)
    sides, axes = list(first.shape), set()
    for axis, (begin, end, step) in enumerate(zip(begins, ends, steps, strict=True)):
        bit, places = 1 << axis, range(sides[axis])
        if dropped & bit:
            axes.add(axis)
            sides[axis] = len(places[begin:][:1]) if step == 1 and begin >= 0 else 0
        else:
            taken = slice(None if no_begin & bit else begin, None if no_end & bit else end, step)
            sides[axis] = len(places[taken])
    right = min(sides) > 0 and not dots and not new
    return right and made.shape == _without(tuple(sides), axes) and _reads_alike(first, (), made)


def _repeats(
    _options: Sequence[int], first: Tensor, others: Sequence[Tensor | None], made: Tensor
) -> bool:
    times = zip(first.shape, _told(*others), strict=True)
    return made.shape == tuple(a * b for a, b in times) and _reads_alike(first, (), made)


def _resizes(
    _options: Sequence[int], first: Tensor, others: Sequence[Tensor | None], made: Tensor
) -> bool:
    count, _, _, depth = first.shape
    return made.shape == (count, *_told(*others), depth) and _reads_alike(first, (), made)


def _stacks(
    options: Sequence[int], first: Tensor, others: Sequence[Tensor | None], made: Tensor
) -> bool:
    count, axis = options
    alike = all(other is not None and other.shape == first.shape for other in others)
    at = range(len(first.shape) + 1)[axis]
    right = alike and made.shape == (*first.shape[:at], count, *first.shape[at:])
    return right and count == 1 + len(others) and _reads_alike(first, others, made)


def _multiplies_each(
    options: Sequence[int], first: Tensor, others: Sequence[Tensor | None], made: Tensor
) -> bool:
    turn_one, turn_two, _ = options
    (other,) = others
    *counts, rows, depth = first.shape
    *of_counts, of_depth, columns = other.shape  # type: ignore[union-attr]
    if turn_one:
        rows, depth = depth, rows
    if turn_two:
        of_depth, columns = columns, of_depth
    right = counts == of_counts and depth == of_depth
    return right and made.shape == (*counts, rows, columns) and _reads_alike(first, others, made)


def _convolves_back(
    options: Sequence[int], first: Tensor, others: Sequence[Tensor | None], made: Tensor
) -> bool:
    padding, stride_x, stride_y, _, _ = options
    weights, read, *biases = others
    channels, kernel_y, kernel_x, depth = weights.shape  # type: ignore[union-attr]
    count, rows, columns, of_channels = made.shape
    # It undoes a convolution, which would make of its output what it reads.
    sides = (
        _steps(rows, kernel_y, stride_y, 1, padding),
        _steps(columns, kernel_x, stride_x, 1, padding),
    )
    if read is None or _told(first) != made.shape or of_channels != channels:
        return False
    right = read.shape == (count, *sides, depth)
    return right and _multiplies(read, [weights, *biases], made, channels)


def _splits(
    options: Sequence[int], inputs: Sequence[Tensor | None], parts: Sequence[Tensor]
) -> bool:
    axis, whole = inputs
    if whole is None:
        return False
    (at,) = _told(axis)
    sides = list(whole.shape)
    sides[at] //= options[0]
    right = len(parts) == options[0] and sides[at] * options[0] == whole.shape[at]
    return right and all(
        part.shape == tuple(sides) and _reads_alike(whole, (), part) for part in parts
    )


_RULES: dict[int, Rule] = {
    **dict.fromkeys((0, 18, 41, 42, 55, 57, 78, 99), _broadcasts),  # add, multiply, subtract, ...
    **dict.fromkeys((1, 12, 17), _pools),
    2: _joins,
    3: _convolves,
    4: _convolves_each,
    **dict.fromkeys((6, 53, 114), _converts),  # dequantize, cast, quantize
    9: _connects,
    # Activations, and functions of one number.
    **dict.fromkeys((11, 14, 19, 20, 21, 25, 28, 50, 98, 111, 117, 150), _keeps_shape),
    **dict.fromkeys((8, 47, 59, 66, 73, 75, 76, 92, 101, 104, 108, 116), _keeps_shape),
    22: _reshapes,
    34: _pads,
    39: _transposes,
    **dict.fromkeys((40, 74, 82, 89), _shortens),  # mean, sum, greatest, least
    43: _squeezes,
    45: _steps_through,
    60: _pads,
    65: _slices,
    67: _convolves_back,
    69: _repeats,
    70: _expands,
    83: _stacks,
    **dict.fromkeys((23, 97), _resizes),
    100: _pads,
    126: _multiplies_each,
}
_SPLIT = 49
KNOWN = frozenset((*_RULES, _SPLIT))
