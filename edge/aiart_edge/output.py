"""What `aiart-edge` prints: a function for each format, from records to pieces of text."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from aiart_edge.errors import PictureError, printable

if TYPE_CHECKING:
    from aiart_edge.classifier import Classification

FOOTER = "A verdict is a signal, not proof."

_FIELDS = ("path", "verdict", "p_ai", "label", "model", "reason", "error")
_COLOURS = {"ai": "red", "human": "green", "unsure": "yellow"}
_BAR = 10  # characters


@dataclass(frozen=True)
class Record:
    """What there is to say of one picture.

    Args:
        path: as the user named it.
        model: the name of the model.
        outcome: its classification, or why it cannot be read.
    """

    path: str
    model: str
    outcome: Classification | PictureError

    def as_dict(self) -> dict[str, Any]:
        """Return what machines read: either the verdict, or `error`."""
        if isinstance(self.outcome, PictureError):
            return {"path": self.path, "model": self.model, "error": self.outcome.problem}
        fields = {"path": self.path, "model": self.model, **asdict(self.outcome)}
        fields["p_ai"] = round(self.outcome.p_ai, 4)
        return {name: fields[name] for name in _FIELDS if fields.get(name) is not None}


def as_text(records: Iterable[Record]) -> Iterator[str]:
    """Give a line for a person on each picture that was read, and a footer."""
    line = ""
    for record in records:
        if isinstance(record.outcome, PictureError):
            continue
        result = record.outcome
        filled = round(result.p_ai * _BAR)
        verdict = click.style(f"{result.verdict:6}", _COLOURS[result.verdict])
        bar = "#" * filled + "." * (_BAR - filled)
        reason = f"  ({result.reason})" if result.reason else ""
        line = f"{verdict}  p(ai) {result.p_ai:.2f} [{bar}]  {printable(record.path)}{reason}\n"
        yield line
    if line:
        yield f"{FOOTER}\n"


def as_json(records: Iterable[Record]) -> Iterator[str]:
    """Give one JSON array, a record a line."""
    before = "["
    for record in records:
        yield f"{before}\n{json.dumps(record.as_dict())}"
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def as_json_lines(records: Iterable[Record]) -> Iterator[str]:
    """Give a JSON object a line."""
    for record in records:
        yield json.dumps(record.as_dict()) + "\n"


def as_csv(records: Iterable[Record]) -> Iterator[str]:
    """Give a table with a line of names."""
    import csv  # noqa: PLC0415  the other formats shall not wait for it

    line = io.StringIO()
    writer = csv.DictWriter(line, _FIELDS, lineterminator="\n")
    writer.writeheader()
    yield line.getvalue()
    for record in records:
        line.seek(0)
        line.truncate()
        writer.writerow(record.as_dict())
        yield line.getvalue()


def as_verdicts(records: Iterable[Record]) -> Iterator[str]:
    """Give the verdict alone on each picture that was read."""
    for record in records:
        if not isinstance(record.outcome, PictureError):
            yield f"{record.outcome.verdict}\n"


def select(records: Iterable[Record], only: str | None, by_p_ai: bool) -> Iterable[Record]:
    """Leave records out, or bring them into an order.

    Args:
        records: to choose from.
        only: the verdict to keep; None for all, and for the pictures that failed.
        by_p_ai: the highest first, those that failed last; or as they come.

    Returns:
        Records.
    """
    if only:
        records = (record for record in records if getattr(record.outcome, "verdict", "") == only)
    if by_p_ai:
        return sorted(records, key=lambda record: getattr(record.outcome, "p_ai", -1), reverse=True)
    return records


FORMATS: dict[str, Callable[[Iterable[Record]], Iterator[str]]] = {
    "text": as_text,
    "json": as_json,
    "jsonl": as_json_lines,
    "csv": as_csv,
    "quiet": as_verdicts,
}


def as_table(document: Mapping[str, Any]) -> str:
    """Lay out a document in two columns.

    Args:
        document: what JSON can hold; what is nested gets names like `input.height`.

    Returns:
        Lines, each ended.
    """
    rows = list(_flatten(document))
    width = max(len(name) for name, _ in rows)
    return "".join(f"{name:{width}}  {value}\n" for name, value in rows)


def _flatten(document: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in document.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{before}{name}.")
        else:
            yield before + name, printable(str(value))
