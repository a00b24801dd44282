"""Tasks on a cluster of Ray's core, by the extra `ray`; this module is imported without it, too.

Tasks give answers, and only the driver writes. One whose node or process is lost is done again.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from itertools import islice
from typing import Any, TypeVar

from aiart_edge.errors import AiartError, RuntimeUnavailable, require_extra

LOCAL = "local"  # in place of an address: a cluster of this machine alone, which ends with the run

_PATIENCE = 10  # seconds that a cluster's head may take to answer
_TRIES = 5  # of a task whose node or process is lost
_AHEAD = 2  # tasks in flight for each place that is free for one

Common = TypeVar("Common")
Task = TypeVar("Task")
Answer = TypeVar("Answer")


def do_tasks(
    address: str,
    jobs: int,
    work: Callable[[Common, Task], Answer | Exception],
    common: Common,
    tasks: Iterable[Task],
    *,
    processors: int = 1,
    fresh: bool = False,
) -> Iterator[tuple[Task, Answer | None]]:
    """Do tasks on a cluster.

    Args:
        address: `host:port` of its head; or `local`, which starts one on the loopback, without a
            dashboard.
        jobs: the number of processors of a local one.
        work: does a task, on whichever node; it has a name in a module that all nodes have. What it
            gives is an answer, or an error that ends all.
        common: what every task needs.
        tasks: to be done; taken as they are needed.
        processors: that a task takes. Default 1.
        fresh: whether each has a process of its own. Default: a process does several, in turn.

    Yields:
        Each task as it is done, and its answer; None where its processes died again and again.

    Raises:
        AiartError: no node has so many processors.
        Exception: that a task gave.
        MissingExtra: the extra `ray` is not installed.
        RuntimeUnavailable: the cluster does not answer.
    """
    # Ray prints what its processes die of to standard output, which is for data.
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), _connected(address, jobs):  # noqa: PTH123
        import ray  # noqa: PLC0415  an extra

        _check_size(processors)
        options: dict[str, Any] = {"max_calls": 1} if fresh else {}
        remote = ray.remote(num_cpus=processors, max_retries=_TRIES, **options)(work)
        todo, shared = iter(tasks), ray.put(common)
        under_way: dict[Any, Task] = {}
        while True:
            places = int(ray.cluster_resources().get("CPU", 1)) // processors
            free = _AHEAD * max(1, places) - len(under_way)
            under_way |= {remote.remote(shared, task): task for task in islice(todo, max(0, free))}
            if not under_way:
                return
            done, _ = ray.wait(list(under_way))
            for reference in done:
                task = under_way.pop(reference)
                try:
                    answer = ray.get(reference)
                except ray.exceptions.RayError:  # its process or node is lost, _TRIES times over
                    answer = None
                if isinstance(answer, Exception):
                    raise answer
                yield task, answer


@contextmanager
def _connected(address: str, jobs: int) -> Iterator[None]:
    """Join a cluster for the time of a `with` statement."""
    require_extra("ray", "ray")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray  # noqa: PLC0415  an extra

    quiet: dict[str, Any] = {"logging_level": "critical", "log_to_driver": False}
    try:
        if address == LOCAL:
            here = {"num_cpus": jobs, "include_dashboard": False}
            ray.init(**here, _node_ip_address="127.0.0.1", **quiet)
        else:
            host, _, port = address.rpartition(":")
            # Ray itself would try for many minutes.
            socket.create_connection((host, int(port)), timeout=_PATIENCE).close()
            if host.startswith("127."):  # else the driver is sought at the address others see
                quiet["_node_ip_address"] = host
            ray.init(address=address, **quiet)
    except (OSError, OverflowError, RuntimeError, ValueError) as error:
        problem = " ".join(str(error).split())[:200]
        raise RuntimeUnavailable(f"no cluster answers at {address} ({problem})") from error
    try:
        yield
    finally:
        ray.shutdown()


def _check_size(processors: int) -> None:
    """Refuse what would wait for ever."""
    import ray  # noqa: PLC0415  an extra

    largest = max(int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"])
    if largest < processors:
        raise AiartError(
            f"a task takes {processors} processors, of which no node of the cluster has more than "
            f"{largest}: take another cluster, or fewer --threads"
        )
