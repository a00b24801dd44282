"""The files of results, in each of their formats: bytes of records, and records of bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence

from aiart_edge.batch.parquet import Record, from_parquet, to_parquet


def encode(records: Sequence[Record], results: str) -> bytes:
    """Put the records of a shard into a file's content.

    Args:
        records: as `output.as_document` gives them.
        results: the format, `jsonl` or `parquet`.

    Returns:
        The same bytes for the same records.
    """
    if results == "parquet":
        return to_parquet(records)
    return "".join(json.dumps(record) + "\n" for record in records).encode()


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
    if results == "parquet":
        return from_parquet(content)
    return [json.loads(line) for line in content.splitlines()]
