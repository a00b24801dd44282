"""Fetching the data set that the project names, from Kaggle."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import kagglehub
import requests

from aiart_edge.errors import DataError, OutputError

DATASET = "cashbowman/ai-generated-images-vs-real-images"
CLASS_FOLDERS = ("AiArtData", "RealArt")


def fetch(folder: Path) -> dict[str, int]:
    """Fetch the Kaggle data set into a folder that appears when it is complete.

    kagglehub keeps its download in a cache of its own, so that it goes on where it was cut off; the
    class folders are copied from there.

    Args:
        folder: does not exist yet, or is empty.

    Returns:
        For each class folder, the number of files in it.

    Raises:
        OutputError: the folder holds something or cannot be written.
        DataError: the data set cannot be downloaded, or is no longer what it was.
    """
    _check_free(folder)
    downloaded = _download()
    found = {name: _find(downloaded, name) for name in CLASS_FOLDERS}
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as partial:
            whole = Path(partial) / "whole"
            for name, class_folder in found.items():
                shutil.copytree(class_folder, whole / name)
            whole.rename(folder)
    except OSError as error:  # copytree's has no strerror, but a list
        raise OutputError(folder, f"cannot be written ({error.strerror or error})") from error
    return {
        name: sum(path.is_file() for path in (folder / name).rglob("*")) for name in CLASS_FOLDERS
    }


def _check_free(folder: Path) -> None:
    try:
        taken = any(folder.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(folder, f"cannot be written ({error.strerror})") from error
    if taken or folder.resolve() == Path.cwd():  # a shell would stay in the folder that is replaced
        raise OutputError(folder, "is the current folder or holds something: name a new one")


def _download() -> Path:
    try:
        return Path(kagglehub.dataset_download(DATASET))
    except (requests.ConnectionError, requests.Timeout) as error:
        raise DataError(
            DATASET, "Kaggle cannot be reached: check the network, then try again"
        ) from error
    except Exception as error:  # kagglehub raises anything, as on a refusal or a spoilt archive
        raise DataError(DATASET, f"cannot be downloaded from Kaggle ({error})") from error


def _find(downloaded: Path, name: str) -> Path:
    """Find a class folder: the one that holds files, where two of its name are nested."""
    for folder in sorted(path for path in downloaded.rglob(name) if path.is_dir()):
        if any(path.is_file() for path in folder.iterdir()):
            return folder
    raise DataError(
        DATASET, f"what came from Kaggle has no folder {name!r} with files in it: {downloaded}"
    )
