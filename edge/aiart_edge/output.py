"""What `aiart-edge` prints: a function for each format, from records to pieces of text."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from aiart_edge.errors import PictureError, printable

if TYPE_CHECKING:
    from aiart_edge.classifier import Classification
    from aiart_edge.inputs import LeftOut

FOOTER = "A verdict is a signal, not proof."

_FIELDS = ("path", "verdict", "p_ai", "label", "model", "reason", "left_out", "error")
_COLOURS = {"ai": "red", "human": "green", "unsure": "yellow"}
_BAR = 10  # characters
_KINDS = 8  # that a line names


@dataclass(frozen=True)
class Record:
    """What there is to say of one picture.

    Args:
        path: as the user named it.
        model: the name of the model.
        outcome: its classification, or why there is none.
    """

    path: str
    model: str
    outcome: Classification | PictureError | LeftOut

    @property
    def classification(self) -> Classification | None:
        """Its classification, if there is one."""
        from aiart_edge.inputs import LeftOut  # noqa: PLC0415  who prints tables alone has no use

        return None if isinstance(self.outcome, PictureError | LeftOut) else self.outcome

    def as_dict(self) -> dict[str, Any]:
        """Return what machines read: either the verdict, `error` or `left_out`."""
        from aiart_edge.inputs import LeftOut  # noqa: PLC0415

        fields: dict[str, Any] = {"path": self.path, "model": self.model}
        if isinstance(self.outcome, PictureError):
            return {**fields, "error": self.outcome.problem}
        if isinstance(self.outcome, LeftOut):
            return {"path": self.path, "left_out": self.outcome.kind}
        fields |= {**asdict(self.outcome), "p_ai": round(self.outcome.p_ai, 4)}
        return {name: fields[name] for name in _FIELDS if fields.get(name) is not None}


def as_text(records: Iterable[Record]) -> Iterator[str]:
    """Give a line for a person on each picture that was read, and a footer."""
    line = ""
    for record in records:
        if not (result := record.classification):
            continue
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
        if record.classification:
            yield f"{record.classification.verdict}\n"


def select(records: Iterable[Record], only: str | None, by_p_ai: bool) -> Iterable[Record]:
    """Leave records out, or bring them into an order.

    Args:
        records: to choose from.
        only: the verdict to keep; None for all, and for what has none.
        by_p_ai: the highest first, what has none last; or as they come.

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


def tell_left_out(left_out: Iterable[LeftOut]) -> Iterator[str]:
    """Sum up what was left out, for a person.

    Args:
        left_out: what a folder held beside pictures that can be read.

    Yields:
        Sentences.
    """
    counts = Counter(left_out)
    folders = sum(count for found, count in counts.items() if found.kind == "folder")
    if files := counts.total() - folders:
        ordered = sorted(counts, key=lambda found: (not found.is_picture, -counts[found]))
        kinds = [
            f"{counts[found]} {found.kind}" + (f" ({found.remedy})" if found.remedy else "")
            for found in ordered
            if found.kind != "folder"
        ]
        if len(kinds) > _KINDS:
            kinds[_KINDS:] = [f"{len(kinds) - _KINDS} more kinds"]
        were = "file was" if files == 1 else "files were"
        yield f"{files} {were} left out: {', '.join(kinds)}."
    if folders:
        were = "folder was" if folders == 1 else "folders were"
        yield f"{folders} {were} not searched: --recursive searches the folders in folders, too."


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
