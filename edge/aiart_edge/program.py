"""What makes a command a well-behaved program, whichever room it is in."""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from aiart_edge.errors import OutputError

INTERRUPTED = 130  # the exit code after Ctrl-C, as shells have it


def run(command: click.Command) -> None:
    """Run a command as the program that the user started.

    click turns its own exceptions, and so ours, into one line, and ends quietly where nobody reads
    on, as before `| head`. What it lets through is an OSError, of which only one is left: standard
    output cannot be written, as on a full disk.

    Args:
        command: of a room.
    """
    _fill_closed_streams()
    try:
        sys.exit(command.main(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        click.echo("Aborted!", err=True)
        sys.exit(INTERRUPTED)
    except OSError as error:
        # What is still buffered must go somewhere, or the interpreter complains once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        failure = OutputError(error.filename or "<stdout>", f"cannot be written ({error.strerror})")
        failure.show()
        sys.exit(failure.exit_code)
    finally:
        # At the end Python looks for garbage in all that was imported: a twentieth of a cold start.
        gc.freeze()


def _fill_closed_streams() -> None:
    """Put something in place of a standard stream that the user closed, as with `>&-`.

    Else the next file that is opened gets its number, and Python's stream is None. What is read
    from or written to the two that carry data fails; what is said on the third gets lost.
    """
    for name, mode, wrong in (("stdin", "r", "w"), ("stdout", "w", "r"), ("stderr", "w", "w")):
        if getattr(sys, name) is None:
            handle = os.open(os.devnull, os.O_WRONLY if wrong == "w" else os.O_RDONLY)
            setattr(sys, name, open(handle, mode, closefd=False))  # noqa: SIM115


@contextmanager
def silenced(*, python_speaks: bool = False) -> Iterator[None]:
    """Silence what C and C++ code writes to standard error, for the commands.

    TFLite reports every delegate that it creates, TensorFlow every CPU feature that it misses,
    libtiff all that it finds odd in a file, and none has a switch for all of it. Python's
    exceptions pass through.

    Args:
        python_speaks: what Python code writes is let through, too. Default false.

    Yields:
        Nothing.
    """
    stream = sys.stderr
    if stream is None:  # the user closed it
        yield
        return
    stream.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
            os.dup2(nowhere.fileno(), 2)
        if python_speaks and isinstance(stream, io.TextIOWrapper) and stream is sys.__stderr__:
            sys.stderr = open(kept, "w", 1, stream.encoding, stream.errors, closefd=False)  # noqa: SIM115
        yield
    finally:
        sys.stderr.flush()
        sys.stderr = stream
        os.dup2(kept, 2)
        os.close(kept)


def count_cores() -> int:
    """Count the processor's cores that this process may use.

    Returns:
        One or more.
    """
    if hasattr(os, "sched_getaffinity"):  # on Linux alone
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
