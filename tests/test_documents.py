"""What the documents promise."""

from __future__ import annotations

import re
from pathlib import Path

from tests.raspberry_pi.costs import read_recorded, with_tables
from tests.raspberry_pi.document import DOCUMENT

REPOSITORY = Path(__file__).parents[1]


def two_lines() -> list[str]:
    """The README's two lines: to try it, and to test it."""
    block = re.search(r"```sh\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL)
    assert block
    return [line for line in block[1].splitlines() if line and not line.startswith("#")]


def test_ci_runs_the_readmes_test_line_and_the_emulated_raspberry_pis() -> None:
    script = (REPOSITORY / ".ci" / "run").read_text().splitlines()
    commands = [line for line in script if line and not line.startswith(("#", "set ", "cd "))]
    assert commands == [two_lines()[1], ".venv/bin/python tests/raspberry_pi/run"]


def test_the_readmes_first_line_classifies_a_sample() -> None:
    sample = two_lines()[0].split()[-1]
    assert (REPOSITORY / sample).is_file()


def test_every_sample_has_its_origin_noted() -> None:
    samples = REPOSITORY / "samples"
    origins = (samples / "README.md").read_text()
    for picture in samples.glob("*.jpg"):
        assert f"`{picture.name}`" in origins


def test_the_costs_on_a_raspberry_pi_are_those_that_were_recorded() -> None:
    document = DOCUMENT.read_text()
    assert with_tables(document, read_recorded()) == document


def test_every_link_between_the_documents_leads_somewhere() -> None:
    for document in REPOSITORY.glob("*.md"):
        for link in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (REPOSITORY / link).exists(), f"{document.name}: {link}"
