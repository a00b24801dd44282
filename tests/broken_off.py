"""Commands that a signal breaks off at a given call of a function, each in a process of its own.

The processes are forked from one that has imported TensorFlow and done nothing with it, which takes
longer than much that they are broken off in.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import pkgutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tflite_runtime.interpreter", "tensorflow", "keras"])


def run_broken_off(*words: object) -> subprocess.CompletedProcess[str]:
    """Run a command that is broken off.

    Args:
        *words: the command's package, the signal's name, the function's dotted name, the number of
            the call, and then the command's own.

    Returns:
        How it ended, and what it said.
    """
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        streams = [Path(folder, name) for name in ("stdout", "stderr")]
        process = _FORKS.Process(target=_run, args=(list(map(str, words)), *streams))
        patch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")  # as the commands do before they import it
        process.start()
        process.join()
        said = [stream.read_text() for stream in streams]
    assert process.exitcode is not None
    return subprocess.CompletedProcess(words, process.exitcode, *said)


def _run(words: list[str], stdout: Path, stderr: Path) -> None:
    for number, path in enumerate((stdout, stderr), 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    package, *where = words[:4]
    _break_off(*where)
    pkgutil.resolve_name(f"{package}.cli:main")(words[4:])


def _break_off(signal_name: str, function: str, number: str) -> None:
    """Have a call of a function send this process a signal first."""
    owner_name, _, name = function.rpartition(".")
    owner = pkgutil.resolve_name(owner_name)
    real, calls = getattr(owner, name), itertools.count(1)

    def call(*arguments: Any, **options: Any) -> Any:
        if next(calls) == int(number):
            os.kill(os.getpid(), signal.Signals[signal_name])
        return real(*arguments, **options)

    setattr(owner, name, call)
