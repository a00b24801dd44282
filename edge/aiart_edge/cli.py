"""The command `aiart-edge`."""

from __future__ import annotations

from pathlib import Path

import click

from aiart_edge import __version__
from aiart_edge.errors import SOME_INPUTS_FAILED, PictureError
from aiart_edge.files import PATH
from aiart_edge.program import run, silenced


@click.group()
@click.version_option(__version__)
def main() -> None:
    """Tell AI-made art from human art, with nothing but a TFLite runtime."""


@main.command()
@click.argument("pictures", nargs=-1, required=True, type=PATH)
@click.option(
    "--model",
    type=PATH,
    help="A file that aiart-convert wrote.  [default: the embedded model]",
)
def classify(pictures: tuple[Path, ...], model: Path | None) -> None:
    """Print a verdict on each of PICTURES: ai, human or unsure, and the probability of ai."""
    from aiart_edge.classifier import EMBEDDED_MODEL, Classifier

    failed = 0
    with silenced():
        classifier = Classifier.load(model or EMBEDDED_MODEL)
    with classifier:
        for picture in pictures:
            try:
                result = classifier.classify(picture)
            except PictureError as error:
                error.show()
                failed += 1
            else:
                name = click.format_filename(picture)
                click.echo(f"{result.verdict:6}  p(ai) {result.p_ai:.2f}  {name}")
    if failed:
        raise click.exceptions.Exit(1 if failed == len(pictures) else SOME_INPUTS_FAILED)


def program() -> None:
    """Be the program that the console script starts."""
    run(main)
