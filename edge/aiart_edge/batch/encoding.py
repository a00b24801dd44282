"""The files of results, in each of their formats: bytes of records, and records of bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]


def _to_lines(records: Sequence[Record]) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def _from_lines(content: bytes) -> list[Record]:
    return [json.loads(line) for line in content.splitlines()]


_FORMATS: dict[str, tuple[Callable[[Sequence[Record]], bytes], Callable[[bytes], list[Record]]]] = {
    "jsonl": (_to_lines, _from_lines),
}


def encode(records: Sequence[Record], results: str) -> bytes:
    """Put the records of a shard into a file's content.

    Args:
        records: as `output.as_document` gives them.
        results: the format, `jsonl`.

    Returns:
        The same bytes for the same records.
    """
    return _FORMATS[results][0](records)


def decode(content: bytes, results: str) -> list[Record]:
    """Read what `encode` gave.

    Args:
        content: of a file of results.
        results: see `encode`.

    Returns:
        Records.

    Raises:
        ValueError: it is something else.
    """
    return _FORMATS[results][1](content)
