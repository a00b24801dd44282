"""The quality net: style, types and the arrows between the rooms."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["-m", "ruff", "check"], id="lint"),
        pytest.param(["-m", "ruff", "format", "--check"], id="format"),
        pytest.param(["-m", "mypy"], id="types"),
        pytest.param(
            ["-c", "from importlinter.cli import lint_imports_command as run; run()"], id="imports"
        ),
    ],
)
def test_the_tree_passes(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, *command], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
