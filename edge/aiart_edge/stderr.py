"""Standard error without the remarks that runtimes write past Python."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def silenced() -> Iterator[None]:
    """Silence what C++ code writes to standard error, for the commands.

    TFLite reports every delegate that it creates, TensorFlow every CPU feature that it misses, and
    neither has a switch for all of it. Python's exceptions pass through.

    Yields:
        Nothing.
    """
    if sys.stderr is None:  # the user closed it
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
