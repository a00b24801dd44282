"""The structure of a network's file, checked before a runtime sees it.

Neither runtime checks what it reads: an offset that leads out of the file, an index that is too
high, or a stride of 0, ends the process. A hash is no help, since whoever alters a network can
write the hash that fits. So this looks that every offset stays within the file, that what an index
names is there, that each constant has the bytes that its shape asks for, and that each operator
reads what was there before it, and that it fits its tensors (see `operators`). What no classifier
of pictures needs is refused: loops, strings, sparse weights, operators of somebody's own; and in
the command's own process, operators that are not looked into.

The tables are those of TensorFlow's `tensorflow/compiler/mlir/lite/schema/schema.fbs`; how they lie
in a file, https://flatbuffers.dev/internals tells. It counts against the start of the edge, so that
a table is read with one call, and no weight is looked at.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from math import prod
from operator import itemgetter

import numpy as np

from aiart_edge.operators import KNOWN, Tensor, fits

_IDENTIFIER = b"TFL3"

# The fields of the tables, in their order: numbers as `struct` names them, 1 for an int that is 1
# where it is left out, @ for the offset of a table, a vector or a text. What is - is refused:
# custom and newer operators, sparse weights, weights outside of their tables.
_MODEL = "I@@@@@@@@@"
_OPERATOR_CODE = "b-ii"
_GRAPH = "@@@@@i"
_GRAPHS, _OUTPUTS = 2, 2  # the places of these in a model and in a graph
_TENSOR = "@bI@@B-@B@I"
_QUANTIZATION = "@@@@B-i"
_BUFFER = "@--"
_OPERATOR = "I@@B@@b@@--B-i"
_METADATA = "@I"
_SIGNATURE = "@@@I"
_TENSOR_MAP = "@I"

# The types of options by their fields, where i may be a float, and those of no use to a classifier.
_NUMBERS_OF = {
    "B": (27, 50, 116),
    "BB": (74, 102),
    "BBB": (101,),
    "BbB": (31,),
    "BbBB": (70,),
    "b": (12, 21, 29, 40, 55, 57, 77, 80),
    "bB": (7, 11, 28),
    "bb": (37,),
    "bbBBb": (8,),
    "biiBBB": (69, 71),
    "biib11b": (1,),
    "biibB": (14,),
    "biibb": (49,),
    "biiib11": (2,),
    "biiib111": (106,),
    "biiiib": (5,),
    "i": (9, 19, 35, 61, 75, 79, 94),
    "ib": (10,),
    "ibB": (6,),
    "ii": (23, 59, 64, 87),
    "iiBB": (15,),
    "iiiB": (58,),
    "iiii": (13,),
    "iiiiiB": (32,),
    "@": (17, 30),
}
_STRANGE_OPTIONS = {3, 4, 16, 18, 20, 92, 93, 103, 107, 111, 114, 115, *range(127, 256)}
_OPTIONS = {number: fields for fields, numbers in _NUMBERS_OF.items() for number in numbers}
# Operators whose options tell shapes: the options' type, and which of them divide something.
_DIVISORS: dict[int, tuple[int, tuple[int, ...]]] = {
    **dict.fromkeys((1, 12, 17), (5, (1, 2, 3, 4))),  # pools: strides, sides
    2: (10, ()),  # concatenation
    **dict.fromkeys((40, 74, 82, 89), (27, ())),  # mean, sum, greatest, least
    45: (32, ()),  # slice by steps
    3: (1, (1, 2, 4, 5)),  # convolution: strides, dilations
    4: (2, (1, 2, 3, 5, 6)),  # depthwise convolution: the multiplier, too
    5: (94, (0,)),  # depth to space
    26: (19, (0,)),  # space to depth
    49: (35, (0,)),  # split
    67: (49, (1, 2)),  # transposed convolution
    83: (59, (0,)),  # pack
    88: (64, (0,)),  # unpack
    102: (79, (0,)),  # split by sizes
    126: (101, ()),  # product of matrices
    132: (106, (1, 2, 3, 5, 6, 7)),  # convolution in space
}
_LARGEST_DIVISOR = 1 << 12
_CUSTOM = 32
# Operators that may do without an input, and the first of them: a bias, or gates of an LSTM.
_OPTIONAL_FROM = {3: 2, 4: 2, 9: 2, 16: 1, 44: 1, 46: 1, 67: 3}

# The bits of a value, by the number of its type.
_BITS = {0: 32, 1: 16, 2: 32, 3: 8, 4: 64, 6: 8, 7: 16, 9: 8, 10: 64, 15: 32, 17: 4}
_ZERO_POINTS = {3: range(256), 7: range(1), 9: range(-128, 128), 17: range(-8, 8)}
_LEAST_STEP, _GREATEST_STEP = 2.0**-24, 2.0**12  # of a whole tensor: the runtimes abort at others
_MOST_DIMENSIONS = 6
_INTEGERS, _MOST_TOLD = {2: "i", 4: "q"}, 128  # types, and bytes, of what may tell a shape or axes
_LARGEST_TENSOR = 1 << 31  # bits
_LEAST_SCALE, _GREATEST_SCALE = np.array([2.0**-60, 2.0**20], "<f4").view("<u4")
_MOST_TABLES = 1 << 14  # in a vector
_MOST_TENSORS = 1 << 12  # that an operator reads


def check_network(content: bytes, *, isolated: bool = False) -> tuple[int, ...]:
    """Check that a runtime can read a network without leaving it.

    Args:
        content: a TFLite flatbuffer, also with something behind it.
        isolated: whether it will run in a process that it may end, so that its operators are not
            looked into. Default false.

    Returns:
        The shape of its first input; -1 where it takes any.

    Raises:
        ValueError: it cannot, or this project has no use for such a network.
    """
    if content[4:8] != _IDENTIFIER:
        raise ValueError("not a TFLite network")
    try:
        return _check_model(_Reader(content), isolated=isolated)
    except (struct.error, IndexError) as error:
        raise ValueError("the network is damaged: it leads out of its file") from error


def add_outputs(content: bytes, tensors: Sequence[int]) -> bytes:
    """Make a network give more tensors than it does; nothing else in it changes.

    Args:
        content: a TFLite flatbuffer, which may still have to be checked.
        tensors: their numbers.

    Returns:
        Another, with these behind its outputs.

    Raises:
        ValueError: the network is damaged.
    """
    try:
        graphs = _target(content, _place(content, _target(content, 0), _GRAPHS))
        place = _place(content, _target(content, graphs + 4), _OUTPUTS)
        (count,) = _UNSIGNED(content, old := _target(content, place))
        numbers = *struct.unpack_from(f"<{count}i", content, old + 4), *tensors
    except struct.error as error:
        raise _damaged("it leads out of its file") from error
    end = -(-len(content) // 4) * 4
    vector = struct.pack(f"<I{len(numbers)}i", len(numbers), *numbers)
    before, after = content[:place], content[place + 4 :].ljust(end - place - 4, b"\0")
    return b"".join((before, struct.pack("<I", end - place), after, vector))


def _place(content: bytes, table: int, field: int) -> int:
    """Find where a field of a table lies."""
    vtable = table - _INT(content, table)[0]
    (place,) = struct.unpack_from("<H", content, vtable + 4 + 2 * field)
    return table + int(place)


def _target(content: bytes, place: int) -> int:
    """Find where an offset leads to."""
    return place + int(_UNSIGNED(content, place)[0])


class _Reader:
    """Reads what a flatbuffer is made of, and nothing beyond its end.

    Args:
        content: of the file.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._plans: dict[tuple[int, str], _Plan] = {}

    def table(self, at: int, fields: str) -> list[int]:
        """Read a table: its numbers, and where its offsets lead to, or 0."""
        key = at - _INT(self.content, at)[0], fields
        if key not in self._plans:
            self._plans[key] = _plan(self.content, *key)
        unpack, pick, offsets = self._plans[key]
        values = list(pick((0, 1, *unpack(self.content, at))))
        for field, offset in offsets:
            values[field] += at + offset
        return values

    def tables(self, at: int, fields: str) -> list[list[int]]:
        """Read a vector of tables."""
        offsets = self.numbers(at, "I", _MOST_TABLES)
        return [self.table(at + 4 * n + offset, fields) for n, offset in enumerate(offsets, 1)]

    def numbers(self, at: int, kind: str, most: int) -> tuple[int, ...]:
        """Read a vector of numbers of 4 bytes; one that is left out is empty."""
        length = self.length(at, 4)
        if length > most:
            raise _damaged("a vector is too long")
        return struct.unpack_from(f"<{length}{kind}", self.content, at + 4) if length else ()

    def length(self, at: int, width: int) -> int:
        """Count the values of a vector, and look that they lie within the file."""
        if not at:
            return 0
        length: int = _UNSIGNED(self.content, at)[0]
        if at % 4 or at + 4 + length * width > len(self.content):
            raise _damaged("a vector is out of place")
        return length

    def check_text(self, at: int) -> None:
        """Look that a text ends within the file, with the zero byte that C looks for."""
        if at and self.content[at + 4 + self.length(at, 1)]:
            raise _damaged("a text has no end")


_INT, _UNSIGNED, _LONG, _FLOAT = (struct.Struct(f"<{kind}").unpack_from for kind in "iIqf")

# What reads a table; what picks its fields from 0, 1 and that; and which of them are offsets, with
# their places in the table.
_Plan = tuple[
    Callable[[bytes, int], tuple[int, ...]],
    Callable[[tuple[int, ...]], Sequence[int]],
    list[tuple[int, int]],
]


def _plan(content: bytes, vtable: int, fields: str) -> _Plan:
    """Work out once how to read all the tables that share a vtable."""
    if vtable < 0 or vtable % 2:
        raise _damaged("a table is out of place")
    size, table_size = struct.unpack_from("<2H", content, vtable)
    count = size // 2 - 2
    if size % 2 or not 0 <= count <= len(fields):
        raise _damaged("a table has too few fields, or is of a newer kind")
    places = struct.unpack_from(f"<{count}H", content, vtable + 4)
    layout, end, offsets = "<4x", 4, []
    picked = [int(kind == "1") for kind in fields]
    present = sorted((place, field) for field, place in enumerate(places) if place)
    for read, (place, field) in enumerate(present, 2):
        kind = fields[field]
        if kind == "-":
            raise _strange("custom operators, or sparse or external weights")
        stored = {"1": "i", "@": "I"}.get(kind, kind)
        if place < end or place % struct.calcsize(stored):
            raise _damaged("a field is out of place")
        layout += f"{place - end}x{stored}"
        end = place + struct.calcsize(stored)
        picked[field] = read
        if kind == "@":
            offsets.append((field, place))
    if end > table_size:
        raise _damaged("a table is too short")
    picked += [0] * (2 - len(picked))  # of one index alone, itemgetter gives no tuple
    return struct.Struct(layout).unpack_from, itemgetter(*picked), offsets


def _check_model(read: _Reader, *, isolated: bool) -> tuple[int, ...]:
    (root,) = _UNSIGNED(read.content)
    model = read.table(root, _MODEL)
    _, codes, graphs, description, buffers, buffer_list, metadata, signatures, *external = model
    read.check_text(description)
    read.length(buffer_list, 4)
    operators = [max(older, newer) for older, _, _, newer in read.tables(codes, _OPERATOR_CODE)]
    if _CUSTOM in operators or any(external):
        raise _strange("custom operators, or external weights")
    if not isolated and (unknown := set(operators) - KNOWN):
        numbers = ", ".join(map(str, sorted(unknown)))
        raise _strange(f"operators that are not looked into (in TFLite's schema {numbers})")
    places = [data for data, _, _ in read.tables(buffers, _BUFFER)]
    sizes = [read.length(data, 1) for data in places]
    for name, buffer in read.tables(metadata, _METADATA):
        read.check_text(name)
        if not name or buffer >= len(sizes):
            raise _damaged("metadata is missing")
    found = read.tables(graphs, _GRAPH)
    if len(found) != 1:
        raise _strange("loops or branches")
    tensors, first, last, steps, name, _ = found[0]
    read.check_text(name)
    tables = read.tables(tensors, _TENSOR)
    described, there = _check_tensors(read, tables, places, sizes)
    inputs, outputs = (read.numbers(end, "i", _MOST_TENSORS) for end in (first, last))
    _fill(there, inputs)
    for step in read.tables(steps, _OPERATOR):
        _check_step(read, step, operators, None if isolated else described, there)
    if not inputs or not outputs or not all(there.get(tensor) for tensor in outputs):
        raise _damaged("it asks or answers nothing")
    for used, given, key, graph in read.tables(signatures, _SIGNATURE):
        read.check_text(key)
        if not key or graph:
            raise _damaged("a signature has no graph")
        for name, tensor in [*read.tables(used, _TENSOR_MAP), *read.tables(given, _TENSOR_MAP)]:
            read.check_text(name)
            if not name or tensor not in there:
                raise _damaged("a signature has no tensor")
    signature = tables[inputs[0]][7]
    return read.numbers(signature, "i", _MOST_DIMENSIONS) or described[inputs[0]].shape


def _check_tensors(
    read: _Reader, tensors: list[list[int]], places: list[int], sizes: list[int]
) -> tuple[list[Tensor], dict[int, bool]]:
    """Check the tensors; give what matters of each, and whether it is a constant."""
    described: list[Tensor] = []
    scales: list[tuple[int, int]] = []
    there: dict[int, bool] = {}
    for shape_at, kind, buffer, name, quantization, lasting, _, signature, _, *others in tensors:
        if kind not in _BITS or lasting or any(others):
            raise _strange("values of an unusual type, external weights, or tensors that last")
        read.check_text(name)
        read.numbers(signature, "i", _MOST_DIMENSIONS)
        shape = read.numbers(shape_at, "i", _MOST_DIMENSIONS)
        bits = prod(shape) * _BITS[kind]
        if min(shape, default=1) < 1 or bits > _LARGEST_TENSOR:
            raise _damaged("a tensor is empty, or too large")
        size = sizes[buffer]
        if size and size != (bits + 7) // 8:
            raise _damaged("a constant has another size than its shape")
        at, count = _find_scales(read, quantization, shape, kind) if quantization else (0, 0)
        if count > 1 and not size:
            raise _damaged("it has a scale for each channel of what is no constant")
        scales.append((at, count))
        there[len(described)] = size > 0
        letter = _INTEGERS.get(kind) if 0 < size <= _MOST_TOLD else None
        form = f"<{prod(shape)}{letter}" if letter else ""
        values = struct.unpack_from(form, read.content, places[buffer] + 4)
        described.append(Tensor(shape, kind, count, values))
    if 4 * sum(length for _, length in scales) > len(read.content):
        raise _damaged("scales lie over each other")
    # Above 0 and not absurd, by their bits: at others the runtimes abort.
    parts = [np.frombuffer(read.content, "<u4", length, at) for at, length in scales if length]
    bits_of = np.concatenate(parts) if parts else np.full(1, _LEAST_SCALE)
    if (bits_of < _LEAST_SCALE).any() or (bits_of > _GREATEST_SCALE).any():
        raise _damaged("a scale is out of range")
    return described, there


def _find_scales(read: _Reader, at: int, shape: tuple[int, ...], kind: int) -> tuple[int, int]:
    """Check how a tensor is quantised, and find its scales: the first byte, and how many."""
    _, _, scales, zeros, _, _, axis = read.table(at, _QUANTIZATION)
    length, count = read.length(scales, 4), read.length(zeros, 8)
    if count not in (0, length):
        raise _damaged("zero points are missing")
    if length > 1 and not (0 <= axis < len(shape) and shape[axis] == length):
        raise _damaged("a tensor has not one scale for each channel")
    if count == 1:
        sound = _LONG(read.content, zeros + 4)[0] in _ZERO_POINTS.get(kind, range(1))
    else:
        sound = read.content[zeros + 4 : zeros + 4 + 8 * count] == bytes(8 * count)
    if not sound:
        raise _damaged("a zero point is out of range")
    if length == 1 and kind in _ZERO_POINTS:
        (step,) = _FLOAT(read.content, scales + 4)
        if not _LEAST_STEP <= step <= _GREATEST_STEP:
            raise _damaged("a scale is out of range")
    return scales + 4, length


def _check_step(
    read: _Reader,
    step: list[int],
    operators: list[int],
    described: list[Tensor] | None,
    there: dict[int, bool],
) -> None:
    """Check an operator: it reads what was there before it, and writes what was not.

    And it fits its tensors, if these are given.
    """
    code, used, given, kind, options, custom, _, lasting, between, *_ = step
    if custom or read.length(lasting, 1):
        raise _strange("custom operators, or tensors that last")
    operator = operators[code]
    optional = _OPTIONAL_FROM.get(operator, _MOST_TENSORS)
    inputs, outputs = (read.numbers(end, "i", _MOST_TENSORS) for end in (used, given))
    for place, tensor in enumerate(inputs):
        if not there.get(tensor) and (tensor != -1 or place < optional):
            raise _damaged("an operator reads what nothing has written")
    for tensor in read.numbers(between, "i", _MOST_TENSORS):
        if tensor not in there:
            raise _damaged("a tensor is missing")
    _fill(there, outputs)
    values = _check_options(read, operator, kind, options)
    if described is not None and not fits(
        operator,
        values,
        [described[tensor] if tensor >= 0 else None for tensor in inputs],
        [described[tensor] for tensor in outputs],
    ):
        raise _damaged("an operator does not fit its tensors")


def _fill(there: dict[int, bool], tensors: tuple[int, ...]) -> None:
    for tensor in tensors:
        if there.get(tensor, True):
            raise _damaged("a tensor is missing, or written twice")
        there[tensor] = True


def _check_options(read: _Reader, operator: int, kind: int, at: int) -> list[int]:
    """Check an operator's options, and give their fields."""
    if kind in _STRANGE_OPTIONS:
        raise _strange("an operator that no classifier of pictures has")
    wanted, divisors = _DIVISORS.get(operator, (kind, ()))
    if kind != wanted or (divisors and not at):
        raise _damaged("an operator has no options")
    if not at:
        return []
    fields = _OPTIONS.get(kind, "")
    values = read.table(at, fields)
    if fields == "@":
        return list(read.numbers(values[0], "i", _MOST_DIMENSIONS))
    for field in divisors:
        if not 1 <= values[field] <= _LARGEST_DIVISOR:
            raise _damaged("an operator steps nowhere")
    return values


def _damaged(how: str) -> ValueError:
    return ValueError(f"the network is damaged: {how}")


def _strange(what: str) -> ValueError:
    return ValueError(f"the network has {what}, and aiart runs none such")
