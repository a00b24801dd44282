"""The pictures: the test part of a run's split, or the samples.

split.csv is read with the standard library alone, so that a device without scikit-learn can.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

from aiart_edge.errors import DataError

SAMPLES = Path(__file__).parents[1] / "samples"


@dataclass(frozen=True)
class Pictures:
    """Pictures whose class is known.

    Args:
        paths: of the files.
        labels: `ai` or `human`, one for each.
        original: p(ai) of the original Keras model where the run has written it down, one for each;
            else nothing.
    """

    paths: tuple[Path, ...]
    labels: tuple[str, ...]
    original: tuple[float, ...]


def find_pictures(run: Path | None, data: Path | None, most: int | None) -> Pictures:
    """Find the pictures to measure on.

    Args:
        run: a run folder, or None for the samples, all of which people made.
        data: the data folder, where it is not where the run's card says.
        most: of them; None for all. A share of them is spread over the whole test part.

    Returns:
        The pictures.

    Raises:
        DataError: they are not there.
    """
    if run is None:
        samples = tuple(sorted(SAMPLES.glob("*.jpg")))
        return Pictures(samples, ("human",) * len(samples), ())
    folder = data or _data_folder(run / "card.json")
    test = [row for row in _rows(run / "split.csv") if row["part"] == "test"]
    test = test[:: max(1, len(test) // (most or len(test)))][:most]
    paths = tuple(folder.resolve() / row["path"] for row in test)
    if missing := [path for path in paths if not path.is_file()]:
        raise DataError(missing[0], "not there: say where the pictures lie with  --data FOLDER")
    scores = run / "scores.csv"
    p_ai = {row["path"]: float(row["p_ai"]) for row in _rows(scores)} if scores.is_file() else {}
    return Pictures(
        paths=paths,
        labels=tuple(row["label"] for row in test),
        original=tuple(p_ai[row["path"]] for row in test if row["path"] in p_ai),
    )


def _data_folder(card: Path) -> Path:
    try:
        return Path(json.loads(card.read_bytes())["data"]["folder"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            card, "does not say where the data lie: say it with  --data FOLDER"
        ) from error


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            return list(csv.DictReader(file))
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror})") from error
