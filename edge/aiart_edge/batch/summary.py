"""What stands in all results of a batch, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_BINS = 10


@dataclass
class Summary:
    """Counts of records.

    Args:
        verdicts: by verdict.
        p_ai: how many have a p(ai) of 0 to 0.1, 0.1 to 0.2, and so on.
        errors: by kind.
        left_out: by kind.
        unreached: how many files of each shard could not be reached.
        undone: shards that have no file of results.
    """

    verdicts: Counter[str] = field(default_factory=Counter)
    p_ai: Counter[int] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    unreached: Counter[int] = field(default_factory=Counter)
    undone: list[int] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether some pictures have no verdict that should have one."""
        return bool(self.errors or self.undone)

    def add(self, shard: int, records: Iterable[Mapping[str, Any]] | None) -> None:
        """Count the records of a shard.

        Args:
            shard: its number.
            records: of its files; None where it is not done.
        """
        if records is None:
            self.undone.append(shard)
            return
        for record in records:
            if "verdict" in record:
                self.verdicts[record["verdict"]] += 1
                self.p_ai[min(int(_BINS * record["p_ai"]), _BINS - 1)] += 1
            elif "error" in record:
                self.errors[record["kind"]] += 1
                self.unreached[shard] += record["kind"] == "access"
            else:
                self.left_out[record["left_out"]] += 1

    def as_dict(self) -> dict[str, Any]:
        """Give it as a document of counts."""
        return {
            "verdicts": {verdict: self.verdicts[verdict] for verdict in ("ai", "human", "unsure")},
            "p_ai": {
                f"{step / _BINS:.1f} to {(step + 1) / _BINS:.1f}": self.p_ai[step]
                for step in range(_BINS)
            },
            "errors": {kind: self.errors[kind] for kind in ("content", "access")},
            "left_out": dict(self.left_out.most_common()),
            "shards_undone": len(self.undone),
        }

    def sentences(self) -> Iterator[str]:
        """Say it to a person.

        Yields:
            A line on what was found, and one for each thing that is left to do.
        """
        verdicts = ", ".join(f"{self.verdicts[name]} {name}" for name in ("ai", "human", "unsure"))
        told = [f"{self.verdicts.total()} pictures: {verdicts}"]
        if self.errors:
            told.append(f"{self.errors.total()} could not be read")
        if self.left_out:
            told.append(f"{self.left_out.total()} files were left out")
        yield f"{'; '.join(told)}."
        if reachable := self.errors["access"]:
            shards = _numbers(shard for shard, count in self.unreached.items() if count)
            yield (
                f"{reachable} of them could not be reached, in {shards}: --retry access tries again"
            )
        if self.undone:
            yield (
                f"Nothing in {_numbers(self.undone)} could be reached, so that nothing was "
                "written: run again when it can"
            )


_A_FEW = 8


def _numbers(shards: Iterable[int]) -> str:
    numbers = [f"{shard:06}" for shard in shards]
    more = [f"{len(numbers) - _A_FEW} more"] if len(numbers) > _A_FEW else []
    return f"shard{'s' * (len(numbers) > 1)} {', '.join(numbers[:_A_FEW] + more)}"
