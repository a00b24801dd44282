"""Broken inputs are one line, and a broken conversion leaves no half-written file."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

Command = Callable[..., Result]
OneLine = Callable[[Result], str]
Process = subprocess.CompletedProcess[str]

MUTANTS = 8


def corrupt(content: bytes, seed: int) -> bytes:
    """Cut a file short, or alter, zero or repeat some bytes of it."""
    rng = np.random.default_rng(seed)
    start = int(rng.integers(1, len(content) - 1))
    length = int(rng.integers(1, 200))
    before, hit, after = content[:start], content[start:][:length], content[start + length :]
    return (
        before,
        before + bytes(byte ^ 0x15 for byte in hit) + after,
        before + bytes(len(hit)) + after,
        before + hit + hit + after,
    )[seed % 4]


@pytest.mark.parametrize("seed", range(MUTANTS))
@pytest.mark.parametrize("name", ["model.keras", "split.csv"])
def test_a_corrupted_model_or_split_is_one_line(
    name: str,
    seed: int,
    run_folder: Path,
    aiart_convert: Command,
    one_line: OneLine,
    tmp_path: Path,
) -> None:
    run = Path(shutil.copytree(run_folder, tmp_path / "run"))
    (run / name).write_bytes(corrupt((run / name).read_bytes(), seed))
    result = aiart_convert(run, "--quantize", "float32", "--out", tmp_path)
    assert result.exit_code == 1
    assert name in one_line(result)
    assert not list(tmp_path.glob("*.tflite*"))


MOMENTS = [
    ("SIGKILL", 1),  # the network is written, not renamed
    ("SIGTERM", 2),  # the report likewise
    ("SIGINT", 1),
]


@pytest.mark.parametrize(("signal_name", "number"), MOMENTS)
def test_a_conversion_that_is_killed_leaves_whole_files_alone(
    signal_name: str,
    number: int,
    run_folder: Path,
    model_files: dict[str, Path],
    conversion_broken_off: Callable[..., Process],
    tmp_path: Path,
) -> None:
    old = b"an older file"
    (tmp_path / "model-float32.tflite").write_bytes(old)
    command = (run_folder, "--quantize", "float32", "--out", tmp_path)
    end = conversion_broken_off(signal_name, "os.fsync", number, *command)
    assert end.returncode != 0
    assert "Traceback" not in end.stderr
    for path in tmp_path.glob("[!.]*"):
        assert path.read_bytes() in (old, (model_files["int8"].parent / path.name).read_bytes())
    if signal_name == "SIGINT":
        assert end.stderr.split() == ["Aborted!"]
        assert not list(tmp_path.glob(".*"))
