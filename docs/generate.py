"""What in the documents is made of the commands themselves.

`python -m docs.generate` writes `help.md`'s lists of options, `origin.md`'s table of markers,
`terminal.svg`, the picture in the README, and `evidence.jpg`, that in `edge.md`, anew; tests fail
where one of the first three is out of date.
"""

from __future__ import annotations

import io
import re
import shlex
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from click.testing import CliRunner
from PIL import Image
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

import aiart_convert.cli
import aiart_edge.cli
import aiart_train.cli
from aiart_edge.files import write_atomically
from aiart_edge.origin.markers import MARKERS
from aiart_edge.origin.pixels import STEALTH, WATERMARKS
from aiart_edge.program import run, silenced
from benchmarks.report import put_into

HELP = Path(__file__).parent / "help.md"
ORIGIN = Path(__file__).parent / "origin.md"
TERMINAL = Path(__file__).parent / "terminal.svg"
EVIDENCE = Path(__file__).parent / "evidence.jpg"
COMMANDS: dict[str, click.Command] = {
    "aiart-edge": aiart_edge.cli.main,
    "aiart-train": aiart_train.cli.main,
    "aiart-convert": aiart_convert.cli.main,
}

_SHOWN = (
    "aiart-edge classify samples/*.jpg",
    "aiart-edge classify samples/*.jpg --only human --paths",
)
_COLUMNS = 80
_FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono"


def with_help(document: str) -> str:
    """Put the help of every command into a document.

    Args:
        document: with the marks for it.

    Returns:
        The new text.
    """
    pages = (
        page
        for name, command in COMMANDS.items()
        for page in _pages(command, click.Context(command, info_name=name, terminal_width=_COLUMNS))
    )
    return put_into(document, "\n".join(pages), "docs.generate")


def with_markers(document: str) -> str:
    """Put the table of markers into a document.

    Args:
        document: with the marks for it.

    Returns:
        The new text.
    """
    lines = ["| marker | says | certainty | where, and what stands there | by | known from |"]
    lines.append("|---|---|---|---|---|---|")
    for marker in MARKERS:
        needs = "<br>".join(
            f"{', '.join(f'`{name}`' for name in needs.fields)}: {needs.expects}"
            for needs in marker.needs
        )
        named = " ".join(f"`{name}`" for name in marker.by) if isinstance(marker.by, tuple) else ""
        by = named or marker.by or ""
        lines.append(
            f"| {marker.kind} | {marker.says} | {marker.certainty} | {needs} | {by} | "
            f"{marker.known_from} |"
        )
    lines += [
        f"| {watermark.kind} | ai | declared | pixels: {len(watermark.message)} bits by `dwtDct`, "
        f"for which random ones pass with a chance of {watermark.chance:.0e} at most | "
        f"{watermark.by} | {watermark.known_from} |"
        for watermark in WATERMARKS
    ]
    lines.append(
        f"| {STEALTH} | ai | likely | pixels: `stealth_pnginfo` or `stealth_pngcomp` in the lowest "
        "bits of alpha, `stealth_rgbinfo` or `stealth_rgbcomp` in those of the colours, and behind "
        "it a text that no row above knows | | NovelAI/novelai-image-metadata; the stealth-pnginfo "
        "extension of A1111 |"
    )
    return put_into(document, "\n".join(lines), "docs.generate")


def _pages(command: click.Command, context: click.Context) -> Iterator[str]:
    """Give a command's help, and that of the commands below it."""
    marks = "##" if context.parent is None else "###"
    yield f"{marks} {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                yield from _pages(below, click.Context(below, context, name))


def take_shot() -> Text:
    """Run the commands of the picture, in the repository.

    Returns:
        What a terminal shows, with its colours.
    """
    shot = Text()
    with chdir(Path(__file__).parents[1]), silenced():
        for line in _SHOWN:
            name, *arguments = shlex.split(line)
            runner = CliRunner(env={"NO_COLOR": None})
            done = runner.invoke(COMMANDS[name], arguments, color=True, catch_exceptions=False)
            shot.append("$ ", "bold green").append(f"{line}\n", "bold")
            shot.append_text(Text.from_ansi(done.output)).append("\n")
    shot.rstrip()
    shot.append("\n")
    return shot


def draw(shot: Text) -> str:
    """Draw what a terminal shows.

    Args:
        shot: with its colours.

    Returns:
        An SVG file, which needs no font but the reader's own.
    """
    console = Console(record=True, width=_COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(shot)
    picture = console.export_svg(title="aiart", theme=MONOKAI, unique_id="terminal")
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    return picture.replace("Fira Code", _FONTS)


def draw_evidence() -> bytes:
    """Have a sample explained.

    Returns:
        A JPEG file.
    """
    sample = Path(__file__).parents[1] / "samples" / "van-gogh-auvers-1890.jpg"
    arguments, drawn = ["explain", str(sample), "--out"], io.BytesIO()
    with TemporaryDirectory() as folder, silenced():
        out = Path(folder) / "evidence.png"
        runner = CliRunner()
        runner.invoke(COMMANDS["aiart-edge"], [*arguments, str(out)], catch_exceptions=False)
        with Image.open(out) as picture:
            picture.convert("RGB").save(drawn, "JPEG", quality=85, optimize=True)
    return drawn.getvalue()


@click.command()
def main() -> None:
    """Write what documents show of the commands anew, and of the table of markers."""
    write_atomically(ORIGIN, with_markers(ORIGIN.read_text(encoding="utf-8")).encode())
    write_atomically(HELP, with_help(HELP.read_text(encoding="utf-8")).encode())
    write_atomically(TERMINAL, draw(take_shot()).encode())
    write_atomically(EVIDENCE, draw_evidence())


if __name__ == "__main__":
    run(main)
