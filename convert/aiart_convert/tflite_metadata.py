"""TFLite Metadata: what tools that know nothing of aiart read in a file.

The schema is metadata_schema.fbs of TensorFlow Lite Support, which MediaPipe Tasks took over
(https://github.com/google-ai-edge/mediapipe/tree/master/mediapipe/tasks/metadata). No package that
writes it installs beside TensorFlow, so the few tables that a classifier needs stand here, and one
way each to write and to read them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
from flatbuffers.number_types import Float32Flags, Uint8Flags
from flatbuffers.table import Table
from tensorflow.lite.python import schema_py_generated as tflite
from tensorflow.lite.tools import flatbuffer_utils

from aiart_edge.model_file import LABELS_FILE

METADATA = "TFLITE_METADATA"  # the name of the model's buffer

_IDENTIFIER = b"M001"
_MIN_PARSER_VERSION = "1.0.0"  # all that is written here was in the schema from the start
_RGB = 1
_TENSOR_AXIS_LABELS = 2
_NORMALIZATION_OPTIONS = 1
_IMAGE_PROPERTIES = 2


@dataclass(frozen=True)
class _Union:
    """A field whose table depends on the byte before it."""

    type_field: str
    members: Mapping[int, _Schema]


# A table's fields in the order of their slots: str, bytes for a small number, float for a vector of
# them, a list for a vector of tables, a table, or a union; None for a field not used here.
_Schema = Mapping[str, Any]

_FILE: _Schema = {"name": str, "description": str, "type": bytes}
_IMAGE: _Schema = {"color_space": bytes}
_CONTENT: _Schema = {
    "content_properties_type": bytes,
    "content_properties": _Union("content_properties_type", {_IMAGE_PROPERTIES: _IMAGE}),
}
_NORMALIZATION: _Schema = {"mean": float, "std": float}
_PROCESS_UNIT: _Schema = {
    "options_type": bytes,
    "options": _Union("options_type", {_NORMALIZATION_OPTIONS: _NORMALIZATION}),
}
_TENSOR: _Schema = {
    "name": str,
    "description": str,
    "dimension_names": None,
    "content": _CONTENT,
    "process_units": [_PROCESS_UNIT],
    "stats": None,
    "associated_files": [_FILE],
}
_SUBGRAPH: _Schema = {
    "name": str,
    "description": str,
    "input_tensor_metadata": [_TENSOR],
    "output_tensor_metadata": [_TENSOR],
    "associated_files": [_FILE],
}
_MODEL: _Schema = {
    "name": str,
    "description": str,
    "version": str,
    "subgraph_metadata": [_SUBGRAPH],
    "author": str,
    "license": str,
    "associated_files": [_FILE],
    "min_parser_version": str,
}


def classifier_metadata(name: str) -> dict[str, Any]:
    """Say in TFLite Metadata's terms what a network of the edge's wants and gives.

    Args:
        name: of the model.

    Returns:
        The fields of a ModelMetadata table. Normalisation has mean 0 and standard deviation 1:
        raw pixels go in, and the rest is a layer of the network.
    """
    normalization = {
        "options_type": _NORMALIZATION_OPTIONS,
        "options": {"mean": [0.0], "std": [1.0]},
    }
    picture = {
        "name": "picture",
        "description": "RGB pixels, 0 to 255; the picture is squashed to the tensor's size.",
        "content": {
            "content_properties_type": _IMAGE_PROPERTIES,
            "content_properties": {"color_space": _RGB},
        },
        "process_units": [normalization],
    }
    scores = {
        "name": "scores",
        "description": "The probabilities of the labels, before calibration.",
        "associated_files": [
            {"name": LABELS_FILE, "description": "One a line.", "type": _TENSOR_AXIS_LABELS}
        ],
    }
    return {
        "name": name,
        "description": "Tells AI-made art from human art. aiart.json has the decision rule.",
        "subgraph_metadata": [
            {"input_tensor_metadata": [picture], "output_tensor_metadata": [scores]}
        ],
        "min_parser_version": _MIN_PARSER_VERSION,
    }


def add_metadata(network: bytes, fields: Mapping[str, Any]) -> bytes:
    """Put TFLite Metadata into a network.

    Args:
        network: a TFLite flatbuffer without metadata of this kind.
        fields: of a ModelMetadata table; see `classifier_metadata`.

    Returns:
        The flatbuffer with the metadata in it; the same arguments give the same bytes.
    """
    builder = flatbuffers.Builder()
    builder.Finish(_pack(builder, _MODEL, fields), _IDENTIFIER)
    model = flatbuffer_utils.convert_bytearray_to_object(network)
    entry, buffer = tflite.MetadataT(), tflite.BufferT()
    entry.name, entry.buffer = METADATA, len(model.buffers)
    buffer.data = np.frombuffer(builder.Output(), np.uint8)
    model.metadata = [*(model.metadata or []), entry]
    model.buffers.append(buffer)
    packed: bytes = flatbuffer_utils.convert_object_to_bytearray(model)
    return packed


def read_metadata(content: bytes) -> dict[str, Any]:
    """Read a TFLite Metadata flatbuffer.

    Args:
        content: of the buffer named `METADATA`.

    Returns:
        The fields of its ModelMetadata table, as far as they are known here.

    Raises:
        Exception: of any kind, where the content is broken.
    """
    if content[4:8] != _IDENTIFIER:
        raise ValueError(f"Expected the identifier {_IDENTIFIER!r}. Received {content[4:8]!r}.")
    root = Table(content, 0).Indirect(0)
    return _unpack(Table(content, root), _MODEL)


def named_files(fields: Mapping[str, Any]) -> set[str]:
    """List the files to which TFLite Metadata points.

    Args:
        fields: of a ModelMetadata table, or of one in it.

    Returns:
        Their names, in the archive behind the network.
    """
    names = {file["name"] for file in fields.get("associated_files", ()) if "name" in file}
    for value in fields.values():
        for table in value if isinstance(value, list) else ():
            if isinstance(table, dict):
                names |= named_files(table)
    return names


def _pack(builder: flatbuffers.Builder, schema: _Schema, values: Mapping[str, Any]) -> int:
    """Write a table, and before it what it points to; return its offset."""
    pointed = {
        name: _pack_pointed(builder, kind, values, name)
        for name, kind in schema.items()
        if name in values and kind is not bytes
    }
    builder.StartObject(len(schema))
    for slot, name in enumerate(schema):
        if name in pointed:
            builder.PrependUOffsetTRelativeSlot(slot, pointed[name], 0)
        elif name in values:
            builder.PrependUint8Slot(slot, values[name], 0)
    offset: int = builder.EndObject()
    return offset


def _pack_pointed(
    builder: flatbuffers.Builder, kind: Any, values: Mapping[str, Any], name: str
) -> int:
    value, offset = values[name], 0
    if kind is str:
        offset = builder.CreateString(value)
    elif kind is float:
        offset = builder.CreateNumpyVector(np.array(value, np.float32))
    elif isinstance(kind, list):
        tables = [_pack(builder, kind[0], one) for one in value]
        builder.StartVector(4, len(tables), 4)
        for table in reversed(tables):  # a vector is written from its end
            builder.PrependUOffsetTRelative(table)
        offset = builder.EndVector()
    else:
        schema = kind.members[values[kind.type_field]] if isinstance(kind, _Union) else kind
        offset = _pack(builder, schema, value)
    return offset


def _unpack(table: Table, schema: _Schema) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for slot, (name, kind) in enumerate(schema.items()):
        offset = table.Offset(4 + 2 * slot)
        schema_of = kind
        if isinstance(kind, _Union):
            schema_of = kind.members.get(values.get(kind.type_field, 0))
        if offset and schema_of is not None:
            values[name] = _unpack_field(table, offset, schema_of)
    return values


def _unpack_field(table: Table, offset: int, kind: Any) -> Any:
    if kind is bytes:
        return table.Get(Uint8Flags, table.Pos + offset)
    if kind is str:
        return table.String(table.Pos + offset).decode()
    if kind is float:
        return table.GetVectorAsNumpy(Float32Flags, offset).tolist()
    if isinstance(kind, list):
        start, count = table.Vector(offset), table.VectorLen(offset)
        places = range(start, start + 4 * count, 4)
        return [_unpack(Table(table.Bytes, table.Indirect(place)), kind[0]) for place in places]
    return _unpack(Table(table.Bytes, table.Indirect(table.Pos + offset)), kind)
