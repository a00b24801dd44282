"""What the sources of the data are: a kind of medium and a year, in media.csv.

A kind is that of most of a source's pictures, as its manifest says and as they look: `museum`
(masters' paintings, reproduced), `painting`, `drawing`, `print` (engraving, woodcut), `digital`
(painting), `anime` (with manga and visual novels), `cartoon` (with comics and picture books),
`flat` (vector art, clip-art, posters, wallpaper), `photo`, `render`, and `mixed` where none is. The
year is the last in which human art of a source was made or collected; of AI art it is the year in
which the generator of most of it appeared. It was written before anything was scored by it.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from aiart_edge.errors import DataError
from aiart_train.evaluation.evaluate import VERDICTS, answer, targets, wilson_interval
from aiart_train.report.document import Table
from aiart_train.report.run import Report

MEDIA = Path(__file__).parent / "media.csv"

JUDGED = 50  # pictures of a kind, below which its figures say little


@dataclass(frozen=True)
class Medium:
    """What a source is.

    Args:
        medium: the kind, as above.
        year: of the art, or of its generator.
    """

    medium: str
    year: int


def read_media(path: Path = MEDIA) -> dict[str, Medium]:
    """Read what the sources are.

    Args:
        path: of a CSV file with the columns `source`, `medium` and `year`. Default: media.csv.

    Returns:
        Them by the source's folder, as in `corpus/ai/artist`.
    """
    with path.open(encoding="utf-8", newline="") as file:
        return {
            line["source"]: Medium(line["medium"], int(line["year"]))
            for line in csv.DictReader(file)
        }


def by_medium(report: Report, media: Mapping[str, Medium]) -> Table:
    """Say how each kind of medium fares, those of which most is wrong first.

    Args:
        report: of pictures, none of which was seen by the network that scored it.
        media: of `read_media`.

    Returns:
        The table.

    Raises:
        DataError: a source has no medium.
    """
    lines = _lines(report, media, lambda of: of.medium)
    return Table(("medium", *_HEAD), tuple(cells for _, cells in sorted(lines)))


def by_year(report: Report, media: Mapping[str, Medium]) -> Table:
    """Say how the generators of each year fare.

    Args:
        report: of pictures, none of which was seen by the network that scored it.
        media: of `read_media`.

    Returns:
        The table, of AI art alone.

    Raises:
        DataError: a source has no medium.
    """
    lines = _lines(report, media, lambda of: str(of.year))
    return Table(("year", *_HEAD), tuple(sorted(cells for _, cells in lines if cells[1] == "ai")))


_HEAD = ("class", "sources", "pictures", "recall", " / ".join(VERDICTS), "called wrongly")


def _lines(
    report: Report, media: Mapping[str, Medium], kind: Callable[[Medium], str]
) -> list[tuple[float, tuple[str, ...]]]:
    """Give the recall and the cells of each kind and class."""
    found: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for place, row in enumerate(report.rows):
        found[kind(_medium_of(report.folder / row.source, media)), row.label].append(place)
    right = answer(report.scores) == targets(report.rows)
    lines: list[tuple[float, tuple[str, ...]]] = []
    for (of, label), places in found.items():
        verdicts = [report.decisions.verdicts[place] for place in places]
        wrong = sum(verdict not in {label, "unsure"} for verdict in verdicts)
        low, high = wilson_interval(wrong, len(places))
        few = "" if len(places) >= JUDGED else " (few)"
        cells = (
            of,
            label,
            str(len({report.rows[place].source for place in places})),
            f"{len(places)}{few}",
            f"{right[places].mean():.1%}",
            " / ".join(str(verdicts.count(verdict)) for verdict in VERDICTS),
            f"{wrong / len(places):.1%} ({100 * low:.1f} to {100 * high:.1f})",
        )
        lines.append((float(right[places].mean()), cells))
    return lines


def _medium_of(folder: Path, media: Mapping[str, Medium]) -> Medium:
    parts = folder.resolve().parts
    for length in (3, 2):  # corpus/ai/artist, kaggle/AiArtData
        if found := media.get("/".join(parts[-length:])):
            return found
    raise DataError(folder, f"{MEDIA.name} does not say what this source is: add a line")
