"""Records as Parquet, by the extra `parquet`; this module is imported without it, too."""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aiart_edge.errors import require_extra
from aiart_edge.files import RECORD_SCHEMA

if TYPE_CHECKING:
    import pyarrow

Record = Mapping[str, Any]

_PATH, _BYTES = "path", "path_bytes"


def to_parquet(records: Sequence[Record]) -> bytes:
    """Put records into a table with a column for each field that a record may have.

    `path_bytes` has the bytes of every path; in `path`, those that are not UTF-8 are escaped with a
    backslash. What is an object in JSON is a text of JSON here.

    Args:
        records: as `output.as_document` gives them.

    Returns:
        The content of a file; the same for the same records and version of pyarrow.

    Raises:
        MissingExtra: the extra `parquet` is not installed.
    """
    require_extra("parquet", "pyarrow")
    import pyarrow as pa  # noqa: PLC0415  an extra
    from pyarrow import parquet  # noqa: PLC0415

    fields = _fields()
    schema = pa.schema([(name, _type(rule)) for name, rule in fields.items()])
    columns = {
        name: [_to_cell(name, rule, record) for record in records] for name, rule in fields.items()
    }
    content = io.BytesIO()
    parquet.write_table(pa.table(columns, schema=schema), content, compression="zstd")
    return content.getvalue()


def from_parquet(content: bytes) -> list[Record]:
    """Read what `to_parquet` gave.

    Args:
        content: of a file.

    Returns:
        Records.

    Raises:
        MissingExtra: the extra `parquet` is not installed.
        ValueError: it is something else.
    """
    require_extra("parquet", "pyarrow")
    from pyarrow import parquet  # noqa: PLC0415  an extra

    rows = parquet.read_table(io.BytesIO(content)).to_pylist()
    return [_from_row(_fields(), row) for row in rows]


def _fields() -> dict[str, Mapping[str, Any]]:
    fields: dict[str, Mapping[str, Any]] = json.loads(RECORD_SCHEMA.read_text())["properties"]
    return fields


def _type(rule: Mapping[str, Any]) -> pyarrow.DataType:
    import pyarrow as pa  # noqa: PLC0415  an extra

    if "const" in rule:
        return pa.int32()
    if rule.get("contentEncoding"):
        return pa.binary()
    return pa.float64() if rule.get("type") == "number" else pa.string()


def _to_cell(name: str, rule: Mapping[str, Any], record: Record) -> Any:
    value = record.get(name)
    if name == _BYTES:
        return os.fsencode(record[_PATH])
    if name == _PATH:
        return os.fsencode(record[_PATH]).decode(errors="backslashreplace")
    return json.dumps(value) if _is_nested(rule) and value is not None else value


def _from_row(fields: Mapping[str, Mapping[str, Any]], row: Record) -> Record:
    record = {
        name: json.loads(row[name]) if _is_nested(rule) else row[name]
        for name, rule in fields.items()
        if row.get(name) is not None
    }
    name = record.pop(_BYTES)
    record[_PATH] = os.fsdecode(name)
    if name.decode(errors="replace").encode() != name:
        record[_BYTES] = base64.b64encode(name).decode()
    return record


def _is_nested(rule: Mapping[str, Any]) -> bool:
    return rule.get("type") in {"object", "array"}
