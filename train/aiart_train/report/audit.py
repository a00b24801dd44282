"""The report of an audit: warnings of one line each, and a document in Markdown."""

from __future__ import annotations

from collections.abc import Iterable

from aiart_train.data.audit import (
    CLEARLY,
    FOLDS,
    QUANTILES,
    Audit,
    ClassFacts,
    Floor,
    GiveAway,
    Pair,
)
from aiart_train.data.duplicates import MOST_BITS
from aiart_train.report.document import Document, Section, Table, to_markdown

_LISTED = 30  # lines of a long list in the text; audit.json has them all
_NAMED = 3  # features in the warning; the text has them all


def warn(found: Audit) -> tuple[str, ...]:
    """Say in plain words what in a data set can spoil a training or its figures.

    Args:
        found: the audit.

    Returns:
        One line for each danger; none where none was found.
    """
    across = [pair for pair in found.pairs if pair.across]
    same = [pair for pair in found.pairs if pair.same_file]
    lines = []
    if found.broken:
        lines.append(
            f"{_count(len(found.broken), 'file')} cannot be read as a picture and would be "
            "skipped: repair or delete what is listed"
        )
    if found.contradictions:
        lines.append(
            f"{_count(len(found.contradictions), 'file')} of the class human that say of "
            f"themselves that a model took part, the first {found.contradictions[0]}: look whether "
            "their labels are right"
        )
    if any(_declaring(facts) for facts in found.classes.values()):
        shares = ", ".join(
            f"{_declaring(facts) / max(facts.pictures, 1):.1%} of {label}"
            for label, facts in found.classes.items()
        )
        lines.append(
            f"files that say of themselves how they were made, {shares}: originals, of which a "
            "network can learn what a re-encoder leaves"
        )
    if same:
        lines.append(
            f"{_count(len(same), 'pair')} of files that are the same, byte by byte, the first "
            f"{_both(same[0])}: delete one of each"
        )
    if across:
        lines.append(
            f"{_count(len(across), 'pair')} of pictures that look alike but stand in different "
            f"classes, the first {_both(across[0])}: look whether both labels are right"
        )
    random, whole = found.random_floor, found.source_floor
    if random and random.is_clear:
        lines.append(
            "the files give the class away: without looking at a picture, a random forest reaches "
            f"{_figures(random)} in a random split: trust no model that is not clearly better"
        )
    if found.give_aways:
        told = "; ".join(_tell(found, give_away) for give_away in found.give_aways[:_NAMED])
        lines.append(f"single features that give the class away: {told}")
    if whole and whole.is_clear:
        lines.append(
            f"even with whole sources left out, the forest reaches {_figures(whole)}: give both "
            "classes the same sizes and formats before training"
        )
    if random and whole and whole.balanced_accuracy < random.interval[0]:
        lines.append(
            "a random split flatters: the forest's balanced accuracy falls from "
            f"{_decimal(random.balanced_accuracy)} to {_decimal(whole.balanced_accuracy)} with "
            "whole sources left out: test on sources that did not train"
        )
    return tuple(" ".join(line.splitlines()) for line in lines)  # a name may hold a line break


def describe(found: Audit) -> str:
    """Write an audit for a person.

    Args:
        found: the audit.

    Returns:
        Markdown.
    """
    total = sum(facts.pictures for facts in found.classes.values())
    warnings = warn(found)
    document = Document(
        title=f"Audit of {found.folder}",
        subtitle=f"SHA-256 of the data: {found.sha256}",
        lead=f"{_count(total, 'picture')}, {_count(len(warnings), 'warning')}.",
        tiles=(),
        sections=(
            _list("Warnings", warnings),
            Section("Files", tables=(_files(found), _quantiles(found))),
            _list("Files that cannot be read as pictures", found.broken),
            *(
                _list(
                    f"Sources of the class {label}",
                    (f"{name}, {count:,}" for name, count in facts.sources.items()),
                )
                for label, facts in found.classes.items()
            ),
            *_duplicates(found.pairs),
            _floors(found),
            *_give_aways(found),
        ),
    )
    return to_markdown(document)


def _files(found: Audit) -> Table:
    classes = found.classes.values()
    formats = sorted({name for facts in classes for name in facts.formats})
    return Table(
        ("", *found.classes),
        (
            ("pictures", *(f"{facts.pictures:,}" for facts in classes)),
            ("sources", *(f"{len(facts.sources):,}" for facts in classes)),
            *(
                (name, *(f"{facts.formats.get(name, 0):,}" for facts in classes))
                for name in formats
            ),
            *(
                (f"the file says: {name}", *(f"{facts.says.get(name, 0):,}" for facts in classes))
                for name in sorted({name for facts in classes for name in facts.says})
            ),
        ),
    )


def _declaring(facts: ClassFacts) -> int:
    """Count the pictures whose files say anything of how they were made."""
    return facts.pictures - facts.says.get("nothing", 0)


def _quantiles(found: Audit) -> Table:
    return Table(
        ("", "class", *QUANTILES),
        tuple(
            (name, label, *(f"{value:,}" for value in facts.quantiles[name]))
            for name in next(iter(found.classes.values())).quantiles
            for label, facts in found.classes.items()
        ),
    )


def _duplicates(pairs: tuple[Pair, ...]) -> tuple[Section, ...]:
    kinds = {
        "The same file, byte by byte": [pair for pair in pairs if pair.same_file],
        "Alike, in different classes": [
            pair for pair in pairs if pair.across and not pair.same_file
        ],
        "Alike, in one class": [pair for pair in pairs if not (pair.across or pair.same_file)],
    }
    return (
        Section(
            "Duplicates",
            f"{_count(len(pairs), 'pair')} of pictures at most {MOST_BITS} of 64 bits of "
            "perceptual hash apart.",
        ),
        *(
            _list(
                f"{kind}: {len(of_kind):,}",
                (f"{_both(pair)}, {_count(pair.bits, 'bit')}" for pair in of_kind),
            )
            for kind, of_kind in kinds.items()
            if of_kind
        ),
    )


def _floors(found: Audit) -> Section:
    random, whole = found.random_floor, found.source_floor
    unknown = []
    if random is None:
        unknown.append(
            f"The random split cannot be told: each class needs at least {FOLDS} pictures that do "
            "not look alike."
        )
    if whole is None:
        unknown.append(
            "What is left without the sources cannot be told: each class needs at least two, as "
            "folders inside its own."
        )
    return Section(
        "What the files alone give away",
        "A random forest that never sees a pixel, only format, width, height, short side, both "
        "ratios of the sides, bytes, bytes per pixel and JPEG quality. Chance is .500; an interval "
        f"that lies above {_decimal(CLEARLY)} as a whole is warned of.",
        tuple(unknown),
        (
            Table(
                ("split", "folds", "AUC", "balanced accuracy", "95% interval"),
                (
                    ("random, near-duplicates together", *_cells(random)),
                    ("whole sources left out", *_cells(whole)),
                ),
            ),
        ),
    )


def _give_aways(found: Audit) -> tuple[Section, ...]:
    if not found.give_aways:
        return ()
    table = Table(
        ("feature", "balanced accuracy", "95% interval", "values", *found.classes),
        tuple(
            (
                give_away.feature,
                *_cells(give_away.floor)[2:],
                give_away.where,
                *(f"{count:,}" for count in give_away.counts.values()),
            )
            for give_away in found.give_aways
        ),
    )
    return (
        Section(
            "Single features that give the class away",
            "One feature by itself, in a random split with a tree of depth 2, and the number of "
            "pictures with the values that tell most of the class.",
            tables=(table,),
        ),
    )


def _cells(floor: Floor | None) -> tuple[str, str, str, str]:
    if floor is None:
        return ("-",) * 4
    low, high = floor.interval
    return (
        str(floor.folds),
        _decimal(floor.auc),
        _decimal(floor.balanced_accuracy),
        f"{_decimal(low)} to {_decimal(high)}",
    )


def _figures(floor: Floor) -> str:
    _, auc, balanced_accuracy, interval = _cells(floor)
    return f"balanced accuracy {balanced_accuracy} (95% interval {interval}) and AUC {auc}"


def _tell(found: Audit, give_away: GiveAway) -> str:
    counts = ", ".join(
        f"{count:,} of {found.classes[label].pictures:,} {label}"
        for label, count in give_away.counts.items()
    )
    return f"{give_away.feature} {give_away.where} ({counts})"


def _both(pair: Pair) -> str:
    return f"{pair.first} and {pair.second}"


def _decimal(share: float) -> str:
    return f"{share:.3f}".removeprefix("0")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _list(title: str, lines: Iterable[str]) -> Section:
    every = tuple(lines)
    shown = every[:_LISTED]
    if more := len(every) - len(shown):
        shown += (f"and {more:,} more, listed in audit.json",)
    return Section(title, "" if shown else "None.", shown)
