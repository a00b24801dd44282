"""Fetching the Kaggle data set, with a fake of Kaggle."""

from __future__ import annotations

import importlib.util
import inspect
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import kagglehub
import pytest
import requests
from click.testing import Result

from aiart_edge import DataError, OutputError
from aiart_train.data.fetch import DATASET, fetch

Command = Callable[..., Result]
Answer = Callable[[], str]

real_dataset_download = kagglehub.dataset_download


@pytest.fixture
def kaggle(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answer], None]:
    """Let kagglehub's download answer as a test wants."""

    def fake(answer: Answer) -> None:
        def dataset_download(
            handle: str,
            path: str | None = None,
            *,
            force_download: bool | None = False,
            output_dir: str | None = None,
        ) -> str:
            assert handle == "cashbowman/ai-generated-images-vs-real-images"
            sys.stdout.write("Downloading to /somewhere...\n")  # as kagglehub does
            return answer()

        names = inspect.signature(real_dataset_download).parameters
        assert list(inspect.signature(dataset_download).parameters) == list(names)
        monkeypatch.setattr(kagglehub, "dataset_download", dataset_download)

    return fake


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """What Kaggle sends: the class folders lie one in another of the same name."""
    for name, count in (("AiArtData", 3), ("RealArt", 2)):
        (tmp_path / "cache" / name / name).mkdir(parents=True)
        for number in range(count):
            (tmp_path / "cache" / name / name / f"{number}.jpg").write_bytes(b"picture")
    return tmp_path / "cache"


def fail(error: Exception) -> Answer:
    def answer() -> str:
        raise error

    return answer


@pytest.mark.parametrize("made_before", [False, True])
def test_the_class_folders_come_to_lie_in_the_folder(
    made_before: bool, cache: Path, kaggle: Callable[[Answer], None], tmp_path: Path
) -> None:
    kaggle(lambda: str(cache))
    folder = tmp_path / "new" / "art"
    if made_before:
        folder.mkdir(parents=True)
    assert fetch(folder) == {"AiArtData": 3, "RealArt": 2}
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["art"]
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == {f"AiArtData/{n}.jpg" for n in range(3)} | {f"RealArt/{n}.jpg" for n in (0, 1)}
    assert len(list(cache.rglob("*.jpg"))) == 5  # the cache stays kagglehub's


def test_the_command_prints_the_folder_and_says_what_came_and_what_is_next(
    cache: Path, kaggle: Callable[[Answer], None], aiart_train: Command, tmp_path: Path
) -> None:
    kaggle(lambda: str(cache))
    folder = tmp_path / "my art"
    result = aiart_train("fetch", folder)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{folder}\n"
    assert result.stderr.splitlines()[-3:] == [
        "AiArtData: 3 files",
        "RealArt: 2 files",
        f"next:  aiart-train audit '{folder}'",
    ]


def test_a_folder_that_holds_something_is_refused_before_any_download(
    kaggle: Callable[[Answer], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kaggle(fail(AssertionError("downloaded")))
    (tmp_path / "file").touch()
    for folder, reason in (
        (tmp_path, "holds something"),
        (tmp_path / "file", "Not a directory"),
    ):
        with pytest.raises(OutputError, match=reason):
            fetch(folder)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    with pytest.raises(OutputError, match="is the current folder"):
        fetch(Path())


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (requests.ConnectionError("HTTPSConnectionPool(...)"), "check the network"),
        (requests.ReadTimeout("slow"), "check the network"),
        (requests.HTTPError("404 Client Error.\n\nResource not found"), "404 Client Error"),
        (ValueError("Unsupported archive type."), "Unsupported archive type"),
    ],
)
def test_a_download_that_fails_is_one_line_and_leaves_nothing(
    error: Exception,
    reason: str,
    kaggle: Callable[[Answer], None],
    aiart_train: Command,
    tmp_path: Path,
) -> None:
    kaggle(fail(error))
    result = aiart_train("fetch", tmp_path / "art")
    assert result.exit_code == 1
    assert result.stdout == ""
    line = result.stderr.splitlines()[-1]
    assert line.startswith(f"Error: {DATASET}: ")
    assert reason in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("spoil", [shutil.rmtree, lambda folder: (folder / "0.jpg").rename("0")])
def test_a_data_set_that_changed_is_refused(
    spoil: Callable[[Path], object],
    cache: Path,
    kaggle: Callable[[Answer], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kaggle(lambda: str(cache))
    monkeypatch.chdir(tmp_path)
    (cache / "RealArt" / "RealArt" / "1.jpg").unlink()
    spoil(cache / "RealArt" / "RealArt")
    with pytest.raises(DataError, match="no folder 'RealArt' with files in it"):
        fetch(tmp_path / "art")
    assert not (tmp_path / "art").exists()


def test_a_copy_that_is_cut_off_leaves_nothing(
    cache: Path,
    kaggle: Callable[[Answer], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def cut_off(source: Path, target: Path) -> None:
        target.mkdir(parents=True)
        raise OSError(28, "No space left on device")

    kaggle(lambda: str(cache))
    monkeypatch.setattr(shutil, "copytree", cut_off)
    with pytest.raises(OutputError, match="No space left on device"):
        fetch(tmp_path / "art")
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


def test_without_kagglehub_the_error_says_what_to_install(
    aiart_train: Command,
    one_line: Callable[[Result], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "kagglehub" else found(name)
    )
    line = one_line(aiart_train("fetch", tmp_path / "art"))
    assert "'kagglehub'" in line
    assert "pip install" in line
