"""Inspection: what stands in a .tflite file, ours or another's, without running it."""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tensorflow.lite.python import schema_py_generated as tflite
from tensorflow.lite.tools import flatbuffer_utils

from aiart_convert.tflite_metadata import METADATA, named_files, read_metadata
from aiart_edge.errors import ModelFileError
from aiart_edge.model_file import DESCRIPTION_FILE, read_model_file, read_network_file

_IDENTIFIER = b"TFL3"


@dataclass(frozen=True)
class Operator:
    """A kind of operator.

    Args:
        name: as in TFLite's schema, `CUSTOM name` for one of somebody's own.
        version: of the operator.
        count: how many the network has.
    """

    name: str
    version: int
    count: int


@dataclass(frozen=True)
class Tensor:
    """A tensor.

    Args:
        name: as the converter left it.
        role: `input`, `output`, `weights` for a constant, else `activation`.
        shape: of it.
        dtype: as in TFLite's schema.
        size: bytes that it takes in the file.
        scales: one, or one per channel; none where it is not quantised.
        zero_points: likewise.
    """

    name: str
    role: str
    shape: tuple[int, ...]
    dtype: str
    size: int
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]


@dataclass(frozen=True)
class Layer:
    """An operator and the constants that it is the first to read.

    Args:
        operator: its name.
        output: the name of its first output.
        size: bytes of its constants in the file.
    """

    operator: str
    output: str
    size: int


@dataclass(frozen=True)
class Quantization:
    """How far a network is quantised.

    Args:
        per_tensor: number of tensors with one scale.
        per_channel: number of tensors with one scale per channel.
        none: number of tensors with no scale.
        weights: bytes of constants by type.
    """

    per_tensor: int
    per_channel: int
    none: int
    weights: Mapping[str, int]


@dataclass(frozen=True)
class Inspection:
    """What stands in a .tflite file.

    Args:
        size: of the file, bytes.
        operators: by name and version.
        tensors: of all subgraphs.
        quantization: a summary of the tensors'.
        layers: in the order in which they run.
        metadata: the fields of the TFLite Metadata, None where there is none.
        files: the names and sizes of what is packed behind the network.
        aiart: what `ModelDescription` says, None where the file is not ours.
    """

    size: int
    operators: tuple[Operator, ...]
    tensors: tuple[Tensor, ...]
    quantization: Quantization
    layers: tuple[Layer, ...]
    metadata: Mapping[str, Any] | None
    files: Mapping[str, int]
    aiart: Mapping[str, Any] | None


def inspect_file(path: Path) -> Inspection:
    """Read what stands in a .tflite file.

    Args:
        path: the file.

    Returns:
        Its inspection.

    Raises:
        ModelFileError: it is missing, broken, cut short, too large, or not a TFLite network.
    """
    content = read_network_file(path)
    if content[4:8] != _IDENTIFIER:
        raise ModelFileError(path, "not a TFLite network: name a .tflite file")
    try:
        files = _packed_files(content)
        model = flatbuffer_utils.read_model_from_bytearray(content)
        metadata = _metadata(model)
        tensors, layers = _tensors(model), _layers(model)
        operators = _operators(model)
    except Exception as error:  # a damaged flatbuffer or archive makes its reader raise anything
        raise ModelFileError(
            path, "the network is damaged or cut short: get a fresh copy"
        ) from error
    if missing := named_files(metadata or {}) - files.keys():
        raise ModelFileError(
            path, f"the file is cut short, {min(missing)} is missing: get a fresh copy"
        )
    return Inspection(
        size=len(content),
        operators=operators,
        tensors=tensors,
        quantization=_quantization(tensors),
        layers=layers,
        metadata=metadata,
        files=files,
        aiart=asdict(read_model_file(path).description) if DESCRIPTION_FILE in files else None,
    )


def _packed_files(content: bytes) -> dict[str, int]:
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if damaged := archive.testzip():
            raise ValueError(f"Expected the CRC that {damaged} was written with.")
        return {entry.filename: entry.file_size for entry in archive.infolist()}


def _metadata(model: Any) -> dict[str, Any] | None:
    for entry in model.metadata or ():
        if entry.name.decode() == METADATA:
            return read_metadata(model.buffers[entry.buffer].data.tobytes())
    return None


def _operators(model: Any) -> tuple[Operator, ...]:
    kinds = Counter(
        (_operator_name(model.operatorCodes[operator.opcodeIndex]), operator.opcodeIndex)
        for graph in model.subgraphs
        for operator in graph.operators
    )
    versions: Counter[tuple[str, int]] = Counter()
    for (name, code), count in kinds.items():
        versions[name, model.operatorCodes[code].version] += count
    return tuple(
        Operator(name, version, count) for (name, version), count in sorted(versions.items())
    )


def _operator_name(code: Any) -> str:
    # The code moved to a wider field when there were more than 127 of them.
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    if number == tflite.BuiltinOperator.CUSTOM:
        return f"CUSTOM {_text(code.customCode)}"
    return _OPERATORS[number]


def _tensors(model: Any) -> tuple[Tensor, ...]:
    return tuple(
        _tensor(model, graph, index)
        for graph in model.subgraphs
        for index in range(len(graph.tensors))
    )


def _tensor(model: Any, graph: Any, index: int) -> Tensor:
    tensor = graph.tensors[index]
    data = model.buffers[tensor.buffer].data
    scale = tensor.quantization.scale if tensor.quantization else None
    zero_point = tensor.quantization.zeroPoint if tensor.quantization else None
    if index in graph.inputs:
        role = "input"
    elif index in graph.outputs:
        role = "output"
    else:
        role = "activation" if data is None else "weights"
    return Tensor(
        name=_text(tensor.name),
        role=role,
        shape=tuple(map(int, tensor.shape if tensor.shape is not None else ())),
        dtype=_TYPES[tensor.type],
        size=0 if data is None else len(data),
        scales=tuple(map(float, scale if scale is not None else ())),
        zero_points=tuple(map(int, zero_point if zero_point is not None else ())),
    )


def _layers(model: Any) -> tuple[Layer, ...]:
    seen = set()
    layers = []
    for graph in model.subgraphs:
        for operator in graph.operators:
            size = 0
            for index in operator.inputs if operator.inputs is not None else ():
                if index < 0:  # an optional input that is left out
                    continue
                buffer = graph.tensors[index].buffer
                data = model.buffers[buffer].data
                if data is not None and buffer not in seen:
                    seen.add(buffer)
                    size += len(data)
            name = _operator_name(model.operatorCodes[operator.opcodeIndex])
            layers.append(Layer(name, _text(graph.tensors[operator.outputs[0]].name), size))
    return tuple(layers)


def _quantization(tensors: tuple[Tensor, ...]) -> Quantization:
    weights: Counter[str] = Counter()
    for tensor in tensors:
        weights[tensor.dtype] += tensor.size
    scales = Counter(min(len(tensor.scales), 2) for tensor in tensors)
    return Quantization(
        per_tensor=scales[1],
        per_channel=scales[2],
        none=scales[0],
        weights={dtype: size for dtype, size in sorted(weights.items()) if size},
    )


def _text(name: bytes | None) -> str:
    return (name or b"").decode(errors="replace")


def _names(enumeration: type) -> dict[int, str]:
    return {number: name for name, number in vars(enumeration).items() if name.isupper()}


_OPERATORS = _names(tflite.BuiltinOperator)
_TYPES = _names(tflite.TensorType)
