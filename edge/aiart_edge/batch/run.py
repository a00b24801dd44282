"""What a run has to do, and what it leaves."""

from __future__ import annotations

from collections.abc import Container, Iterator

from aiart_edge.batch.results import Results
from aiart_edge.batch.shard import Task, is_unreached
from aiart_edge.batch.summary import Summary


def find_due(results: Results, *, retry: bool) -> list[int]:
    """Find the shards that are to be done.

    Args:
        results: of a batch that has begun.
        retry: those again in which files could not be reached.

    Returns:
        Their numbers.

    Raises:
        DataError: a file of results is broken.
    """
    return [
        shard
        for shard in results.shards
        if not results.path_of(shard).exists()
        or (retry and any(map(is_unreached, results.read(shard) or [])))
    ]


def make_tasks(results: Results, due: Container[int]) -> Iterator[Task]:
    """Give the shards that are to be done, as they are needed.

    Args:
        results: of a batch that has begun.
        due: numbers of shards.

    Yields:
        Each, without the files that have a record which stands.

    Raises:
        DataError: the list was altered.
    """
    for shard, (names, etags) in enumerate(results.names()):
        if shard in due:
            records = enumerate(results.read(shard) or [])
            known = {place: record for place, record in records if not is_unreached(record)}
            yield Task(shard, names, etags, known)


def summarize(results: Results) -> Summary:
    """Count what stands in all results, whichever runs have made them.

    Args:
        results: of a batch that has begun.

    Returns:
        The counts.

    Raises:
        DataError: a file of results is broken.
    """
    summary = Summary()
    for shard in results.shards:
        summary.add(shard, results.read(shard))
    return summary
