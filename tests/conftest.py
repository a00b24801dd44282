"""Pictures, a run and converted files that the tests share; all drawn here, none from elsewhere."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess

if importlib.util.find_spec("tflite_runtime"):
    # Before TensorFlow: the other way round it cannot load a network (see aiart_edge.runtime).
    import tflite_runtime.interpreter  # noqa: F401

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from filelock import FileLock
from PIL import Image, ImageDraw
from xdist.scheduler import LoadFileScheduling

from tests.broken_off import run_broken_off

REPOSITORY = Path(__file__).parents[1]
SHARED_DATA = REPOSITORY.parent / "shared" / "data"


class FilesTogether(LoadFileScheduling):
    """Keeps the tests of a file in one process, and all that look at one pass of the benchmarks."""

    def _split_scope(self, nodeid: str) -> str:
        place = Path(nodeid.partition("::")[0])
        return str(place.parent if place.parent.name == "benchmarks" else place)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> FilesTogether:
    return FilesTogether(config, log)


def draw_smooth(seed: int, size: tuple[int, int] = (96, 96)) -> Image.Image:
    """Draw soft, dark colour gradients."""
    corners = np.random.default_rng(seed).integers(0, 150, (3, 3, 3), dtype=np.uint8)
    return Image.fromarray(corners).resize(size, Image.Resampling.BICUBIC)


def draw_strokes(seed: int, size: tuple[int, int] = (96, 96)) -> Image.Image:
    """Draw hard, bright strokes on a plain ground."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", size, tuple(rng.integers(100, 256, 3).tolist()))
    pen = ImageDraw.Draw(image)
    for _ in range(30):
        line = (rng.random(4) * [*size, *size]).tolist()
        pen.line(line, tuple(rng.integers(100, 256, 3).tolist()), width=int(rng.integers(1, 6)))
    return image


Once = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Have a folder filled by the first of the tests' processes that asks for it, and by no other.

    No test may change what is in it.
    """
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent

    def made(name: str, fill: Callable[[Path], object]) -> Path:
        folder, done = root / name, root / f"{name}.done"
        with FileLock(root / f"{name}.lock"):
            if not done.exists():
                folder.mkdir()
                fill(folder)
                done.touch()
        return folder

    return made


@pytest.fixture(scope="session")
def art(once: Once) -> Path:
    """A data folder of 40 + 40 small pictures in several formats."""

    def draw_all(folder: Path) -> None:
        for name, draw in (("AiArt", draw_smooth), ("RealArt", draw_strokes)):
            (folder / name).mkdir()
            for number in range(40):
                ending = ("jpg", "png", "webp")[number % 3]
                draw(number, (90 + number, 110)).save(folder / name / f"{number:02}.{ending}")

    return once("art", draw_all)


@pytest.fixture(scope="session")
def run_folder(art: Path, once: Once) -> Path:
    """A run of the recipe `seed`: long enough for scores that differ from picture to picture."""
    from aiart_train.cli import main

    def train(folder: Path) -> None:
        recipe = ["--recipe", "seed", "--size", "64", "--epochs", "12"]
        command = ["fit", "--data", str(art), *recipe, "--runs", str(folder / "runs")]
        result = CliRunner().invoke(main, command, catch_exceptions=False)
        assert result.exit_code == 0, result.output

    return (once("work", train) / "runs" / "latest").resolve()


@pytest.fixture(scope="session")
def model_files(run_folder: Path, once: Once) -> dict[str, Path]:
    """The run, converted to the usual precisions beside a copy of it."""
    from aiart_convert.cli import main

    def convert(folder: Path) -> None:
        run = shutil.copytree(run_folder, folder / "run")
        command = [str(run), "--quantize", "float32", "--quantize", "int8"]
        result = CliRunner().invoke(main, command, catch_exceptions=False)
        assert result.exit_code == 0, result.output

    folder = once("converted", convert) / "run"
    return {name: folder / f"model-{name}.tflite" for name in ("float32", "int8")}


@pytest.fixture
def aiart_edge() -> Callable[..., Result]:
    """The command `aiart-edge`."""
    from aiart_edge.cli import main

    return lambda *arguments: CliRunner().invoke(main, [str(part) for part in arguments])


@pytest.fixture(scope="session")
def aiart_train() -> Callable[..., Result]:
    """The command `aiart-train`."""
    from aiart_train.cli import main

    return lambda *arguments: CliRunner().invoke(main, [str(part) for part in arguments])


@pytest.fixture(scope="session")
def broken_off() -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command `aiart-train`, broken off in a process of its own."""
    return partial(run_broken_off, "aiart_train")


@pytest.fixture(scope="session")
def conversion_broken_off() -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command `aiart-convert`, likewise."""
    return partial(run_broken_off, "aiart_convert")


@pytest.fixture(scope="session")
def aiart_convert() -> Callable[..., Result]:
    """The command `aiart-convert`."""
    from aiart_convert.cli import main

    return lambda *arguments: CliRunner().invoke(main, [str(part) for part in arguments])


@pytest.fixture
def one_line() -> Callable[[Result], str]:
    """Check that a failed command said one line on standard error, and give it."""

    def check(result: Result) -> str:
        assert isinstance(result.exception, SystemExit), result.exception
        assert result.exit_code != 0
        assert result.stdout == ""
        assert len(result.stderr.splitlines()) == 1, result.stderr
        return result.stderr

    return check


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real pictures, where they are at hand."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real pictures are not here")
    return SHARED_DATA
