"""The suites, run once as users run them, on a small network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from benchmarks.variants import PRECISIONS

REPOSITORY = Path(__file__).parents[2]

Suites = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def small_run(model_files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the converted run, converted to every precision."""
    from aiart_convert.cli import main

    folder = tmp_path_factory.mktemp("small") / "run"
    shutil.copytree(model_files["int8"].parent, folder)
    others = [name for name in PRECISIONS if name not in model_files]
    command = [str(folder), *(word for name in others for word in ("--quantize", name))]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="session")
def suites() -> Suites:
    """The command `pytest benchmarks`."""

    def run(
        *arguments: str | Path, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest", "benchmarks", *map(str, arguments)]
        # They measure nothing where they take themselves for a part of these tests' workers.
        env = {key: value for key, value in (env or os.environ).items() if "XDIST" not in key}
        return subprocess.run(
            command, cwd=REPOSITORY, capture_output=True, text=True, check=False, env=env
        )

    return run


@pytest.fixture(scope="session")
def measured(small_run: Path, suites: Suites) -> Path:
    """What a pass of all suites writes."""
    path = small_run / "measured.json"
    options = ("--rounds", "2", "--pictures", "8", "--benchmark-json", path)
    done = suites("--run", small_run, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return path


@pytest.fixture(scope="session")
def document(measured: Path) -> dict[str, Any]:
    """The same, read."""
    found: dict[str, Any] = json.loads(measured.read_bytes())
    return found
