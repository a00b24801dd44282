"""The command `aiart-convert`."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from aiart_convert import PRECISIONS, TARGETS
from aiart_edge import __version__
from aiart_edge.decision import LABELS
from aiart_edge.errors import (
    GATE_REFUSED,
    ModelFileError,
    RunFolderError,
    require_extra,
)
from aiart_edge.files import PATH, make_folder, write_atomically
from aiart_edge.program import run, silenced
from aiart_train.options import class_options, part_option
from aiart_train.progress import say

if TYPE_CHECKING:
    from aiart_convert.conversion import Conversion, Remedy
    from aiart_convert.head import Completeness
    from aiart_convert.source import Source


CHANGED = 1000  # pictures


class _ConvertUnlessTold(click.Group):
    """A group in which the command `convert` need not be named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `convert` before arguments that begin with anything but a command of the group."""
        if not args or args[0] not in {*self.commands, "--version"}:
            args = ["convert", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_ConvertUnlessTold)
@click.version_option(__version__)
def main() -> None:
    """Convert Keras models to .tflite files, and look into such files."""


_target_option = click.option(
    "--target",
    type=click.Choice(TARGETS),
    default="tflite",
    show_default=True,
    help="The runtime that must know every operator: tflite-runtime 2.14, or LiteRT alone.",
)


@main.command(epilog="aiart-convert inspect FILE  shows what stands in a .tflite file.")
@click.argument("source", required=False, type=PATH)
@click.option(
    "--quantize",
    "precisions",
    multiple=True,
    required=True,
    type=click.Choice([*PRECISIONS, "all"]),
    help="The precision of the file to write; may be repeated.",
)
@click.option("--split", type=PATH, help="The split.csv that a .keras file was trained on.")
@click.option(
    "--data",
    type=PATH,
    help="The data folder, or a CSV file of path,label; for a .keras file without --split, a split "
    "of it is drawn.  "
    "[default: where the run's card says]",
)
@class_options
@click.option("--runs", type=PATH, default=Path("runs"), show_default=True)
@click.option(
    "--labels",
    type=click.Choice([",".join(LABELS), ",".join(reversed(LABELS))]),
    default=",".join(LABELS),
    show_default=True,
    help="What the outputs of a .keras file stand for; one sigmoid is that of the second.",
)
@click.option(
    "--size",
    type=click.IntRange(1),
    metavar="PIXELS",
    help="Height and width of the pictures, for a .keras file that takes any.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder to write to; made if need be.  [default: the model's own]",
)
@part_option(
    "validation", "The part of the split on which the file is compared with the Keras model."
)
@click.option(
    "--max-drop",
    type=click.FloatRange(0, 100),
    default=1.0,
    show_default=True,
    metavar="PERCENT",
    help="How much of the Keras model's accuracy a file may lose.",
)
@click.option(
    "--min-agreement",
    type=click.FloatRange(0, 100),
    show_default="98, for dynamic 96",
    metavar="PERCENT",
    help="How many pictures a file must answer as the Keras model does.",
)
@click.option(
    "--io",
    type=click.Choice(["float32", "uint8", "int8"]),
    help="The type of pixels and scores.  [default: uint8 for int8, else float32]",
)
@click.option("--batch", type=click.IntRange(1), default=1, show_default=True)
@click.option(
    "--calibration",
    type=click.IntRange(100, 500),
    default=200,
    show_default=True,
    help="How many training pictures to calibrate int8 and int16x8 on.",
)
@click.option(
    "--keep-float",
    multiple=True,
    metavar="LAYER",
    help="A Keras layer that int8 leaves in float32; may be repeated.",
)
@_target_option
@click.option(
    "--tolerance",
    type=click.FloatRange(0),
    metavar="LOGIT",
    show_default=".01, for dynamic 1",
    help="How far the logits of a file that is not full-integer may lie apart on two processors.",
)
@click.option(
    "--decision",
    "crossvalidated",
    type=PATH,
    metavar="FOLDER",
    help="Fit the temperature and the unsure band on the scores that `crossval` left in FOLDER, "
    "not on the validation part.",
)
@click.pass_context
def convert(
    context: click.Context,
    source: Path | None,
    precisions: tuple[str, ...],
    split: Path | None,
    data: Path | None,
    names: dict[str, str],
    runs: Path,
    labels: str,
    size: int | None,
    out: Path | None,
    part: str,
    max_drop: float,
    min_agreement: float | None,
    io: str | None,
    batch: int,
    calibration: int,
    keep_float: tuple[str, ...],
    target: str,
    tolerance: float | None,
    crossvalidated: Path | None,
) -> None:
    """Convert SOURCE, a run folder or a .keras file, to self-describing .tflite files.

    Without SOURCE, the newest run is converted; a run folder named like a command is given as
    ./inspect. Each file is then run as a device runs it, with every runtime that is installed, and
    compared with the Keras model. One that is not good enough gets the ending .rejected, and the
    exit code is 4.

    \b
    Examples:
      aiart-convert --quantize int8
      aiart-convert runs/2026-11-22-seed --quantize float32 --quantize int8 --on test
      aiart-convert model.keras --split split.csv --data art --quantize all
      aiart-convert another.keras --labels human,ai --size 224 --data art --quantize int8
    """
    wanted = PRECISIONS if "all" in precisions else tuple(dict.fromkeys(precisions))
    if wanted != ("int8",) and (keep_float or io in {"uint8", "int8"}):
        raise click.UsageError(
            "--keep-float, --io uint8 and --io int8 are for --quantize int8 alone: "
            "the other precisions take and give float32"
        )
    if keep_float and io in {"uint8", "int8"}:
        raise click.UsageError("with --keep-float, pixels and scores are float32: leave --io out")
    is_file = source is not None and source.suffix == ".keras"
    if not is_file and (split or size or names or _is_given(context, "labels")):
        raise click.UsageError(
            "--split, --ai, --human, --labels and --size are for a .keras file: "
            "a run folder tells them itself"
        )
    _load_tensorflow()
    from aiart_convert.conversion import convert_source
    from aiart_convert.out_of_fold import read_out_of_fold
    from aiart_convert.quantize import Form
    from aiart_convert.source import find_model, find_run
    from aiart_convert.verify import bar_for
    from aiart_train.keras_file import load_keras

    out_of_fold = read_out_of_fold(crossvalidated) if crossvalidated else None
    if source is not None and is_file:
        found = find_model(source, split, data, tuple(labels.split(",")), names)
    else:
        found = find_run(source, data, runs)
    model, rule = load_keras(found.path, size)
    form = Form(io, batch, calibration, keep_float, target, tolerance)
    asked = {"max_drop": max_drop / 100}
    if min_agreement is not None:
        asked["min_agreement"] = min_agreement / 100
    bars = {precision: replace(bar_for(precision), **asked) for precision in wanted}
    folder = out or found.path.parent
    make_folder(folder)
    done: list[tuple[Conversion, Path]] = []
    try:
        for conversion in convert_source(found, model, rule, bars, part, form, _tell, out_of_fold):
            done.append((conversion, _save(conversion, found, folder, part)))
            if conversion.remedy:
                _offer(context, conversion.remedy, conversion.verifications[0].runtime)
    except ValueError as error:
        raise ModelFileError(found.path, str(error)) from error
    finally:
        if done:
            _summarise(done, part)
    if not all(conversion.is_accepted for conversion, _ in done):
        raise click.exceptions.Exit(GATE_REFUSED)


def _save(conversion: Conversion, source: Source, folder: Path, part: str) -> Path:
    from aiart_convert.conversion_report import conversion_document, failure
    from aiart_convert.representative import LARGEST_SPREAD, manifest
    from aiart_edge.model_file import write_model_file

    stem = source.path.stem
    path = folder / f"{stem}-{conversion.description.precision}.tflite"
    if not conversion.is_accepted:
        path = path.with_name(f"{path.name}.rejected")
    if conversion.calibration:
        document = manifest(conversion.calibration, source.data_sha256)
        _write_json(folder / f"{stem}-calibration.json", document)
    write_model_file(path, conversion.network, conversion.description)
    document = conversion_document(conversion, path.stat().st_size, part)
    _write_json(Path(f"{path}.json"), document)
    name = click.format_filename(path)
    if not conversion.is_accepted:
        say(f"{name}: rejected: {failure(conversion, part)}")
    if conversion.completeness and not conversion.completeness.holds:
        say(f"{name}: {_incomplete(conversion.completeness)}")
    if conversion.spread is not None and conversion.spread > LARGEST_SPREAD:
        say(
            f"{name}: other training pictures give ranges that differ by "
            f"{conversion.spread:.0%}: take more with  --calibration"
        )
    return path


def _summarise(done: Sequence[tuple[Conversion, Path]], part: str) -> None:
    from aiart_convert.conversion_report import conversion_table, doubts, verdict_table

    conversions = [conversion for conversion, _ in done]
    sizes = [(conversion, path.stat().st_size) for conversion, path in done]
    click.echo(f"{conversion_table(sizes)}\n\n{verdict_table(conversions, part)}")
    for doubt in doubts(conversions[0], part):
        say(f"warning: {doubt}")
    accepted = [path for conversion, path in done if conversion.is_accepted]
    if accepted:
        name = shlex.quote(click.format_filename(accepted[0]))
        click.echo(f"next:  aiart-edge classify PICTURE --model {name}", err=True)


def _tell(what: str) -> None:
    if sys.stderr.isatty():
        click.echo(what, err=True)


def _offer(context: click.Context, remedy: Remedy, runtime: str) -> None:
    losses = ", ".join(f"{one.layers[0]} {one.loss:.0%}" for one in remedy.losses)
    click.echo(f"  int8 hurts these layers most, by this share of their output: {losses}", err=True)
    if not remedy.keep_float:
        click.echo(
            "  no few of them are to blame: float16 is no larger than what would pass", err=True
        )
        return
    words = ["aiart-convert"]
    for option in context.command.params:
        if option.name in {"precisions", "io", "keep_float"} or not _is_given(context, option.name):
            continue
        value = str(context.params[option.name])
        words += [option.opts[0], value] if isinstance(option, click.Option) else [value]
    words += ["--quantize", "int8"]
    for layer in remedy.keep_float:
        words += ["--keep-float", layer]
    click.echo(f"  tried with {runtime}, it passes as  {shlex.join(words)}", err=True)


def _is_given(context: click.Context, name: str | None) -> bool:
    return context.get_parameter_source(name or "") is ParameterSource.COMMANDLINE


def _write_json(path: Path, document: Mapping[str, object]) -> None:
    write_atomically(path, (json.dumps(document, indent=1) + "\n").encode())


@main.command()
@click.argument("folder", metavar="CROSSVAL", type=PATH)
@click.option("--quantize", "precision", required=True, type=click.Choice(PRECISIONS))
@click.option(
    "--robustness",
    is_flag=True,
    help=f"Also score {CHANGED:,} pictures, spread over the sources, re-encoded, resized, blurred, "
    "cropped.",
)
@_target_option
def crossval(folder: Path, precision: str, robustness: bool, target: str) -> None:
    """Convert the network of each fold of CROSSVAL, and score what it has not seen.

    CROSSVAL is what `aiart-train crossval` left. Prints the folder of the pooled scores and the
    report, which lies in it. The scores are those of converted files as the edge gives them, so
    the unsure band of one that was trained on all of the data is best fitted on them.

    \b
    Example:
      aiart-convert crossval runs/2026-11-22-lite0-crossval --quantize int8
      aiart-convert runs/2026-11-22-lite0 --quantize int8 --decision \\
        runs/2026-11-22-lite0-crossval/int8
    """
    _load_tensorflow()
    from aiart_convert.crossval import judge_changes, score_converted_fold
    from aiart_convert.edge_process import installed_runtimes
    from aiart_convert.quantize import Form
    from aiart_train.crossval import pooled_report
    from aiart_train.evaluation.comparison import compare, describe
    from aiart_train.evaluation.robustness import spread
    from aiart_train.evaluation.scores import SCORES, read_scores, scores_of, write_scores
    from aiart_train.report.run import headline, save_report
    from aiart_train.run_folder import CARD, CROSSVAL, read_card

    card = read_card(folder / CARD)
    if card.get("kind") != CROSSVAL:
        raise RunFolderError(folder, "not what  aiart-train crossval  leaves")
    before = read_scores(folder / SCORES)
    runtime, form = installed_runtimes(precision, target)[0], Form(target=target)
    chosen = sorted(spread(before, CHANGED), key=lambda row: row.fold or 0) if robustness else []
    folds = []
    for number in range(1, card["folds"] + 1):
        _tell(f"fold {number}/{card['folds']}")
        to_change = [row for row in chosen if row.fold == number]
        fold = score_converted_fold(
            folder / f"fold-{number}", number, precision, runtime, form, to_change
        )
        folds.append(fold)
    rows = [row for fold in folds for row in fold.rows]
    networks = f"the {precision} file of a network of {card['folds']}, with {runtime.name},"
    report = pooled_report(f"{folder.resolve().name}, {precision}", networks, card, rows)
    if robustness:
        changes = judge_changes(chosen, folds, report.decisions.rules)
        report = replace(report, robustness=changes)
    out = folder / precision
    make_folder(out)
    write_scores(out / SCORES, rows)
    save_report(out, report)
    compared = compare(before, scores_of(before), rows, report.scores)
    click.echo(describe(compared, "Keras", f"{precision}, {runtime.name}"), err=True)
    say(headline(report))
    click.echo(out)


@main.command()
@click.argument("file", type=PATH)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def inspect(file: Path, as_json: bool) -> None:
    """Show what stands in a .tflite FILE, ours or another's, without running it.

    Its operators with their versions, its layers with the bytes of their weights, its tensors and
    how they are quantised, its TFLite Metadata and its aiart.json.

    \b
    Examples:
      aiart-convert inspect model-int8.tflite
      aiart-convert inspect model-int8.tflite --json
    """
    _load_tensorflow()
    from aiart_convert.inspection import inspect_file
    from aiart_convert.inspection_report import inspection_tables

    found = inspect_file(file)
    click.echo(json.dumps(asdict(found), indent=1) if as_json else inspection_tables(found))


@main.command()
@click.argument("file", type=PATH)
def renew(file: Path) -> None:
    """Let FILE, which an older aiart-convert wrote, say what tells where its evidence lies.

    The network in it stays as it is, byte for byte, and so do its figures. What FILE then says is
    tried on the golden pictures with every runtime that is installed.

    \b
    Example:
      aiart-convert renew model-int8.tflite
    """
    _load_tensorflow()
    from aiart_convert.head import renew_head
    from aiart_edge.model_file import read_model_file, write_model_file

    model = read_model_file(file)
    try:
        description, completeness = renew_head(model)
    except ValueError as error:
        raise ModelFileError(file, str(error)) from error
    name = click.format_filename(file)
    if not completeness.holds:
        say(f"{name}: {_incomplete(completeness)}")
        raise click.exceptions.Exit(GATE_REFUSED)
    write_model_file(file, model.network, description)
    click.echo(
        f"{name}: its evidence misses the logit by {completeness.sum:.0e} at most, "
        f"and its logit p(ai) by {completeness.p_ai:.4f}"
    )


def _incomplete(completeness: Completeness) -> str:
    return (
        f"its evidence misses the logit by {completeness.sum:.3f}, its logit p(ai) by "
        f"{completeness.p_ai:.4f}, and asking for it moves p(ai) by {completeness.moved:.1g}: "
        "its answers will be explained by occlusion"
    )


@main.command()
@click.argument("file", type=PATH)
@click.option(
    "--license",
    "licence",
    default="unknown",
    show_default=True,
    metavar="ID",
    help="The network's, as the hub calls it, such as apache-2.0: no file says it.",
)
def card(file: Path, licence: str) -> None:
    """Print a model card of a .tflite FILE that aiart-convert wrote, for a model hub.

    It is a README.md for Hugging Face, made of what stands in the file alone, and ends with what
    its publisher must add.

    \b
    Example:
      aiart-convert card model-int8.tflite --license apache-2.0 > README.md
    """
    require_extra("convert", "yaml")
    from aiart_convert.card import model_card
    from aiart_edge.model_file import read_model_file

    click.echo(model_card(read_model_file(file), licence), nl=False)


def _load_tensorflow() -> None:
    """Load TensorFlow without its notes, which are not for users."""
    require_extra("convert", "tensorflow", "keras", "sklearn", "scipy")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with silenced():  # TensorFlow greets before it reads that
        import tensorflow  # noqa: F401


def program() -> None:
    """Be the program that the console script starts."""
    run(main)
