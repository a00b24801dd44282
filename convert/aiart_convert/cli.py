"""The command `aiart-convert`."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aiart_convert import PRECISIONS, TARGETS
from aiart_edge import __version__
from aiart_edge.errors import ModelFileError, require_extra
from aiart_edge.files import PATH, write_atomically
from aiart_edge.program import run, silenced

if TYPE_CHECKING:
    from aiart_convert.verify import Verification


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
@click.option("--data", type=PATH, help="The data folder.  [default: where the run's card says]")
@click.option("--runs", type=PATH, default=Path("runs"), show_default=True)
@click.option(
    "--out",
    type=click.Path(exists=True, file_okay=False, readable=False, path_type=Path),
    help="The folder to write to.  [default: the model's own]",
)
@click.option(
    "--on",
    "part",
    type=click.Choice(["validation", "test"]),
    default="validation",
    show_default=True,
    help="The part of the split on which the file is compared with the Keras model.",
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
@click.option(
    "--target",
    type=click.Choice(TARGETS),
    default="tflite",
    show_default=True,
    help="The runtime that must know every operator: tflite-runtime 2.14, or LiteRT alone.",
)
def convert(
    source: Path | None,
    precisions: tuple[str, ...],
    split: Path | None,
    data: Path | None,
    runs: Path,
    out: Path | None,
    part: str,
    io: str | None,
    batch: int,
    calibration: int,
    keep_float: tuple[str, ...],
    target: str,
) -> None:
    """Convert SOURCE, a run folder or a .keras file, to self-describing .tflite files.

    Without SOURCE, the newest run is converted; a run folder named like a command is given as
    ./inspect. Each file is then run as a device runs it, and
    compared with the Keras model.

    \b
    Examples:
      aiart-convert --quantize int8
      aiart-convert runs/2026-11-22-seed --quantize float32 --quantize int8 --on test
      aiart-convert model.keras --split split.csv --data art --quantize int8
    """
    wanted = PRECISIONS if "all" in precisions else tuple(dict.fromkeys(precisions))
    if wanted != ("int8",) and (keep_float or io in {"uint8", "int8"}):
        raise click.UsageError(
            "--keep-float, --io uint8 and --io int8 are for --quantize int8 alone: "
            "the other precisions take and give float32"
        )
    if keep_float and io in {"uint8", "int8"}:
        raise click.UsageError("with --keep-float, pixels and scores are float32: leave --io out")
    _load_tensorflow()
    from aiart_convert.conversion import Form, convert_source
    from aiart_convert.representative import LARGEST_SPREAD, manifest
    from aiart_convert.source import find_source
    from aiart_edge.model_file import write_model_file
    from aiart_train.run_folder import load_keras

    found = find_source(source, split, data, runs)
    model, rule = load_keras(found.path)
    form = Form(io, batch, calibration, keep_float, target)
    folder = out or found.path.parent
    try:
        for done in convert_source(found, model, rule, wanted, part, form):
            path = folder / f"{found.path.stem}-{done.description.precision}.tflite"
            if done.calibration:
                document = manifest(done.calibration, found.data_sha256)
                write_atomically(
                    folder / f"{found.path.stem}-calibration.json",
                    (json.dumps(document, indent=1) + "\n").encode(),
                )
            if done.spread > LARGEST_SPREAD:
                click.echo(
                    f"{click.format_filename(path)}: other training pictures give ranges that "
                    f"differ by {done.spread:.0%}: take more with  --calibration",
                    err=True,
                )
            write_model_file(path, done.network, done.description)
            click.echo(_summary(path, part, done.verification))
    except ValueError as error:
        raise ModelFileError(found.path, str(error)) from error


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


def _load_tensorflow() -> None:
    """Load TensorFlow without its notes, which are not for users."""
    require_extra("convert", "tensorflow", "keras", "sklearn", "scipy")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with silenced():  # TensorFlow greets before it reads that
        import tensorflow  # noqa: F401


def _summary(path: Path, part: str, figures: Verification) -> str:
    return (
        f"{click.format_filename(path)}  {path.stat().st_size / 1e6:.2f} MB\n"
        f"  on {figures.n} {part} pictures: accuracy {figures.accuracy:.1%} "
        f"(Keras {figures.keras_accuracy:.1%}), agreement {figures.agreement:.1%}, "
        f"mean drift {figures.mean_drift:.4f}\n"
        f"  verdicts: {figures.coverage:.0%} not unsure, of those {figures.covered_accuracy:.1%} "
        f"right; {figures.human_called_ai:.1%} of human art called ai"
    )


def program() -> None:
    """Be the program that the console script starts."""
    run(main)
