"""The suites, run once as users run them, on a small network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

REPOSITORY = Path(__file__).parents[2]

Suites = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def small_run(art: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the recipe `seed` on pictures as small as it takes, converted to every precision."""
    from aiart_convert.cli import main as convert
    from aiart_train.cli import main as train

    runs = str(tmp_path_factory.mktemp("small"))
    size = ("--recipe", "seed", "--size", "46", "--epochs", "2")
    trained = CliRunner().invoke(train, ["fit", "--data", str(art), *size, "--runs", runs])
    assert trained.exit_code == 0, trained.output
    folder = Path(trained.stdout.strip())
    converted = CliRunner().invoke(convert, [str(folder), "--quantize", "all"])
    assert converted.exit_code == 0, converted.output
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
