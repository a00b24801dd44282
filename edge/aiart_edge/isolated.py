"""A network from elsewhere, in a process of its own that it may crash.

tflite-runtime 2.14 crashes on many a damaged network, and such a file carries no hash of ours that
would tell. The process answers first `ok` or what is wrong, as a line; then to the bytes of each
picture, uint8 of [height, width, 3], its scores, float32 of [2].
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aiart_edge.errors import AiartError, ModelFileError, RuntimeUnavailable
from aiart_edge.model_file import read_network_file
from aiart_edge.runtime import WHEELS, find_runtime, load_network

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aiart_edge.image import InputRule

_SCORES = 2 * np.dtype(np.float32).itemsize  # bytes


class IsolatedNetwork:
    """A TFLite network that runs in a process of its own; for one thread at a time.

    Args:
        path: of the .tflite file.
        rule: how it wants its pictures.
        threads: of the runtime.
        runtime: see `runtime.find_runtime`.

    Raises:
        ModelFileError: the file is missing, or the runtime refuses it or dies of it.
        RuntimeUnavailable: no TFLite runtime that works is installed, or it died of an instruction
            that this processor does not know.
    """

    def __init__(self, path: Path, rule: InputRule, *, threads: int, runtime: str) -> None:
        self._path = path
        self._runtime = find_runtime(runtime)
        numbers = map(str, (rule.height, rule.width, threads))
        self._process = subprocess.Popen(  # noqa: S603  it starts itself
            [sys.executable, "-P", "-m", __name__, str(path), self._runtime, *numbers],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdin  # noqa: S101  for mypy
        assert self._process.stdout  # noqa: S101
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        if (answer := self._stdout.readline().decode().strip()) != "ok":
            self.close()
            raise ModelFileError(path, answer) if answer else self._death()

    def scores(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the network on one picture.

        Args:
            pixels: uint8 of shape [1, height, width, 3].

        Returns:
            float32 of shape [2].

        Raises:
            ModelFileError: the runtime died.
            RuntimeUnavailable: it died of an instruction that this processor does not know.
        """
        try:
            self._stdin.write(pixels.tobytes())
            self._stdin.flush()
        except OSError:  # it died before
            answer = b""
        else:
            answer = self._stdout.read(_SCORES)
        if len(answer) < _SCORES:
            self.close()
            raise self._death()
        return np.frombuffer(answer, dtype=np.float32)

    def _death(self) -> AiartError:
        """Say what the process that ended died of."""
        if self._process.returncode == -signal.SIGILL:
            name = WHEELS[self._runtime]
            return RuntimeUnavailable(
                f"{name} was built for another processor than this one, which does not know an "
                "instruction of it: try another --runtime, or an older version"
            )
        return ModelFileError(self._path, "the TFLite runtime died of it")

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


def _serve(path: Path, runtime: str, height: int, width: int, threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends it
    answers, pictures = sys.stdout.buffer, sys.stdin.buffer
    try:
        size = height, width
        network = load_network(
            read_network_file(path),
            threads=threads,
            runtime=runtime,
            size=size,
            trusted=True,  # it was looked at, and may end this process
        )
        network.scores(np.zeros((1, height, width, 3), np.uint8))
    except RuntimeUnavailable as error:
        problem = error.format_message()
    except ModelFileError as error:
        problem = error.problem
    except ValueError as error:
        problem = f"the model cannot be run ({error})"
    else:
        problem = "ok"
    answers.write(" ".join(problem.split()).encode() + b"\n")
    answers.flush()
    while problem == "ok" and (content := pictures.read(height * width * 3)):
        pixels = np.frombuffer(content, np.uint8).reshape(1, height, width, 3)
        answers.write(network.scores(pixels).tobytes())
        answers.flush()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:]))
