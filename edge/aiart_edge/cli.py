"""The command `aiart-edge`."""

from __future__ import annotations

import gc
import itertools
import json
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from aiart_edge import __version__
from aiart_edge.errors import SOME_INPUTS_FAILED, PictureError, printable, require_extra
from aiart_edge.files import EMBEDDED_MODEL, PATH
from aiart_edge.program import count_cores, run, silenced

if TYPE_CHECKING:
    from aiart_edge.classifier import Classification, Classifier
    from aiart_edge.image import Look
    from aiart_edge.inputs import Input, LeftOut
    from aiart_edge.origin import Origin
    from aiart_edge.origin.pixels import Seen
    from aiart_edge.output import OriginRecord, Record

_A_FEW = 3  # pictures that need no progress bar
_MOST_JOBS = 256  # each has a thread and a copy of the network

_COLOURS = {"ok": "green", "warning": "yellow", "failure": "red"}

_LARGEST_LIST = 256 << 20  # bytes

_MOST_SHARDS = 1_000_000  # as in batch.results, likewise

_Decorator = Callable[[Callable[..., None]], Callable[..., None]]


class _Range(click.FloatRange):
    """Numbers within limits; without nan, which no limit keeps out."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value} is not a number", param, ctx)
        return number


_SHARE = _Range(0, 1)


def _read_size(
    _context: click.Context, _option: click.Parameter, value: str | None
) -> tuple[int, int] | None:
    """Read a side in pixels, or HEIGHTxWIDTH."""
    if value is None:
        return None
    height, _, width = value.partition("x")
    try:
        size = int(height), int(width or height)
    except ValueError:
        size = (0, 0)
    from aiart_edge.image import LARGEST_SIDE

    if not 1 <= min(size) <= max(size) <= LARGEST_SIDE:
        problem = f"{value!r} is neither a side in pixels, 1 to {LARGEST_SIDE}, nor HEIGHTxWIDTH"
        raise click.BadParameter(problem)
    return size


def _read_command(
    _context: click.Context, _option: click.Parameter, value: str | None
) -> list[str] | None:
    """Read a command as a shell would, without anything else that a shell does."""
    if value is None:
        return None
    import shlex
    import shutil

    try:
        words = shlex.split(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} cannot be read ({error})") from error
    if not words or shutil.which(words[0]) is None:
        raise click.BadParameter(f"{value!r} does not begin with a program that is installed here")
    return words


def _form(*names: str, help: str) -> _Decorator:  # noqa: A002
    """Make an option that chooses the form of the output, of which there can be one."""
    form = names[-1].removeprefix("--")

    def choose(ctx: click.Context, _option: click.Parameter, chosen: bool) -> None:
        if chosen and (other := ctx.params.setdefault("form", form)) != form:
            raise click.UsageError(f"--{other} and --{form} exclude each other")

    return click.option(
        *names, f"as_{form}", is_flag=True, expose_value=False, callback=choose, help=help
    )


def _check_threads(
    _context: click.Context, _option: click.Parameter, value: int | None
) -> int | None:
    """Refuse more threads than there are cores; how many, no help text shall depend on."""
    if value and value > count_cores():
        raise click.BadParameter(f"{value} is more than the {count_cores()} cores of this machine")
    return value


_MODEL = click.option(
    "--model",
    type=PATH,
    default=EMBEDDED_MODEL,
    show_default="the embedded model",
    help="A file that aiart-convert wrote; or strong, where that is installed; or, for "
    "classify, explain and watch, cascade: strong where the embedded model is unsure.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="For machines.")
_RUNTIME = click.option(
    "--runtime",
    type=click.Choice(["auto", "tflite", "litert"]),
    default="auto",
    show_default=True,
    help="auto takes LiteRT where both are installed.",
)
_THREADS = click.option(
    "--threads",
    type=click.IntRange(1),
    callback=_check_threads,
    show_default="1; for a network above 16 MB, one for each core",
    help="Threads of the runtime, for one picture; at most one for each core.",
)


def _classifier_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options from which `_load` makes a classifier."""
    for option in reversed(
        [
            _MODEL,
            click.option(
                "--threshold",
                type=_SHARE,
                metavar="P",
                help="From this p(ai) on it is ai, below human: never unsure of a number.",
            ),
            click.option(
                "--band",
                type=(_SHARE, _SHARE),
                metavar="LO HI",
                help="Unsure between these p(ai).  [default: the model's own]",
            ),
            click.option(
                "--labels",
                type=click.Choice(["ai,human", "human,ai"]),
                help="The scores of a .tflite file from elsewhere; it runs in a process of its own "
                "and gets raw pixels, 0 to 255.",
            ),
            click.option(
                "--size",
                callback=_read_size,
                metavar="PIXELS|HxW",
                help="The pictures of a .tflite file from elsewhere that takes any size.",
            ),
            click.option(
                "--logits",
                is_flag=True,
                help="The scores of a .tflite file from elsewhere are no probabilities yet: a "
                "softmax makes them so.",
            ),
            _THREADS,
            _RUNTIME,
        ]
    ):
        command = option(command)
    return command


@click.group()
@click.version_option(__version__)
@click.pass_context
def main(ctx: click.Context) -> None:
    """Tell AI-made art from human art, with nothing but a TFLite runtime."""
    ctx.color = False if os.environ.get("NO_COLOR") else None


_NO_ORIGIN = click.option(
    "--no-origin", is_flag=True, help="Leave out what each file says of itself."
)
_METADATA = click.option(
    "--show-metadata",
    is_flag=True,
    help="With the texts that stand in the files: prompts, names. They are private.",
)

_EXIT_CODES = "Exit codes: 0 all done, 1 a failure, 2 wrong usage, 3 some pictures failed."


def _input_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add what names pictures, and the formats of what is said of them."""
    options: list[_Decorator] = [
        click.argument("paths", nargs=-1, type=click.Path(readable=False, allow_dash=True)),
        click.option("-r", "--recursive", is_flag=True, help="Search the folders in folders, too."),
        click.option(
            "--from-file",
            type=click.File("rb"),
            metavar="LIST",
            help="Also the pictures in this file, one a line, or as find -print0 writes them.",
        ),
        _form("--json", help="One JSON array."),
        _form("--jsonl", help="A JSON object a line, as they come."),
        _form("--csv", help="A table with a line of names."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _find(paths: tuple[str, ...], recursive: bool, from_file: Any) -> list[Input]:
    """Find what `_input_options` names."""
    from aiart_edge.inputs import find_inputs, read_list

    if not paths and from_file is None:
        raise click.UsageError("name a picture, a folder, or a list with --from-file")
    try:
        listed = read_list(_read_all(from_file)) if from_file else []
    except ValueError as error:
        raise click.UsageError(f"the list cannot be used: {error}") from error
    return [
        *find_inputs(paths, recursive=recursive),
        *find_inputs(listed, recursive=recursive, patterns=False),
    ]


class _Tally:
    """Counts what became of the pictures, and ends the command accordingly."""

    def __init__(self) -> None:
        self._left_out: list[LeftOut] = []
        self._done = self._failed = 0

    def count(self, outcome: object) -> None:
        """Count one, and show what failed."""
        from aiart_edge.inputs import LeftOut

        if isinstance(outcome, LeftOut):
            self._left_out.append(outcome)
            self._failed += outcome.is_picture
        elif isinstance(outcome, PictureError):
            outcome.show()
            self._failed += 1
        else:
            self._done += 1

    def conclude(self) -> None:
        """Say what was left out, and leave where pictures failed."""
        from aiart_edge.output import tell_left_out

        if not self._done and not self._failed:
            click.echo("No picture was found.", err=True)
        for line in tell_left_out(self._left_out):
            click.echo(line, err=True)
        if self._failed:
            raise click.exceptions.Exit(SOME_INPUTS_FAILED if self._done else 1)


def _print(texts: Iterable[str], form: str) -> None:
    """Print the pieces of a form; a name in a table or list leaves as it came, byte for byte.

    Not so on a terminal, to which no name shall send orders.
    """
    with_names = form in {"csv", "paths"}
    sys.stdout.reconfigure(errors="surrogateescape" if with_names else "replace")  # type: ignore[union-attr]
    on_terminal = sys.stdout.isatty()
    for text in texts:
        safe = f"{printable(text)}\n" if with_names and on_terminal else text
        click.echo(safe, nl=False, color=with_names or None)


@main.command(epilog=_EXIT_CODES)
@_input_options
@_form("-q", "--quiet", help="The verdict alone, a line each.")
@_form("--paths", help="The name alone of each picture that was read, a line each.")
@click.option("-0", "--null", is_flag=True, help="End names with a zero byte, for xargs -0.")
@click.option("--sort", type=click.Choice(["p_ai"]), help="The highest first.")
@click.option("--only", type=click.Choice(["ai", "human", "unsure"]), help="Leave out the others.")
@click.option("--hash", "hashed", is_flag=True, help="Add the SHA-256 of each file.")
@_NO_ORIGIN
@_METADATA
@click.option(
    "--jobs",
    type=click.IntRange(1, _MOST_JOBS),
    help="Pictures to work on at once.  [default: one for each core]",
)
@_classifier_options
def classify(
    paths: tuple[str, ...],
    recursive: bool,
    from_file: Any,
    null: bool,
    sort: str | None,
    only: str | None,
    hashed: bool,
    no_origin: bool,
    show_metadata: bool,
    jobs: int | None,
    form: str = "text",
    **options: Any,
) -> None:
    """Say of each picture whether it is ai, human or unsure, and the probability of ai.

    PATHS are pictures, folders and patterns; - is a picture on standard input.

    \b
    Examples:
      aiart-edge classify picture.jpg
      aiart-edge classify --recursive --only ai --sort p_ai pictures/
      aiart-edge classify --only ai --paths -0 pictures/ | xargs -0 ls -l
      find . -name '*.png' -print0 | aiart-edge classify --jsonl --from-file -
    """
    from aiart_edge.inputs import examine
    from aiart_edge.output import FORMATS, Record, select

    if null and form != "paths":
        raise click.UsageError("--null goes with --paths")
    inputs = _find(paths, recursive, from_file)
    tally = _Tally()
    asked = form in {"text", "json", "jsonl", "csv"} and not no_origin

    def reported() -> Iterator[Record]:
        with _progress(inputs) as passing:
            at_once = jobs if len(inputs) > 1 else 1
            looked = (examine(found, hashed=hashed, kept=asked) for found in passing)
            for found, outcome in _outcomes(classifier, looked, at_once, _looking(asked)):
                tally.count(outcome)
                record = Record(found.path, classifier.identity, outcome, found.sha256)
                yield _with_origin(record, _source(found), show_metadata) if asked else record

    with silenced(python_speaks=True), _load(**options) as classifier:
        chosen = select(reported(), only, by_p_ai=sort == "p_ai")
        _print(FORMATS["paths0" if null else form](chosen), form)
    tally.conclude()


@main.command(epilog="Exit codes: 0 done, 1 a failure, 2 wrong usage.")
@click.argument("path", metavar="PICTURE", type=click.Path(readable=False, allow_dash=True))
@click.option("--out", type=PATH, metavar="FILE", help="Draw a map over the picture, as PNG.")
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object, with the share of each place."
)
@_classifier_options
def explain(path: str, out: Path | None, as_json: bool, **options: Any) -> None:
    """Show where in PICTURE the evidence for its verdict lies; - is standard input.

    A model that aiart-convert wrote mostly says it exactly: the shares of all places add up to its
    answer. Of any other it is found by covering parts of the picture.

    \b
    Examples:
      aiart-edge explain picture.jpg
      aiart-edge explain picture.jpg --out map.png
    """
    from aiart_edge.inputs import Input, examine
    from aiart_edge.output import FOOTER, Record, as_text, explained_as_json

    found = examine(Input(path, named=True), kept=True)
    if isinstance(found.outcome, PictureError):
        raise found.outcome
    with silenced(python_speaks=True), _load(**options) as classifier:
        from aiart_edge.evidence_map import HOW, LONGEST_SIDE, draw_map, map_lines
        from aiart_edge.files import write_atomically
        from aiart_edge.image import decode

        try:
            explanation = classifier.explain(_source(found))
            image = decode(_source(found), at_least=LONGEST_SIDE)
        except PictureError as error:  # who reads bytes does not know their name
            raise type(error)(path, error.problem) from error
        record = Record(path, classifier.identity, explanation.classification)
        if out:
            model = f"{classifier.description.name} {classifier.identity['model_sha256']}"
            footer = f"{model}, {HOW[explanation.method]}.  {FOOTER}"
            write_atomically(out, draw_map(image, explanation, footer))
    if as_json:
        _print([explained_as_json(record, explanation)], "json")
    else:
        verdict, *footers = as_text([record])
        _print([verdict, *map_lines(image.size, explanation), *footers], "text")


def _looking(asked: bool) -> Look | None:
    """Give what looks for marks in pixels, where that is asked for."""
    if not asked:
        return None
    from aiart_edge.origin import look_at_pixels

    return look_at_pixels


def _with_origin(record: Record, source: str | bytes | BinaryIO, show_metadata: bool) -> Record:
    """Add what a file that was classified says of itself."""
    from aiart_edge.origin import read

    if record.classification:
        with suppress(PictureError):  # it went meanwhile
            origin = read(source, record.classification.seen)
            return record._replace(origin=origin, show_metadata=show_metadata)
    return record


def _read_all(listed: BinaryIO) -> bytes:
    try:
        content = listed.read(_LARGEST_LIST + 1)
    except OSError as error:
        raise click.UsageError(f"the list cannot be read ({error.strerror})") from error
    if len(content) > _LARGEST_LIST:
        raise click.UsageError(f"the list does not end within {_LARGEST_LIST >> 20} MB")
    return content


def _outcomes(
    classifier: Classifier, inputs: Iterable[Input], jobs: int | None, look: Look | None
) -> Iterator[tuple[Input, Classification | PictureError | LeftOut]]:
    """Classify what can be."""
    inputs, ahead = itertools.tee(inputs)
    sources = (_source(found) for found in ahead if not found.outcome)
    outcomes = classifier.classify_many(sources, jobs=jobs, look=look)
    for found in inputs:
        outcome = found.outcome or next(outcomes)
        if isinstance(outcome, PictureError):  # who reads bytes does not know their name
            outcome = type(outcome)(found.path, outcome.problem)
        yield found, outcome


def _source(found: Input) -> str | bytes | BinaryIO:
    """Give what a picture is read from."""
    from aiart_edge.inputs import STANDARD_INPUT

    if found.content is not None:
        return found.content
    return sys.stdin.buffer if found.path == STANDARD_INPUT else found.path


def _progress(inputs: list[Input]) -> AbstractContextManager[Iterable[Input]]:
    """Show a bar for more than a few, unless verdicts on the same terminal say how far it is."""
    if len(inputs) > _A_FEW and sys.stderr.isatty() and not sys.stdout.isatty():
        return click.progressbar(inputs, label="Classifying", file=sys.stderr)
    return nullcontext(inputs)


def _load(
    model: Path,
    threshold: float | None,
    band: tuple[float, float] | None,
    labels: str | None,
    size: tuple[int, int] | None,
    logits: bool,
    threads: int | None,
    runtime: str,
) -> Classifier:
    if threshold is not None:
        if band:
            raise click.UsageError("--threshold and --band exclude each other")
        band = (threshold, threshold)
    if band and band[0] > band[1]:
        raise click.UsageError("--band LO HI wants the lower number first")
    if (size or logits) and not labels:
        raise click.UsageError("--size and --logits belong to --labels")
    gc.disable()  # imports leave no garbage, and to look for it takes a twentieth of the start
    from aiart_edge.classifier import Classifier

    gc.enable()
    if labels:
        first, second = labels.split(",")
        return Classifier.load_foreign(
            model,
            labels=(first, second),
            size=size,
            logits=logits,
            threads=threads or 1,
            runtime=runtime,
            band=band or (0.5, 0.5),
        )
    return Classifier.load(model, threads=threads, runtime=runtime, band=band)


@main.command(epilog=_EXIT_CODES)
@_input_options
@_METADATA
@click.option("--pixels", is_flag=True, help="Decode lossless pictures, for marks in their pixels.")
@click.option("--verify", is_flag=True, help="Verify the signatures of Content Credentials.")
@click.option(
    "--trust-anchors",
    type=click.File("r"),
    metavar="PEM",
    help="Whom to trust in that.  [default: whom c2pa-python knows]",
)
def origin(
    paths: tuple[str, ...],
    recursive: bool,
    from_file: Any,
    show_metadata: bool,
    pixels: bool,
    verify: bool,
    trust_anchors: Any,
    form: str = "text",
) -> None:
    """Say what each file says of itself: made with AI, taken with a camera, or nothing.

    No network is asked, and none is loaded. PATHS are pictures, folders and patterns; - is a
    picture on standard input.

    \b
    Examples:
      aiart-edge origin picture.png
      aiart-edge origin --recursive --csv pictures/
    """
    from aiart_edge.output import ORIGIN_FORMATS, OriginRecord

    if trust_anchors and not verify:
        raise click.UsageError("--trust-anchors goes with --verify")
    verified = _verifier(trust_anchors) if verify else None
    inputs = _find(paths, recursive, from_file)
    tally = _Tally()

    def reported() -> Iterator[OriginRecord]:
        with _progress(inputs) as passing:
            for found, outcome in _origins(passing, pixels, verified):
                tally.count(outcome)
                yield OriginRecord(found.path, outcome, show_metadata)

    _print(ORIGIN_FORMATS[form](reported()), form)
    tally.conclude()


def _verifier(trust_anchors: Any) -> Callable[[Origin, Any], Origin]:
    """Give what adds to an origin how its Content Credentials were verified."""
    from aiart_edge.origin.verification import verify

    require_extra("c2pa", "c2pa")
    anchors = trust_anchors.read() if trust_anchors else None

    def add(said: Origin, source: Any) -> Origin:
        if not any(mark.kind == "c2pa" for mark in said.marks):
            return said
        return said._replace(verified=verify(source, anchors)._asdict())

    return add


def _origins(
    inputs: Iterable[Input], pixels: bool, verified: Callable[[Origin, Any], Origin] | None
) -> Iterator[tuple[Input, Origin | PictureError | LeftOut]]:
    """Read what files say of themselves, also those that the edge cannot decode."""
    from aiart_edge.inputs import LeftOut, examine
    from aiart_edge.origin import read

    for found in (examine(found, kept=True) for found in inputs):
        unread = found.outcome
        if unread and not (isinstance(unread, LeftOut) and unread.is_picture):
            yield found, unread
            continue
        try:
            said = read(_source(found), _look(_source(found)) if pixels else None)
            yield found, verified(said, _source(found)) if verified else said
        except PictureError as error:
            yield found, error


def _look(source: str | bytes | BinaryIO) -> Seen | None:
    """Look for marks in the pixels of a picture that nothing else decodes."""
    from aiart_edge.errors import NotAPicture
    from aiart_edge.image import look_at
    from aiart_edge.origin import look_at_pixels
    from aiart_edge.origin.pixels import Seen

    try:
        seen: Seen | None = look_at(source, look_at_pixels)
    except PictureError as error:
        broken = not isinstance(error, NotAPicture)
        return Seen(gaps=(f"a look at its pixels: {error.problem}",)) if broken else None
    return seen


@main.command()
@click.argument("model", type=PATH, default=EMBEDDED_MODEL)
@_JSON
def info(model: Path, as_json: bool) -> None:
    """Show what MODEL says of itself, or the embedded model."""
    from aiart_edge.model_file import read_model_file
    from aiart_edge.named_models import find_model
    from aiart_edge.output import as_description

    file = read_model_file(find_model(model))
    network = {"bytes": file.size, "sha256": file.sha256}
    document = {"path": str(file.path), **asdict(file.description), "network": network}
    text = json.dumps(document, indent=1) + "\n" if as_json else as_description(document)
    click.echo(text, nl=False)


@main.command()
def schema() -> None:
    """Print the JSON Schema of a record, as classify and watch write it."""
    from aiart_edge.files import RECORD_SCHEMA

    click.echo(RECORD_SCHEMA.read_text(), nl=False)


@main.command()
@_MODEL
@_RUNTIME
@_JSON
def doctor(model: Path, runtime: str, as_json: bool) -> None:
    """Examine this device, its packages, the model file and the network's answers."""
    from aiart_edge.doctor import examine
    from aiart_edge.named_models import find_model

    with silenced():
        checks = list(examine(find_model(model), runtime))
    if as_json:
        click.echo(json.dumps([asdict(check) for check in checks], indent=1))
    else:
        for check in checks:
            state = click.style(f"{check.state:7}", _COLOURS[check.state])
            click.echo(f"{state}  {check.name:12}  {printable(check.found)}")
            if check.remedy:
                click.echo(f"{'':23}{printable(check.remedy)}")
    if any(check.state == "failure" for check in checks):
        raise click.exceptions.Exit(1)


@main.command()
@click.argument("pictures", nargs=-1, type=click.Path(readable=False))
@click.option("--count", type=click.IntRange(1, 1_000_000), default=100, show_default=True)
@_MODEL
@_THREADS
@_RUNTIME
@_JSON
def bench(
    pictures: tuple[str, ...],
    count: int,
    model: Path,
    threads: int | None,
    runtime: str,
    as_json: bool,
) -> None:
    """Measure on this device how long the start takes, then PICTURES, in turn.

    Without PICTURES, a JPEG of 1024 x 768 pixels is drawn and measured.
    """
    from aiart_edge.bench import measure
    from aiart_edge.named_models import find_model

    with silenced():
        report = measure(find_model(model), pictures, count=count, threads=threads, runtime=runtime)
    _print_document(report, as_json)


@main.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--state",
    type=PATH,
    help="The file that remembers what was done.  [default: .aiart-edge-done in FOLDER]",
)
@click.option(
    "--every",
    type=_Range(0.01, 86_400),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="How often to look.",
)
@_form("--text", help="For people.  [default: on a terminal]")
@_form("--jsonl", help="A JSON object a line.  [default: elsewhere]")
@_NO_ORIGIN
@_METADATA
@_classifier_options
def watch(
    folder: Path,
    state: Path | None,
    every: float,
    no_origin: bool,
    show_metadata: bool,
    form: str | None = None,
    **options: Any,
) -> None:
    """Classify pictures as they arrive in FOLDER, until SIGTERM or Ctrl-C.

    A picture is taken when it is complete, and once, over restarts too.
    """
    import select

    from aiart_edge.ledger import Ledger
    from aiart_edge.output import FORMATS
    from aiart_edge.watch import STATE_FILE, Lookout, classify_arrivals, tell_start

    form = form or ("text" if sys.stdout.isatty() else "jsonl")
    reader, writer = os.pipe()  # a threading.Event may wait for itself in a signal's handler

    def end(*_: object) -> None:
        os.write(writer, b"\0")
        signal.signal(signal.SIGINT, signal.default_int_handler)  # for who cannot wait

    def ended(seconds: float) -> bool:
        return bool(select.select([reader], [], [], seconds)[0])

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGIO, signal.SIG_IGN)  # a lease of ours was broken: no matter
    with (
        silenced(python_speaks=True),
        _load(**options) as classifier,
        Ledger(state or folder / STATE_FILE) as ledger,
    ):
        lookout = Lookout(folder, ledger)
        for sentence in tell_start(lookout, ledger):
            click.echo(printable(sentence), err=True)
        records = classify_arrivals(classifier, lookout, ended, every, _looking(not no_origin))
        if not no_origin:
            records = (_with_origin(record, record.path, show_metadata) for record in records)
        _print(FORMATS[form](records if form == "jsonl" else _shown(records)), form)


def _shown(records: Iterable[Record]) -> Iterator[Record]:
    """Show a person what could not be read, too."""
    from aiart_edge.inputs import LeftOut

    for record in records:
        if isinstance(record.outcome, PictureError):
            record.outcome.show()
        elif isinstance(record.outcome, LeftOut):
            remedy = f" ({record.outcome.remedy})" if record.outcome.remedy else ""
            click.echo(f"Left out: {printable(record.path)}{remedy}", err=True)
        yield record


@main.command(epilog=_EXIT_CODES)
@click.argument(
    "sources",
    metavar="SOURCE...",
    nargs=-1,
    required=True,
    type=click.Path(readable=False, allow_dash=True),
)
@click.option("--out", type=PATH, required=True, metavar="DIR", help="The folder of the results.")
@click.option(
    "--shards",
    type=click.IntRange(1, _MOST_SHARDS),
    metavar="N",
    help="How many files of results to make.",
)
@click.option(
    "--shard-size",
    type=click.IntRange(1),
    metavar="M",
    help="How many pictures stand in each at most.  [default: 1000]",
)
@click.option(
    "--format",
    "results",
    type=click.Choice(["jsonl", "parquet"]),
    default="jsonl",
    show_default=True,
    help="Of the results.",
)
@click.option("--jobs", type=click.IntRange(1), help="Processes.  [default: one for each core]")
@click.option(
    "--ray",
    "address",
    metavar="ADDRESS",
    help="Work on this Ray cluster, or on one of this machine alone: local.",
)
@click.option("--retry", type=click.Choice(["access"]), help="Try again what could not be reached.")
@click.option("--anonymous", is_flag=True, help="Read a public object store, without keys.")
@click.option("--report", is_flag=True, help="Print counts of all results, and the speed.")
@click.option("--hash", "hashed", is_flag=True, help="Add the SHA-256 of each file.")
@_NO_ORIGIN
@_classifier_options
def batch(
    sources: tuple[str, ...],
    out: Path,
    shards: int | None,
    shard_size: int | None,
    results: str,
    jobs: int | None,
    address: str | None,
    retry: str | None,
    anonymous: bool,
    report: bool,
    hashed: bool,
    no_origin: bool,
    **options: Any,
) -> None:
    """Classify very many pictures into files; the same command goes on after any accident.

    SOURCE is a folder, searched with all below it; a list of files as classify's --from-file takes
    it; - for one on standard input; or s3://bucket/prefix, gs:// or az://. The results are records
    as classify --jsonl writes them, in DIR/results.

    \b
    Examples:
      aiart-edge batch pictures/ --out results
      find /mnt -name '*.jpg' -print0 | aiart-edge batch - --out results --report
    """
    from aiart_edge.batch import cluster, crew, listing, manifest, run
    from aiart_edge.batch.results import Results
    from aiart_edge.batch.shard import Rules
    from aiart_edge.memory import share_of

    _check_batch(shards, shard_size, jobs, address)
    if results == "parquet":
        require_extra("parquet", "pyarrow")
    if not Results.is_begun(out):
        listing.check_sources(sources)
    began = time.monotonic()
    with silenced(python_speaks=True), _load(**options) as classifier, Results(out) as folder:
        saying = {name: options[name] for name in ("labels", "size", "logits")}
        saying |= {"hash": hashed, "origin": not no_origin}
        wanted = manifest.describe(sources, results, classifier, saying, options["runtime"])
        if folder.manifest is None:
            names = listing.find_names(sources, anonymous=anonymous)
            folder.begin(wanted, names, shards, shard_size)
        else:
            folder.resume(wanted, shards, shard_size)
        due = run.find_due(folder, retry=bool(retry))
        jobs = min(jobs or count_cores(), len(due))
        rules = Rules(
            partial(_load_anywhere, **options, embedded=options["model"] == EMBEDDED_MODEL),
            share_of(jobs, out / ".memory").turn,
            results,
            hashed,
            not no_origin,
            anonymous,
        )
        done = 0
        tasks = run.make_tasks(folder, set(due))
        if address:
            runtime = options["runtime"]
            shards_done = cluster.do_shards(address, jobs, folder.begun, tasks, rules, runtime)
        else:
            shards_done = crew.do_shards(classifier, tasks, rules, jobs)
        with _progress_of(len(due)) as advance:
            for task, content in shards_done:
                if content:
                    folder.write(task.number, content)
                    done += len(task.names) - len(task.known)
                advance(1)
        summary = run.summarize(folder)
    for sentence in summary.sentences():
        click.echo(sentence, err=True)
    if report:
        seconds = time.monotonic() - began
        speed = {"files": done, "seconds": seconds, "files_per_second": done / seconds}
        _print_document({**summary.as_dict(), "this_run": speed}, as_json=False)
    if summary.failed:
        raise click.exceptions.Exit(SOME_INPUTS_FAILED if summary.verdicts else 1)


def _check_batch(
    shards: int | None, shard_size: int | None, jobs: int | None, address: str | None
) -> None:
    """Refuse options that contradict each other, or need an extra that is missing."""
    from aiart_edge.batch.engine import LOCAL

    if shards and shard_size:
        raise click.UsageError("--shards and --shard-size exclude each other")
    if jobs and address not in {None, LOCAL}:
        raise click.UsageError("--jobs is this machine's: a cluster has its own processors")
    if address:
        require_extra("ray", "ray")


def _load_anywhere(*, embedded: bool, **options: Any) -> Classifier:
    """Load in another process, perhaps on a machine where aiart lies elsewhere."""
    return _load(**options | ({"model": EMBEDDED_MODEL} if embedded else {}))


@main.command()
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=8765, show_default=True, help="0: any free."
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Where to listen; beyond this machine it needs a token.",
)
@click.option(
    "--token-file",
    type=PATH,
    help="The file of the token.  [default: the systemd credential aiart-token, if there is one]",
)
@click.option(
    "--allow-host", multiple=True, metavar="NAME", help="A name by which it may be called, too."
)
@click.option("--tls-cert", type=PATH, help="The certificate with which it encrypts.")
@click.option("--tls-key", type=PATH, help="The key of the certificate.")
@click.option(
    "--camera",
    metavar="COMMAND",
    callback=_read_command,
    help="Show what this command writes, JPEG after JPEG, on the page, too.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    help="Processes.  [default: one for each core, or what the memory allows]",
)
@_classifier_options
def serve(
    port: int,
    host: str,
    token_file: Path | None,
    allow_host: tuple[str, ...],
    tls_cert: Path | None,
    tls_key: Path | None,
    camera: list[str] | None,
    jobs: int | None,
    **options: Any,
) -> None:
    """Show a page that classifies pictures, and answer over HTTP, until SIGTERM or Ctrl-C.

    Pictures are neither written to disk nor sent on.

    \b
    Examples:
      aiart-edge serve
      aiart-edge serve --camera 'rpicam-vid --codec mjpeg --timeout 0 --nopreview --output -'
      curl -H 'Content-Type: image/jpeg' --data-binary @picture.jpg http://127.0.0.1:8765/v1/classify
    """
    require_extra("serve", "starlette", "uvicorn", "python_multipart", "prometheus_client")
    from aiart_edge.memory import share_of_memory
    from aiart_edge.service import guard, server
    from aiart_edge.service.app import Service, make_app
    from aiart_edge.service.bodies import MOST_WAITING
    from aiart_edge.service.camera import Camera
    from aiart_edge.service.workers import Crew, share_memory

    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key go together")
    tls = (tls_cert, tls_key) if tls_cert and tls_key else None
    token = _read_token(token_file)
    if not guard.is_loopback(host):
        if token is None:
            raise click.UsageError(f"--host {host} is beyond this machine: add --token-file")
        if tls is None:
            click.echo("Without --tls-cert, token and pictures travel in the clear.", err=True)
    scheme = "https" if tls else "http"
    with silenced(python_speaks=True):
        with _load(**options) as classifier:  # what is wrong with the network is said at once
            model = {**asdict(classifier.description), "sha256": classifier.sha256}
            identity = classifier.identity
        with server.listen(host, port) as listening:
            port = listening.getsockname()[1]
            rules = guard.Rules(guard.name_hosts(host, port, allow_host, scheme), scheme, token)
            jobs, memory = share_memory(share_of_memory(), jobs or count_cores(), MOST_WAITING)
            with closing(Crew(partial(_load, **options), identity, jobs, memory)) as crew:
                eye = Camera(camera) if camera else None
                app = make_app(Service(crew, model, identity, rules, eye))
                answering = server.make_server(app, tls)
                shown = f"[{host}]" if ":" in host else host
                click.echo(f"The page is at {scheme}://{shown}:{port}/", err=True)
                server.run(answering, listening)


def _read_token(path: Path | None) -> str | None:
    from aiart_edge.service.guard import read_token

    if path is None and (folder := os.environ.get("CREDENTIALS_DIRECTORY")):
        path = Path(folder) / "aiart-token"
        path = path if path.exists() else None
    return read_token(path) if path else None


@contextmanager
def _progress_of(shards: int) -> Iterator[Callable[[int], None]]:
    """Show how many shards are done, and the time that is left, on a terminal."""
    if not shards or not sys.stderr.isatty():
        yield lambda _: None
        return
    with click.progressbar(length=shards, label="Shards", show_pos=True, file=sys.stderr) as bar:
        yield bar.update


def _print_document(document: Mapping[str, Any], as_json: bool) -> None:
    from aiart_edge.output import as_table

    text = json.dumps(document, indent=1) + "\n" if as_json else as_table(document)
    click.echo(text, nl=False)


@main.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes SHELL complete the options of aiart-edge.

    \b
    Examples:
      aiart-edge completion bash > ~/.local/share/bash-completion/completions/aiart-edge
      aiart-edge completion fish > ~/.config/fish/completions/aiart-edge.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind  # noqa: S101
    click.echo(kind(main, {}, "aiart-edge", "_AIART_EDGE_COMPLETE").source())


def program() -> None:
    """Be the program that the console script starts."""
    # numpy would start a thread of OpenBLAS for each core, and nothing here needs them.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    run(main)
