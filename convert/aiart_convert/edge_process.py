"""The edge, run in a process of its own as it runs on a device: without TensorFlow.

tflite-runtime 2.14 cannot load a network in a process that imported TensorFlow first, and may crash
the process on a network that it does not understand.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import pickle
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aiart_convert import INTEGER, TARGETS
from aiart_edge.errors import AiartError, RuntimeUnavailable
from aiart_edge.flatbuffer import check_network
from aiart_edge.image import InputRule, decode, read_pixels
from aiart_edge.installation import install_command
from aiart_edge.runtime import Network

Change = Callable[[Image.Image], bytes]

_X86 = ("x86_64", "AMD64", "i686")


@dataclass(frozen=True)
class Runtime:
    """A TFLite runtime, installed here.

    Args:
        name: with its version, for people.
        module: that has the interpreter.
        kernels: name of the interpreter's set of operators, as in `OpResolverType`.
    """

    name: str
    module: str
    kernels: str = "AUTO"


def installed_runtimes(precision: str, target: str = "tflite") -> tuple[Runtime, ...]:
    """List the runtimes that a network has to pass.

    On x86 tflite-runtime has integer kernels that no ARM device has. Its reference kernels give
    ARM's bits, so they are listed too.

    Args:
        precision: of the network.
        target: one of `aiart_convert.TARGETS`; `litert` leaves tflite-runtime out. Default
            `tflite`.

    Returns:
        LiteRT and tflite-runtime, as far as they are installed.

    Raises:
        RuntimeUnavailable: none is.
    """
    found = []
    if importlib.util.find_spec("ai_edge_litert"):
        name = f"LiteRT {importlib.metadata.version('ai-edge-litert')}"
        found.append(Runtime(name, "ai_edge_litert"))
    if importlib.util.find_spec("tflite_runtime") and target == TARGETS[0]:
        name = f"tflite-runtime {importlib.metadata.version('tflite-runtime')}"
        on_x86 = platform.machine() in _X86
        found.append(Runtime(f"{name}, x86" if on_x86 else name, "tflite_runtime"))
        if on_x86 and precision in INTEGER:
            found.append(Runtime(f"{name}, as on ARM", "tflite_runtime", "BUILTIN_REF"))
    if not found:
        raise RuntimeUnavailable(
            "no TFLite runtime that could check the file is installed: "
            f"run  {install_command('convert')}"
        )
    return tuple(found)


def score_on_edge(
    network: bytes, pictures: Sequence[Path], rule: InputRule, runtime: Runtime
) -> NDArray[np.float64]:
    """Score pictures with a TFLite network, on the edge's own path.

    Args:
        network: a TFLite flatbuffer.
        pictures: files.
        rule: how the network wants its pictures.
        runtime: to run it with.

    Returns:
        float64 of shape [n, 2], p(ai) and p(human), not calibrated.

    Raises:
        PictureError: a picture cannot be read.
        RuntimeUnavailable: the runtime died.
        ValueError: the edge or the runtime refuses the network.
    """
    found: NDArray[np.float64] = score_versions_on_edge(network, pictures, rule, runtime, (None,))[
        0
    ]
    return found


def score_versions_on_edge(
    network: bytes,
    pictures: Sequence[Path],
    rule: InputRule,
    runtime: Runtime,
    changes: Sequence[Change | None],
) -> NDArray[np.float64]:
    """Score pictures that were changed first; otherwise as `score_on_edge` does.

    Args:
        network: a TFLite flatbuffer.
        pictures: files.
        rule: how the network wants its pictures.
        runtime: to run it with.
        changes: from a whole picture to the bytes of a changed one; None leaves it as it is.

    Returns:
        float64 of shape [changes, n, 2].

    Raises:
        PictureError, RuntimeUnavailable, ValueError: as there.
    """
    done = subprocess.run(
        [sys.executable, "-P", "-m", __name__],
        input=pickle.dumps((network, pictures, rule, runtime, changes)),
        capture_output=True,  # delegates announce themselves, and Ctrl-C reaches it too
        check=False,
    )
    if done.returncode != 0:
        why = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise RuntimeUnavailable(f"{runtime.name} died on the converted network ({why or 'crash'})")
    answer: NDArray[np.float64] | Exception = pickle.loads(done.stdout)
    if isinstance(answer, Exception):
        raise answer
    return answer


def _answer(request: bytes) -> NDArray[np.float64] | Exception:
    network, pictures, rule, runtime, changes = pickle.loads(request)
    library = importlib.import_module(f"{runtime.module}.interpreter")
    try:
        check_network(network)  # what the edge refuses must not be written
        interpreter = library.Interpreter(
            model_content=network,
            num_threads=1,
            experimental_op_resolver_type=library.OpResolverType[runtime.kernels],
        )
        loaded = Network(interpreter)
        scores = [
            [
                loaded.scores(read_pixels(change(decode(picture)) if change else picture, rule))
                for picture in pictures
            ]
            for change in changes
        ]
    except (AiartError, ValueError) as error:
        return error
    return np.array(scores, dtype=np.float64).reshape(len(changes), len(pictures), -1)


if __name__ == "__main__":
    sys.stdout.buffer.write(pickle.dumps(_answer(sys.stdin.buffer.read())))
