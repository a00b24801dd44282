"""docs/raspberry-pi.md, and the lines in it."""

from __future__ import annotations

import re
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "raspberry-pi.md"


def lines_of(heading: str, document: Path = DOCUMENT) -> list[str]:
    """Read what a document tells its reader to type.

    Args:
        heading: of the section.
        document: in which it stands. Default: this one.

    Returns:
        The lines of the section's first block of shell commands.
    """
    section = re.split(rf"^##+ {re.escape(heading)}$", document.read_text(), flags=re.MULTILINE)[1]
    section = re.split(r"^##+ ", section, flags=re.MULTILINE)[0]
    found = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    assert found, f"no shell commands under {heading!r}"
    return found[1].splitlines()


def packages_of(system: str) -> list[str]:
    """Read which packages of Debian the document has its reader install.

    Args:
        system: its name, which is the section's heading.

    Returns:
        Their names.
    """
    return lines_of(system)[0].partition("apt install -y ")[2].split()
