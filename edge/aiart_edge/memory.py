"""How much memory pictures may take at once: a budget that each waits for its turn in."""

from __future__ import annotations

import ctypes
import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

_SHARE = 2 / 3  # of what is free; the rest is for networks, and for others
WORTH_GIVING_BACK = 32 << 20  # bytes
_CGROUP = Path("/sys/fs/cgroup")


class Budget:
    """Memory for what is being decoded, shared by threads.

    A picture that takes more than all of it waits until it is alone, and is then read: what is
    refused shall not depend on the moment. None waits for ever, since who holds a part of the
    budget waits for nothing else.

    Args:
        size: bytes. Default: two thirds of what is free now.
    """

    def __init__(self, size: int | None = None) -> None:
        self.size = share_of_memory() if size is None else size
        self._taken = 0
        self._freed = threading.Condition()

    @contextmanager
    def turn(self) -> Iterator[Callable[[int], None]]:
        """Hold memory until the end of a `with` statement.

        Yields:
            What takes so many bytes, and waits until they are there; to be called once.
        """
        taken = 0

        def take(need: int) -> None:
            nonlocal taken
            with self._freed:
                self._freed.wait_for(lambda: not self._taken or self._taken + need <= self.size)
                self._taken += need
            taken = need

        try:
            yield take
        finally:
            if taken > WORTH_GIVING_BACK:
                give_back()
            with self._freed:
                self._taken -= taken
                self._freed.notify_all()


class Share:
    """A process's part of the memory for what is being decoded, where several work side by side.

    A picture that takes more than the part waits until no other process reads such a one. What is
    refused does not depend on the moment here either, and who is killed frees what it held.

    Args:
        size: of the part, in bytes.
        lock: a file that all of the processes can write.
    """

    def __init__(self, size: int, lock: Path) -> None:
        self.size = size
        self.lock = lock

    @contextmanager
    def turn(self) -> Iterator[Callable[[int], None]]:
        """Hold memory until the end of a `with` statement; see `Budget.turn`."""
        with ExitStack() as held:

            def take(need: int) -> None:
                if need > self.size:
                    held.callback(give_back)
                    file = held.enter_context(self.lock.open("ab"))
                    fcntl.flock(file, fcntl.LOCK_EX)

            yield take


def share_of(jobs: int, lock: Path) -> Share:
    """Share the memory that is free between processes.

    Args:
        jobs: how many there are.
        lock: see `Share`.

    Returns:
        The part of each: so that all parts and a picture beside them fit into two thirds.
    """
    from aiart_edge.image import LARGEST_MEMORY  # noqa: PLC0415  it brings numpy

    size = share_of_memory()
    return Share(max(size - LARGEST_MEMORY, size // 8) // max(1, jobs), lock)


def give_back() -> None:
    """Have glibc give to the system what it keeps of freed memory, of every thread."""
    with suppress(AttributeError):  # another libc
        ctypes.CDLL(None).malloc_trim(0)


def share_of_memory() -> int:
    """Say how much of the memory that is free pictures and networks may take, in bytes."""
    return int(_SHARE * available_memory())


def available_memory() -> int:
    """Say how much memory this process and its children may take yet.

    Returns:
        Bytes: what the kernel reckons to be available, or what is left to the control group, if
        that is less (a service's `MemoryMax`, a container).
    """
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                available = 1024 * int(line.split()[1])
    return min([available, *_left_to_groups()])


def _left_to_groups() -> Iterator[int]:
    """Say what each control group that this process is in may take yet, where it is limited."""
    with suppress(OSError, StopIteration):
        lines = Path("/proc/self/cgroup").read_text().splitlines()
        name = next(line[len("0::/") :] for line in lines if line.startswith("0::/"))
        for folder in (_CGROUP / name, *(_CGROUP / name).parents):
            with suppress(OSError, ValueError, StopIteration):  # above the root, or no limit: "max"
                limit = int((folder / "memory.max").read_text())
                # The rest of memory.current are files, which the kernel forgets where it must.
                stat = (folder / "memory.stat").read_text().splitlines()
                anonymous = next(line for line in stat if line.startswith("anon "))
                yield max(0, limit - int(anonymous.split()[1]))
