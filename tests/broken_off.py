"""A program for tests: a command that a signal breaks off at a given call of a function.

Its arguments are the command's package, the signal's name, the function's dotted name, the number
of the call, and then the command's own.
"""

from __future__ import annotations

import itertools
import os
import pkgutil
import signal
import sys
from typing import Any


def break_off(signal_name: str, function: str, number: str) -> None:
    """Have a call of a function send this process a signal first."""
    owner_name, _, name = function.rpartition(".")
    owner = pkgutil.resolve_name(owner_name)
    real, calls = getattr(owner, name), itertools.count(1)

    def call(*arguments: Any, **options: Any) -> Any:
        if next(calls) == int(number):
            os.kill(os.getpid(), signal.Signals[signal_name])
        return real(*arguments, **options)

    setattr(owner, name, call)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    package, *where = sys.argv[1:5]
    break_off(*where)
    pkgutil.resolve_name(f"{package}.cli:main")(sys.argv[5:])
