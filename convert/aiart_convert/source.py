"""What is converted: a Keras model, the split it was trained on, and where its pictures lie."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from aiart_edge.decision import LABELS
from aiart_edge.errors import DataError, ModelFileError
from aiart_train.data.dataset import fingerprint, root_of, scan
from aiart_train.data.split import SplitRow, draw_split
from aiart_train.run_folder import CARD, latest_run, open_run, read_card, read_split_of

_NO_CARD = {"data": {"folder": "", "sha256": ""}}
_SEED = 0  # of the split that is drawn for a model that has none


@dataclass(frozen=True)
class Source:
    """A model to convert.

    Args:
        path: the .keras file.
        name: of the recipe, or of the file where no card tells.
        rows: of the split it was trained on.
        folder: the data folder.
        data_sha256: of the data, empty where no card tells.
        labels: in the order of the model's outputs. Default `ai`, `human`.
    """

    path: Path
    name: str
    rows: tuple[SplitRow, ...]
    folder: Path
    data_sha256: str
    labels: tuple[str, ...] = LABELS


def find_run(path: Path | None, data: Path | None, runs: Path) -> Source:
    """Find a run to convert.

    Args:
        path: of its folder; None for the newest.
        data: the data folder or list, where it is not where the card says.
        runs: the folder of all runs.

    Returns:
        Its model.

    Raises:
        ModelFileError: a file is named that is no .keras file.
        RunFolderError: there is no such run, or it is broken.
        DataError: its split is broken, or the data folder is not there.
    """
    if path is not None and path.is_file():
        raise ModelFileError(path, "expected a run folder or a file that ends in .keras")
    run = latest_run(runs) if path is None else open_run(path)
    return Source(
        run.model_path,
        run.card["recipe"]["name"],
        run.rows,
        _existing(data or Path(run.card["data"]["folder"])),
        run.card["data"]["sha256"],
    )


def find_model(
    path: Path,
    split: Path | None,
    data: Path | None,
    labels: tuple[str, ...],
    names: dict[str, str],
) -> Source:
    """Find what belongs to a .keras file, ours or another's.

    Args:
        path: the .keras file.
        split: the split.csv that it was trained on; one is drawn where there is none.
        data: the data folder or list; where there is a split, its card may tell.
        labels: in the order of the model's outputs.
        names: of the classes' folders, see `dataset.scan`.

    Returns:
        The model to convert.

    Raises:
        ModelFileError: neither the split nor the data folder is named.
        RunFolderError: the card beside the split is broken.
        DataError: the split or the data folder is missing or broken.
    """
    if split is not None:
        beside = split.parent / CARD
        card = read_card(beside) if beside.is_file() else _NO_CARD
        rows, told = read_split_of(card, split), card["data"]
        if data is None and card is _NO_CARD:
            raise DataError(path, "say where the pictures of its split lie with  --data FOLDER")
        folder = _existing(data or Path(told["folder"]))
        return Source(path, path.stem, rows, folder, told["sha256"], labels)
    if data is None:
        raise ModelFileError(
            path,
            "say which split it was trained on with  --split split.csv  or, where it has none, "
            "which data with  --data FOLDER",
        )
    _existing(data)
    dataset = scan(data, names=names)
    rows = draw_split(dataset, _SEED)
    data_sha256 = fingerprint(dataset.pictures)
    return Source(path, path.stem, rows, dataset.folder, data_sha256, labels)


def read_picture(folder: Path, row: SplitRow) -> bytes:
    """Read a picture of a split.

    Args:
        folder: the data folder.
        row: of the split.

    Returns:
        The file's content.

    Raises:
        DataError: it is missing, or not the one that the split was made of.
    """
    path = folder / row.path
    try:
        if path.exists() and not path.is_file():  # a pipe would block, a device never end
            raise DataError(path, "a picture of the split is no file now: train again")
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            path, f"a picture of the split cannot be opened ({error.strerror})"
        ) from error
    if hashlib.sha256(content).hexdigest() != row.sha256:
        raise DataError(path, "the picture has changed since the split was made: train again")
    return content


def _existing(place: Path) -> Path:
    """Give the folder that the pictures of a data folder, or of a list, lie below."""
    if not place.exists():
        raise DataError(place, "the data folder is not there: say where it is with  --data FOLDER")
    return root_of(place)
