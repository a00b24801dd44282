"""The report: `python -m benchmarks.report [JSON...]` writes it of what the suites measured."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from pathlib import Path

import click

from aiart_edge.errors import DataError
from aiart_edge.files import PATH, write_atomically
from aiart_edge.program import run
from aiart_train.report.document import (
    Document,
    Plot,
    Section,
    Table,
    plot_files,
    table_to_markdown,
    to_html,
    to_markdown,
)
from aiart_train.report.theme import Draw, render
from benchmarks.plots import draw_histogram, draw_trade
from benchmarks.results import ORIGINAL, Accuracy, Results, Row, read_results
from benchmarks.variants import TOOLS, Variant

DOCS = Path(__file__).parents[1] / "docs" / "benchmarks"

_NONE = "-"
_BEGIN, _END = "<!-- written by python -m {} -->", "<!-- up to here -->"

_Cell = Callable[[Row], str]


def compose(machines: Sequence[Results]) -> Document:
    """Compose the report.

    Args:
        machines: what each measured, at least one.

    Returns:
        The document.
    """
    first = machines[0]
    return Document(
        title="Benchmarks",
        subtitle="; ".join(f"{one.machine['device']}, {one.date}" for one in machines),
        lead=headline(first),
        tiles=tuple(_tiles(first)),
        sections=(
            *(section for one in machines for section in _sections(one, len(machines) > 1)),
            *([_side_by_side(machines)] if len(machines) > 1 else []),
            _method(),
        ),
    )


def headline(results: Results) -> str:
    """Say in a sentence or two what a hurried reader takes away.

    Args:
        results: of one machine.

    Returns:
        The sentences.
    """
    ours = [row for row in results.rows if row.variant.tool == "aiart" and row.ratio is not None]
    if not ours:
        return "The original was not measured here, so there are no ratios to it."
    best = max(ours, key=lambda row: row.ratio or 0.0)
    accuracy = best.accuracy
    text = (
        f"From file to verdict, the fastest file ({best.variant.precision} with "
        f"{best.variant.runtime}, {_threads(best)}) is {_times(best.ratio)} as fast as the "
        "original Keras model"
    )
    if accuracy is not None and accuracy.agreement is not None:
        text += (
            f" and answers {accuracy.agreement:.1%} of {accuracy.n} pictures alike "
            f"(accuracy {accuracy.accuracy:.1%})"
        )
    return f"{text}."


def results_table(results: Results) -> str:
    """Write the table of docs/results.md: one thread, and other tools with int8 alone.

    Args:
        results: of one machine.

    Returns:
        Markdown.
    """
    rows = [
        row
        for row in results.rows
        if row.variant == ORIGINAL
        or (row.variant.tool == "aiart" and row.variant.threads == 1)
        or (row.variant.tool in {"MediaPipe", "label_image"} and row.variant.precision == "int8")
    ]
    columns: dict[str, _Cell] = {
        "tool": lambda row: row.variant.tool,
        "precision": lambda row: row.variant.precision,
        "runtime": lambda row: row.variant.runtime,
        "MB": _size,
        "accuracy (95% interval)": _accuracy,
        "agreement": _agreement,
        "p50 ms": partial(_milliseconds, suite="picture", name="p50"),
        "p90 ms": partial(_milliseconds, suite="picture", name="p90"),
        "peak MiB": _peak,
        "x original": lambda row: _times(row.ratio),
    }
    count = results.rows[0].figure("picture", "count")
    return (
        table_to_markdown(_table(rows, columns))
        + f"\n\n{_device(results)}; {results.date}; load average "
        f"{results.before['load average']} before and {results.after['load average']} after. "
        f"{len(results.labels)} pictures of the test part, from file to verdict, 1 thread; "
        f"{count:.0f} calls a row.\n"
    )


def put_into(text: str, table: str, module: str = "benchmarks.report") -> str:
    """Put a table between the two marks of a document.

    Args:
        text: of the document.
        table: what shall stand there.
        module: that writes it, as the marks say. Default `benchmarks.report`.

    Returns:
        The new text.

    Raises:
        ValueError: it has no marks.
    """
    begin = _BEGIN.format(module)
    pattern = f"(?<={re.escape(begin)}\n).*?(?={re.escape(_END)})"
    if not re.search(pattern, text, re.DOTALL):
        raise ValueError(f"Expected {begin} and {_END}. Received no such pair.")
    return re.sub(pattern, lambda _: f"\n{table}\n", text, count=1, flags=re.DOTALL)


def _tiles(results: Results) -> Iterable[tuple[str, str]]:
    for row in results.rows:
        variant = row.variant
        if (variant.tool, variant.precision, variant.threads) == ("aiart", "int8", 1):
            what = f"int8, {variant.runtime}, 1 thread"
            yield f"as fast as the original: {what}", _times(row.ratio)
            yield f"ms at p90, file to verdict: {what}", _milliseconds(row, "picture", "p90")
            yield f"MiB of memory at most: {what}", _peak(row)


def _sections(results: Results, named: bool) -> Iterable[Section]:
    where = f": {results.machine['device']} ({results.name})" if named else ""
    judged = [
        row for row in results.rows if row.accuracy is not None and row.variant.threads in {0, 1}
    ]
    shown = [row for row in _typical(results.rows) if row.data.get("picture")]
    plots = []
    if judged:
        plots.append(
            _plot(
                f"{results.name}-trade",
                "Accuracy against the p90 of a picture from file to verdict, with one thread; the "
                "area of a disc is the size of its file, the line the Pareto front. Differences "
                "of accuracy smaller than the intervals in the table mean nothing.",
                partial(draw_trade, rows=judged),
            )
        )
    if shown:
        plots.append(
            _plot(
                f"{results.name}-latency",
                "How long a picture takes from file to verdict, with one thread.",
                partial(draw_histogram, rows=shown),
            )
        )
    yield Section(
        title=f"A picture, from file to verdict{where}",
        text=_conditions(results),
        tables=(_table(results.rows, _MAIN),),
        plots=tuple(plots),
    )
    yield Section(
        title=f"Parts of it{where}",
        text="The network alone, a whole process that classifies one picture and ends (medians), "
        "and pictures per second of a folder.",
        tables=(_table(results.rows, _PARTS),),
    )


def _typical(rows: Sequence[Row]) -> list[Row]:
    wanted = (
        Variant("aiart", "int8", "LiteRT", 1),
        Variant("aiart", "float32", "LiteRT", 1),
        Variant("aiart", "int8", "tflite-runtime", 1),
        Variant("MediaPipe", "int8", "MediaPipe", 0),
        ORIGINAL,
    )
    found = {row.variant: row for row in rows}
    return [found[variant] for variant in wanted if variant in found]


def _side_by_side(machines: Sequence[Results]) -> Section:
    variants = dict.fromkeys(row.variant for one in machines for row in one.rows)
    rows_of = [{row.variant: row for row in one.rows} for one in machines]
    lines = []
    for variant in variants:
        cells = [str(variant.tool), variant.precision, variant.runtime, str(variant.threads or "")]
        for rows in rows_of:
            row = rows.get(variant)
            cells.append(_NONE if row is None else _p90_and_ratio(row))
        lines.append(tuple(cells))
    head = ("tool", "precision", "runtime", "threads", *(one.name for one in machines))
    return Section(
        title="Side by side",
        text="p90 from file to verdict in ms, and how many times as fast as the original on the "
        "same machine.",
        tables=(Table(head, tuple(lines)),),
    )


def _method() -> Section:
    return Section(
        title="How it was measured",
        lines=(
            *(f"{name}: {tool.about}" for name, tool in TOOLS.items()),
            "The variants of a suite take turns in random order, ten calls at a time after one "
            "that is not counted, each runtime in a process of its own: a machine that drifts "
            "drifts for all alike. On a PC the ratios are the result.",
            "Accuracy is that of the calls that were timed. Agreement, drift of p(ai) and "
            "McNemar's exact test compare with the original's answers to the same pictures.",
            "first: the first picture of a fresh process; peak: the most memory that a fresh "
            "process held for one picture; x original: the original's median (Keras model(x), 1 "
            "thread) over this row's.",
        ),
    )


def _conditions(results: Results) -> str:
    packages = ", ".join(f"{name} {found}" for name, found in results.machine["packages"].items())
    states = "; ".join(
        f"{when}: {', '.join(f'{name} {value}' for name, value in state.items())}"
        for when, state in (("before", results.before), ("after", results.after))
    )
    untold = ", ".join(name for name in ("governor", "throttled") if name not in results.before)
    return (
        f"{_device(results)}; kernel {results.machine['kernel']}; Python "
        f"{results.machine['python']}; {packages}. {states}"
        + (f"; not told by this machine: {untold}" if untold else "")
        + f". {results.date}, {len(results.labels)} pictures."
    )


def _device(results: Results) -> str:
    machine = results.machine
    return (
        f"{machine['device']}, {machine['cpu']} ({machine['machine']}), {machine['cores']} cores, "
        f"{machine['memory_mib'] / 1024:.0f} GiB; {machine['os']}"
    )


def _plot(name: str, caption: str, draw: Draw) -> Plot:
    return Plot(name, caption, cache(partial(render, draw=draw)))  # two files show the light one


def _table(rows: Iterable[Row], columns: dict[str, _Cell]) -> Table:
    return Table(
        tuple(columns),
        tuple(tuple(cell(row) for cell in columns.values()) for row in rows),
        wide=True,
    )


def _accuracy(row: Row) -> str:
    if row.accuracy is None:
        return row.state or _NONE
    low, high = row.accuracy.interval
    text = f"{row.accuracy.accuracy:.1%} ({100 * low:.1f} to {100 * high:.1f})"
    return f"{text}; {row.state}" if row.state else text


def _recalls(row: Row) -> str:
    if row.accuracy is None:
        return _NONE
    return " / ".join(
        _NONE if one is None else f"{one:.2f}" for one in row.accuracy.recalls.values()
    )


def _of_accuracy(row: Row, name: str, form: str) -> str:
    value = getattr(row.accuracy, name) if isinstance(row.accuracy, Accuracy) else None
    return _NONE if value is None else format(value, form)


def _agreement(row: Row) -> str:
    return _of_accuracy(row, "agreement", ".1%")


def _milliseconds(row: Row, suite: str, name: str) -> str:
    value = row.figure(suite, name)
    return _NONE if value is None else f"{1000 * value:.{1 if value < 1 else 0}f}"


def _size(row: Row) -> str:
    sizes = [figures["file_bytes"] for figures in row.suites.values() if "file_bytes" in figures]
    return f"{sizes[0] / 1e6:.2f}" if sizes else _NONE


def _peak(row: Row) -> str:
    value = row.figure("cold", "peak_memory")
    return _NONE if value is None else f"{value / 2**20:.0f}"


def _times(ratio: float | None) -> str:
    return _NONE if ratio is None else f"{ratio:.2f}x"


def _threads(row: Row) -> str:
    return f"{row.variant.threads} thread{'s' * (row.variant.threads != 1)}"


def _p90_and_ratio(row: Row) -> str:
    if row.accuracy is None and row.state:
        return row.state
    ratio = f" ({_times(row.ratio)})" if row.ratio is not None else ""
    return _milliseconds(row, "picture", "p90") + ratio


def _per_second(row: Row) -> str:
    value = row.figure("batch", "pictures_per_second")
    return _NONE if value is None else f"{value:.1f}"


_WHAT: dict[str, _Cell] = {
    "tool": lambda row: row.variant.tool,
    "precision": lambda row: row.variant.precision,
    "runtime": lambda row: row.variant.runtime,
    "threads": lambda row: str(row.variant.threads or "its own"),
}
_MAIN: dict[str, _Cell] = {
    **_WHAT,
    "MB": _size,
    "accuracy (95% interval)": _accuracy,
    "recall ai / human": _recalls,
    "agreement": _agreement,
    "drift": partial(_of_accuracy, name="drift", form=".4f"),
    "McNemar p": partial(_of_accuracy, name="p_value", form=".2g"),
    "p50 ms": partial(_milliseconds, suite="picture", name="p50"),
    "p90 ms": partial(_milliseconds, suite="picture", name="p90"),
    "p99 ms": partial(_milliseconds, suite="picture", name="p99"),
    "first ms": partial(_milliseconds, suite="cold", name="first"),
    "peak MiB": _peak,
    "x original": lambda row: _times(row.ratio),
}
_PARTS: dict[str, _Cell] = {
    **_WHAT,
    "invoke p50 ms": partial(_milliseconds, suite="invoke", name="p50"),
    "invoke p90 ms": partial(_milliseconds, suite="invoke", name="p90"),
    "process ms": partial(_milliseconds, suite="cold", name="p50"),
    "import runtime ms": partial(_milliseconds, suite="cold", name="imported"),
    "load ms": partial(_milliseconds, suite="cold", name="load"),
    "first ms": partial(_milliseconds, suite="cold", name="first"),
    "pictures/s": _per_second,
}


@click.command()
@click.argument("files", metavar="[JSON]...", nargs=-1, type=PATH)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=DOCS,
    help="The folder to write to.  [default: docs/benchmarks]",
)
@click.option("--into", type=PATH, help="A document to put the table of the first JSON into.")
def main(files: tuple[Path, ...], out: Path, into: Path | None) -> None:
    """Write report.md and report.html of what `pytest benchmarks --benchmark-json JSON` measured.

    Without JSON, of the committed results in docs/benchmarks. Several machines' files are shown
    side by side.
    """
    machines = [read_results(path) for path in files or sorted(DOCS.glob("*.json"))]
    if not machines:
        raise click.UsageError("there are no results: run  pytest benchmarks --benchmark-json FILE")
    document = compose(machines)
    out.mkdir(parents=True, exist_ok=True)
    written = {"report.md": to_markdown(document), "report.html": to_html(document)}
    for name, text in written.items():
        write_atomically(out / name, text.encode(errors="replace"))
    for name, content in plot_files(document).items():
        write_atomically(out / name, content)
    if into is not None:
        try:
            text = put_into(into.read_text(encoding="utf-8"), results_table(machines[0]))
        except (OSError, ValueError) as error:
            raise DataError(into, f"no table can be put there ({error})") from error
        write_atomically(into, text.encode())
    click.echo(click.format_filename(out / "report.md"))


if __name__ == "__main__":
    run(main)
