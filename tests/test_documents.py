"""What the documents promise."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from html import unescape
from pathlib import Path

import click
import pytest
import yaml

from aiart_edge import __version__
from docs.generate import COMMANDS, HELP, TERMINAL, draw, take_shot, with_help
from tests.raspberry_pi.costs import read_recorded, with_tables
from tests.raspberry_pi.document import DOCUMENT

REPOSITORY = Path(__file__).parents[1]
DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])

every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


def two_lines() -> list[str]:
    """The README's two lines: to try it, and to test it."""
    block = re.search(r"```sh\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL)
    assert block
    return [line for line in block[1].splitlines() if line and not line.startswith("#")]


def commands_of(document: Path) -> Iterator[list[str]]:
    """The words of each command of ours that a document has in a block, or between backticks."""
    text = document.read_text().replace("\\\n", " ")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    for line in (*lines, *re.findall(r"`(aiart-[^`]+)`", text)):
        words = shlex.split(line, comments=True)
        starts = [place for place, word in enumerate(words) if Path(word).name in COMMANDS]
        for start in starts:
            name, *rest = words[start:]
            ends = [place for place, word in enumerate(rest) if word in {"|", ">", "<", "&&", ";"}]
            yield [Path(name).name, *rest[: min(ends, default=None)]]


def anchors_of(document: Path) -> set[str]:
    """What a link may name of a document: its headings, as GitHub writes them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_ci_runs_the_readmes_test_line_and_the_emulated_raspberry_pis_beside_it() -> None:
    lines = (REPOSITORY / ".ci" / "run").read_text().splitlines()
    steps = two_lines()[1].split(" && .venv/")
    ours = [line for line in lines if line.startswith("python3 ") or " install -q -e " in line]
    assert [*ours, ".venv/bin/pytest"] == [steps[0], *(f".venv/{step}" for step in steps[1:])]
    assert lines[-4:] == [
        ".venv/bin/pytest || failed=1",
        "wait $! || failed=1",
        'cat "$said"',
        "exit ${failed:-0}",
    ]
    assert '.venv/bin/python tests/raspberry_pi/run > "$said" 2>&1 &' in lines


def test_the_readmes_first_line_classifies_a_sample() -> None:
    sample = two_lines()[0].split()[-1]
    assert (REPOSITORY / sample).is_file()


def test_the_readme_shows_what_it_is_about_on_two_screens_before_it_sends_anyone_on() -> None:
    before = re.split(r"(?<!!)\[[^]]*\]\(", (REPOSITORY / "README.md").read_text())[0]
    assert len(before.splitlines()) <= 2 * 40
    assert "](docs/terminal.svg)" in before


def test_the_readme_leads_to_every_page() -> None:
    readme = (REPOSITORY / "README.md").read_text()
    for page in (REPOSITORY / "docs").glob("*.md"):
        assert f"](docs/{page.name})" in readme


def test_the_picture_of_a_terminal_shows_what_the_commands_print() -> None:
    def lines(picture: str) -> list[str]:
        return [unescape(text) for text in re.findall(r">([^<]*)</text>", picture)]

    assert lines(TERMINAL.read_text()) == lines(draw(take_shot()))


def test_the_help_in_the_documents_is_what_the_commands_print() -> None:
    document = HELP.read_text()
    assert with_help(document) == document


@every_document
def test_every_command_in_the_documents_has_the_options_that_it_is_given(document: Path) -> None:
    for name, *words in commands_of(document):
        if name == "aiart-convert" and words and words[0] not in COMMANDS[name].commands:
            words.insert(0, "convert")
        command, context = COMMANDS[name], click.Context(COMMANDS[name])
        while isinstance(command, click.Group) and words and words[0] in command.commands:
            command = command.commands[words.pop(0)]
            context = click.Context(command, context)
        with suppress(click.BadOptionUsage):  # prose may name an option without its value
            command.make_parser(context).parse_args(words)


def test_the_version_to_cite_is_that_of_the_package() -> None:
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    assert citation["version"] == __version__


def test_where_things_live_there_they_lie() -> None:
    table = (REPOSITORY / "CONTRIBUTING.md").read_text().partition("## Where things live")[2]
    places = re.findall(r"`((?:edge|train|convert|benchmarks|tests|docs)/[^`]*)`", table)
    assert places
    assert [place for place in places if not (REPOSITORY / place).exists()] == []


def test_every_sample_has_its_origin_noted() -> None:
    samples = REPOSITORY / "samples"
    origins = (samples / "README.md").read_text()
    for picture in samples.glob("*.jpg"):
        assert f"`{picture.name}`" in origins


def test_the_costs_on_a_raspberry_pi_are_those_that_were_recorded() -> None:
    document = DOCUMENT.read_text()
    assert with_tables(document, read_recorded()) == document


@every_document
def test_no_document_installs_aiart_from_an_index_on_which_it_is_not(document: Path) -> None:
    assert not re.search(r"pip install (-\S+ )*'?aiart\b", document.read_text())


@every_document
def test_every_link_between_the_documents_leads_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^):]+)\)", document.read_text()):
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors_of(target), link
