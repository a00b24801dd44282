"""CSV files: splits, scores, groups, lists of pictures."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from aiart_edge.errors import DataError

Row = TypeVar("Row")


def read_rows(
    path: Path, what: str, remedy: str, parse: Callable[[dict[str, Any]], Row]
) -> tuple[Row, ...]:
    """Read a CSV file whose first line names its columns.

    Args:
        path: of the file.
        what: it is, for errors, as in `split`.
        remedy: what to do where it is broken.
        parse: from a line's cells to its row; of a broken line it raises KeyError, TypeError or
            ValueError.

    Returns:
        Its rows.

    Raises:
        DataError: it is missing or broken.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise DataError(path, f"the {what} cannot be read ({error.strerror})") from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        return tuple(parse(cells) for cells in reader)
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise DataError(
            path, f"line {reader.line_num} of the {what} is broken ({error}); {remedy}"
        ) from error
