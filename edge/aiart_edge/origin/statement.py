"""What a file says of itself, as data.

Named tuples, where a dataclass would do: to make one takes Python four million instructions, at
every cold start.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple, get_args

Says = Literal["ai", "partly-ai", "edited-with-ai", "camera", "person", "nothing"]
Certainty = Literal["declared", "likely", "hint"]

LOOKED_AT, NOT_LOOKED_AT = "looked at", "not looked at"
PIXELS = "pixels"  # how the place of a mark begins that stands in them

_SAYS: tuple[Says, ...] = get_args(Says)
_CERTAINTY: tuple[Certainty, ...] = get_args(Certainty)


class Field(NamedTuple):
    """A text that stands in a file under a name.

    Args:
        name: such as `png:parameters`, `exif:Make`, `xmp:photoshop:Credit`; see `markers`.
        text: what stands there.
        where: the part of the file, for a person.
    """

    name: str
    text: str
    where: str


class Mark(NamedTuple):
    """One thing that a file says of itself.

    Args:
        says: what it says of the picture; `nothing` where it is there and leaves that open.
        kind: of the marker, its row in `markers.MARKERS`.
        where: the part of the file, for a person.
        certainty: `declared` where nothing else writes such a thing, `likely` where it may be
            copied or be free text, `hint` where it is to be mentioned and nothing follows from it.
            It is of what the file says: all of it can be forged or removed.
        by: what made the picture, or signs. Default unknown.
        bound: whether Content Credentials belong to these bytes; None where that was not, or
            cannot be, checked. Default None.
    """

    says: Says
    kind: str
    where: str
    certainty: Certainty
    by: str | None = None
    bound: bool | None = None

    @property
    def strength(self) -> tuple[bool, int, int]:
        """What sorts the strongest first."""
        return (
            self.says == "nothing",
            _CERTAINTY.index(self.certainty),
            _SAYS.index(self.says),
        )


class Origin(NamedTuple):
    """What a file says of itself.

    Args:
        marks: all that was found, the strongest first. Default none.
        gaps: why the file was not read to its end, where it was not. Default none.
        verified: what verifying the Content Credentials gave, where that was asked for.
        fields: the texts that were looked at. Private: prompts and names may stand there.
        pixels: whether marks were looked for in them. Default not.
    """

    marks: tuple[Mark, ...] = ()
    gaps: tuple[str, ...] = ()
    verified: Mapping[str, Any] | None = None
    fields: tuple[Field, ...] = ()
    pixels: str = NOT_LOOKED_AT

    def __repr__(self) -> str:
        """Leave out what is private."""
        return f"Origin(marks={self.marks}, gaps={self.gaps}, verified={self.verified})"

    @classmethod
    def of(cls, marks: Iterable[Mark], gaps: Iterable[str], fields: Iterable[Field]) -> Origin:
        """Make one of what was found, in whatever order."""
        ordered = sorted(dict.fromkeys(marks), key=lambda mark: mark.strength)
        return cls(tuple(ordered), tuple(dict.fromkeys(gaps)), None, tuple(fields))

    def with_pixels(
        self, marks: Iterable[Mark], gaps: Iterable[str], fields: Iterable[Field]
    ) -> Origin:
        """Add what was found in the pixels."""
        both = Origin.of((*self.marks, *marks), (*self.gaps, *gaps), (*self.fields, *fields))
        return both._replace(verified=self.verified, pixels=LOOKED_AT)

    @property
    def strongest(self) -> Mark | None:
        """The mark that decides what the file says."""
        return self.marks[0] if self.marks else None

    @property
    def says(self) -> Says:
        """What the strongest mark says."""
        return self.strongest.says if self.strongest else "nothing"

    @property
    def by(self) -> str | None:
        """What made the picture, from the strongest mark that says the same and knows it."""
        return next((mark.by for mark in self.marks if mark.says == self.says and mark.by), None)

    @property
    def complete(self) -> bool:
        """Whether the file was read to its end."""
        return not self.gaps

    def as_dict(self, *, show_metadata: bool = False) -> dict[str, Any]:
        """Return what machines read.

        Args:
            show_metadata: with the texts that were looked at, which are private. Default false.
        """
        first = self.strongest
        record: dict[str, Any] = {
            "says": self.says,
            "kind": first.kind if first else None,
            "by": self.by,
            "where": first.where if first else None,
            "certainty": first.certainty if first else None,
            "verified": dict(self.verified) if self.verified is not None else None,
            "complete": self.complete,
            "marks": [_mark_as_dict(mark) for mark in self.marks],
            "pixels": self.pixels,
        }
        if self.gaps:
            record["reason"] = "; ".join(self.gaps)
        if show_metadata:
            record["metadata"] = [[text.name, text.text] for text in self.fields]
        return record


def _mark_as_dict(mark: Mark) -> dict[str, Any]:
    record: dict[str, Any] = {
        "says": mark.says,
        "kind": mark.kind,
        "by": mark.by,
        "where": mark.where,
        "certainty": mark.certainty,
    }
    if mark.kind == "c2pa":
        record["bound"] = mark.bound
    return record
