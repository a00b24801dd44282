"""What is converted: a Keras model, the split it was trained on, and where its pictures lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aiart_edge.errors import DataError, ModelFileError
from aiart_train.run_folder import CARD, latest_run, open_run, read_card
from aiart_train.split import SplitRow, read_split


@dataclass(frozen=True)
class Source:
    """A model to convert.

    Args:
        path: the .keras file.
        name: of the recipe, or of the file where no card tells.
        rows: of the split it was trained on.
        folder: the data folder.
        data_sha256: of the data, empty where no card tells.
    """

    path: Path
    name: str
    rows: tuple[SplitRow, ...]
    folder: Path
    data_sha256: str


def find_source(path: Path | None, split: Path | None, data: Path | None, runs: Path) -> Source:
    """Find what the command line names.

    Args:
        path: a run folder or a .keras file; None for the newest run.
        split: a split.csv, for a .keras file.
        data: the data folder, where it is not where the card says.
        runs: the folder of all runs.

    Returns:
        The model to convert.

    Raises:
        RunFolderError: there is no such run, or it is broken.
        ModelFileError: a .keras file is named without its split, or missing.
        DataError: the split is broken or not the run's own, or the data folder is not there.
    """
    if path is not None and path.suffix == ".keras":
        if split is None:
            raise ModelFileError(path, "say which split it was trained on with  --split split.csv")
        model_path, name, rows, beside = path, path.stem, read_split(split), split.parent / CARD
        card = read_card(beside) if beside.is_file() else None
    else:
        run = latest_run(runs) if path is None else open_run(path)
        if split is not None:
            raise DataError(split, "a run folder has a split of its own: leave --split out")
        model_path, name, rows, card = (
            run.model_path,
            run.card["recipe"]["name"],
            run.rows,
            run.card,
        )
    if data is not None:
        folder = data
    elif card is not None:
        folder = Path(card["data"]["folder"])
    else:
        raise DataError(model_path, "say where the pictures of its split lie with  --data FOLDER")
    if not folder.is_dir():
        raise DataError(folder, "the data folder is not there: say where it is with  --data FOLDER")
    return Source(model_path, name, rows, folder, card["data"]["sha256"] if card else "")
