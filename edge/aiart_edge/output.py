"""What `aiart-edge` prints: a function for each format, from records to pieces of text."""

from __future__ import annotations

import io
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from aiart_edge.errors import PictureError, printable

if TYPE_CHECKING:
    from aiart_edge.classifier import Classification
    from aiart_edge.evidence import Explanation
    from aiart_edge.inputs import LeftOut
    from aiart_edge.origin import Origin

FOOTER = "A verdict is a signal, not proof."

SCHEMA = 1  # of the records (record.schema.json); it rises where a reader of old ones would fail

_FIELDS = (
    *("path", "verdict", "p_ai", "label", "model", "reason", "origin", "left_out", "error", "kind"),
    *("sha256", "model_version", "model_sha256", "decided_by"),
)
_SAID = ("origin_says", "origin_by", "origin_certainty")
_COLUMNS = tuple(column for name in _FIELDS for column in (_SAID if name == "origin" else (name,)))
_ORIGIN_COLUMNS = ("path", *_SAID, "left_out", "error", "kind")
_COLOURS = {"ai": "red", "human": "green", "unsure": "yellow"}
_BAR = 10  # characters
_LONGEST = 400  # characters of a text that stands in a file
_KINDS = 8  # that a line names


class Record(NamedTuple):  # a data class would take half a percent of a cold start
    """What there is to say of one picture.

    Args:
        path: as the user named it.
        network: what names the network, `Classifier.identity`.
        outcome: its classification, or why there is none.
        sha256: of the file, in hex. Default: it was not asked for.
        origin: what the file says of itself. Default: it was not asked for.
        show_metadata: with the texts that stand in it, which are private. Default false.
    """

    path: str
    network: Mapping[str, str]
    outcome: Classification | PictureError | LeftOut
    sha256: str = ""
    origin: Origin | None = None
    show_metadata: bool = False

    @property
    def classification(self) -> Classification | None:
        """Its classification, if there is one."""
        from aiart_edge.inputs import LeftOut  # noqa: PLC0415  who prints tables alone has no use

        return None if isinstance(self.outcome, PictureError | LeftOut) else self.outcome

    def as_dict(self) -> dict[str, Any]:
        """Return what machines read: either the verdict, `error` or `left_out`."""
        fields = {"path": self.path, **self._outcome(), "sha256": self.sha256, **self.network}
        if self.origin:
            fields["origin"] = self.origin.as_dict(show_metadata=self.show_metadata)
        return {name: fields[name] for name in _FIELDS if fields.get(name) not in (None, "")}

    def as_json(self) -> str:
        """Return the same as one line of JSON, with the version of the schema."""
        return json.dumps(as_document(self.as_dict()))

    def _outcome(self) -> dict[str, Any]:
        from aiart_edge.inputs import LeftOut  # noqa: PLC0415

        if isinstance(self.outcome, PictureError):
            return {"error": self.outcome.problem, "kind": self.outcome.kind}
        if isinstance(self.outcome, LeftOut):
            return {"left_out": self.outcome.kind}
        return {**asdict(self.outcome), "p_ai": round(self.outcome.p_ai, 4)}


class OriginRecord(NamedTuple):
    """What there is to say of what one file says of itself.

    Args:
        path: as the user named it.
        outcome: what it says, or why that is not known.
        show_metadata: with the texts that stand in it, which are private. Default false.
    """

    path: str
    outcome: Origin | PictureError | LeftOut
    show_metadata: bool = False

    @property
    def origin(self) -> Origin | None:
        """What the file says, if that is known."""
        from aiart_edge.origin import Origin  # noqa: PLC0415

        return self.outcome if isinstance(self.outcome, Origin) else None

    def as_dict(self) -> dict[str, Any]:
        """Return what machines read: either `origin`, `error` or `left_out`."""
        if origin := self.origin:
            return {"path": self.path, "origin": origin.as_dict(show_metadata=self.show_metadata)}
        if isinstance(self.outcome, PictureError):
            problem, kind = self.outcome.problem, self.outcome.kind
            return {"path": self.path, "error": problem, "kind": kind}
        return {"path": self.path, "left_out": getattr(self.outcome, "kind", "")}

    def as_json(self) -> str:
        """Return the same as one line of JSON, with the version of the schema."""
        return json.dumps(as_document(self.as_dict()))


def as_document(record: Mapping[str, Any]) -> dict[str, Any]:
    """Add to a record what stands in JSON alone.

    Args:
        record: as `Record.as_dict` gives it.

    Returns:
        The same, with the version of the schema, and the bytes of a path that is not UTF-8.
    """
    document: dict[str, Any] = {"schema": SCHEMA, "path": record["path"]}
    try:
        record["path"].encode()
    except UnicodeEncodeError:
        import base64  # noqa: PLC0415  seldom needed

        document["path_bytes"] = base64.b64encode(os.fsencode(record["path"])).decode()
    return {**document, **record}


def as_text(records: Iterable[Record]) -> Iterator[str]:
    """Give for a person what is said of each picture that was read, and a footer."""
    line = footer = ""
    for record in records:
        if not (result := record.classification):
            continue
        number = f"{result.p_ai:.2f}"
        filled = (int(number.replace(".", "")) + 5) * _BAR // 100  # from what is printed beside it
        verdict = click.style(f"{result.verdict:6}", _COLOURS[result.verdict])
        bar = "#" * filled + "." * (_BAR - filled)
        reason = f"  ({result.reason})" if result.reason else ""
        line = f"{verdict}  p(ai) {number} [{bar}]  {printable(record.path)}{reason}\n"
        yield line
        if record.origin:
            from aiart_edge.origin import wording  # noqa: PLC0415

            yield f"{'':8}{printable(wording.sentence(record.origin))}\n"
            if record.show_metadata:
                yield from _tell_metadata(record.origin, 8)
            if record.origin.says != "nothing":
                footer = f"{wording.FOOTER}\n"
    if line:
        yield f"{FOOTER}\n{footer}"


def origins_as_text(records: Iterable[OriginRecord]) -> Iterator[str]:
    """Give a line for a person on each file that was read, and a footer."""
    from aiart_edge.origin import wording  # noqa: PLC0415

    line = ""
    for record in records:
        if not (origin := record.origin):
            continue
        says = click.style(f"{origin.says:14}", _COLOURS.get(origin.says))
        line = f"{says}  {printable(wording.sentence(origin))}  {printable(record.path)}\n"
        yield line
        if record.show_metadata:
            yield from _tell_metadata(origin, 16)
    if line:
        yield f"{wording.FOOTER}\n"


def _tell_metadata(origin: Origin, indent: int) -> Iterator[str]:
    for field in origin.fields:
        yield f"{'':{indent}}{field.name}: {printable(field.text[:_LONGEST])}\n"


def as_json(records: Iterable[Record | OriginRecord]) -> Iterator[str]:
    """Give one JSON array, a record a line."""
    before = "["
    for record in records:
        yield f"{before}\n{record.as_json()}"
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def explained_as_json(record: Record, explanation: Explanation) -> str:
    """Give a record, and what each place has of its logit, as one JSON object."""
    evidence = {
        "method": explanation.method,
        "logit": round(explanation.logit, 6),
        "intercept": round(explanation.intercept, 6),
        "places": [[round(share, 6) for share in row] for row in explanation.evidence.tolist()],
    }
    return json.dumps({"schema": SCHEMA, **record.as_dict(), "evidence": evidence}) + "\n"


def as_json_lines(records: Iterable[Record | OriginRecord]) -> Iterator[str]:
    """Give a JSON object a line."""
    for record in records:
        yield record.as_json() + "\n"


def as_csv(records: Iterable[Record]) -> Iterator[str]:
    """Give a table with a line of names."""
    return _as_csv(_COLUMNS, records)


def origins_as_csv(records: Iterable[OriginRecord]) -> Iterator[str]:
    """Give a table of what files say, with a line of names."""
    return _as_csv(_ORIGIN_COLUMNS, records)


def _as_csv(columns: Sequence[str], records: Iterable[Record | OriginRecord]) -> Iterator[str]:
    """Write a table in which a spreadsheet finds no formula, wherever it splits a line."""
    import csv  # noqa: PLC0415  the other formats shall not wait for it

    line = io.StringIO()
    writer = csv.DictWriter(line, columns, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writeheader()
    yield line.getvalue()
    for record in records:
        row = record.as_dict()
        said = row.pop("origin", {})
        row |= {column: said.get(column.removeprefix("origin_")) for column in _SAID}
        line.seek(0)
        line.truncate()
        writer.writerow({name: _without_formula(name, value) for name, value in row.items()})
        yield line.getvalue()


def _without_formula(name: str, value: Any) -> Any:
    """Keep a spreadsheet from taking a text for a formula, as it does after = + - @ and tabs."""
    if not isinstance(value, str) or value[:1].isalnum() or value[:1] in "/._" or value == "-":
        return value
    return f"./{value}" if name == "path" else f"'{value}"  # ./ leaves a path what it is


def as_verdicts(records: Iterable[Record]) -> Iterator[str]:
    """Give the verdict alone on each picture that was read."""
    for record in records:
        if record.classification:
            yield f"{record.classification.verdict}\n"


def as_paths(records: Iterable[Record], end: str = "\n") -> Iterator[str]:
    """Give the name alone of each picture that was read."""
    for record in records:
        if record.classification:
            yield f"{record.path}{end}"


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
    "paths": as_paths,
    "paths0": partial(as_paths, end="\0"),
}

ORIGIN_FORMATS: dict[str, Callable[[Iterable[OriginRecord]], Iterator[str]]] = {
    "text": origins_as_text,
    "json": as_json,
    "jsonl": as_json_lines,
    "csv": origins_as_csv,
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


# How a person would name the figures that aiart-convert measures.
FIGURES = {
    "n": "pictures",
    "ai_n": "of AI art",
    "human_n": "of human art",
    "accuracy": "right answers",
    "keras_accuracy": "right answers of the Keras model",
    "agreement": "answers as the Keras model's",
    "mean_drift": "p(ai) beside the Keras model's, on average",
    "largest_drift": "p(ai) beside the Keras model's, at most",
    "balanced_drop": "balanced accuracy below the Keras model's",
    "auc_drop": "AUC below the Keras model's",
    "opposite": "verdicts opposite to the Keras model's",
    "p_value": "p of as many differing answers by chance",
    "auc": "AUC",
    "coverage": "get a verdict",
    "covered_accuracy": "of these right",
    "human_called_ai": "human art called ai",
    "in_sample": "verdicts in sample, which flatters (1 for yes)",
    "chance": "p of the Keras model's being no better than chance",
}
_SHARES = {"accuracy", "agreement", "coverage", "ai"}  # what their names end in


def as_description(document: Mapping[str, Any]) -> str:
    """Say what stands in a model file to a person: rounded, in plain words.

    Args:
        document: `ModelDescription` as a dictionary, with `path`, and with `bytes` and `sha256` of
            the `network`.

    Returns:
        Lines, each ended.
    """
    rule, network, wanted = document["decision"], document["network"], document["input"]
    band = f"ai from p(ai) {rule['high']:.2f} on, human up to {rule['low']:.2f}"
    table = {
        "model": f"{document['name']}, {document['precision']}",
        "file": document["path"],
        "network": f"{network['bytes'] / 1e6:.2f} MB, SHA-256 {network['sha256']}",
        "takes": f"{wanted['height']} x {wanted['width']} pixels, whatever the picture's shape",
        "says": band + (", unsure between" if rule["low"] < rule["high"] else ""),
        "temperature": f"{rule['temperature']:.2f}",
    }
    for name, value in document["metrics"].items():
        part, _, figure = name.partition("_")
        table[f"{part}: {FIGURES.get(figure, figure.replace('_', ' '))}"] = as_figure(figure, value)
    for name, value in document["origin"].items():
        if value:
            table[f"origin: {name.replace('_', ' ')}"] = value
    return as_table(table)


def as_figure(figure: str, value: Any) -> str:
    """Round a figure for a person.

    Args:
        figure: its name, without what it was measured on.
        value: of it.

    Returns:
        A share in percent, another number with three digits.
    """
    if isinstance(value, float) and figure.rpartition("_")[2] in _SHARES:
        return f"{value:.1%}"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _flatten(document: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in document.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{before}{name}.")
        else:
            yield before + name, printable(str(value))
