"""The command aiart-edge."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from aiart_edge import Classifier, __version__

SAMPLE = Path(__file__).parents[2] / "samples" / "van-gogh-auvers-1890.jpg"

Command = Callable[..., Result]


def test_a_verdict_is_printed_with_its_probability_and_its_picture(aiart_edge: Command) -> None:
    result = aiart_edge("classify", SAMPLE)
    assert result.exit_code == 0
    assert result.stderr == ""
    verdict, _, _, *path = result.stdout.split()
    assert verdict in ("ai", "human", "unsure")
    assert path == [str(SAMPLE)]


def test_another_model_is_used_when_it_is_named(
    aiart_edge: Command, model_files: dict[str, Path]
) -> None:
    for path in model_files.values():
        with Classifier.load(path) as classifier:
            expected = classifier.classify(SAMPLE)
        answer = aiart_edge("classify", SAMPLE, "--model", path).stdout
        assert answer.startswith(f"{expected.verdict:6}  p(ai) {expected.p_ai:.2f}  ")


@pytest.mark.parametrize("content", [None, b"", b"no picture"])
def test_a_bad_picture_alone_is_a_failure_with_one_line(
    content: bytes | None, aiart_edge: Command, one_line: Callable[[Result], str], tmp_path: Path
) -> None:
    path = tmp_path / "picture.jpg"
    if content is not None:
        path.write_bytes(content)
    result = aiart_edge("classify", path)
    assert result.exit_code == 1
    assert str(path) in one_line(result)


def test_bad_pictures_among_good_ones_do_not_stop_the_rest(
    aiart_edge: Command, tmp_path: Path
) -> None:
    result = aiart_edge("classify", tmp_path / "missing.jpg", SAMPLE)
    assert result.exit_code == 3
    assert "missing.jpg" in result.stderr
    assert len(result.stdout.splitlines()) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_does_not_stop_the_rest(
    aiart_edge: Command, tmp_path: Path
) -> None:
    locked = tmp_path / "locked.jpg"
    locked.touch(mode=0o000)
    result = aiart_edge("classify", locked, SAMPLE)
    assert result.exit_code == 3
    assert "Permission denied" in result.stderr
    assert len(result.stdout.splitlines()) == 1


def test_a_file_name_with_a_line_break_still_gives_one_line(
    aiart_edge: Command, one_line: Callable[[Result], str], tmp_path: Path
) -> None:
    assert "No such file" in one_line(aiart_edge("classify", tmp_path / "two\nlines.jpg"))


def test_a_broken_model_file_is_a_failure_with_one_line(
    aiart_edge: Command, one_line: Callable[[Result], str], tmp_path: Path
) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"no model")
    result = aiart_edge("classify", SAMPLE, "--model", path)
    assert result.exit_code == 1
    assert "not a model that aiart-convert wrote" in one_line(result)


def test_no_picture_at_all_is_a_usage_error(aiart_edge: Command) -> None:
    assert aiart_edge("classify").exit_code == 2


def test_the_version_is_the_packages(aiart_edge: Command) -> None:
    assert __version__ in aiart_edge("--version").stdout


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_load_neither_numpy_nor_pillow_nor_a_runtime(option: str) -> None:
    script = (
        "import sys; from aiart_edge.cli import main\n"
        f"try: main(['{option}'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'numpy', 'PIL', 'tflite_runtime', 'ai_edge_litert'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_runtimes_own_remarks_do_not_reach_the_user(model_files: dict[str, Path]) -> None:
    command = [sys.executable, "-c", "from aiart_edge.cli import main; main()"]
    arguments = ["classify", str(SAMPLE), "--model", str(model_files["float32"])]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=True)
    assert done.stderr == ""


@pytest.mark.parametrize("room", ["aiart_edge", "aiart_train", "aiart_convert"])
def test_a_full_disk_behind_standard_output_is_one_line(room: str) -> None:
    command = [sys.executable, "-c", f"from {room}.cli import program; program()", "--version"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "Error: <stdout>: cannot be written (No space left on device)\n"


def test_a_closed_standard_error_is_no_reason_to_fail() -> None:
    command = (
        f"{sys.executable} -c 'from aiart_edge.cli import main; main()' classify {SAMPLE} 2>&-"
    )
    done = subprocess.run(["sh", "-c", command], stdout=subprocess.PIPE, check=False)
    assert done.returncode == 0
    assert done.stdout
