"""The TFLite runtimes, behind one small class: raw pixels in, two scores out."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from aiart_edge.decision import LABELS
from aiart_edge.errors import RuntimeUnavailable
from aiart_edge.program import count_cores, silenced

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aiart_edge.image import InputRule

# In order of preference: LiteRT's int8 kernels need fewer instructions, docs/raspberry-pi.md.
RUNTIMES = {"litert": "ai_edge_litert", "tflite": "tflite_runtime"}
# Silence is for the whole process: one thread at a time.
_LOADING = threading.Lock()

WHEELS = {"litert": "ai-edge-litert", "tflite": "tflite-runtime"}


class Scorer(Protocol):
    """A network, whichever process it runs in."""

    def scores(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


class Interpreter(Protocol):
    """What `Network` needs of either runtime's `Interpreter`."""

    def get_input_details(self) -> list[dict[str, Any]]: ...  # noqa: D102
    def resize_tensor_input(self, input_index: int, tensor_size: Sequence[int]) -> None: ...  # noqa: D102
    def get_output_details(self) -> list[dict[str, Any]]: ...  # noqa: D102
    def allocate_tensors(self) -> None: ...  # noqa: D102
    def set_tensor(self, tensor_index: int, value: NDArray[Any]) -> None: ...  # noqa: D102
    def invoke(self) -> None: ...  # noqa: D102
    def get_tensor(self, tensor_index: int) -> NDArray[Any]: ...  # noqa: D102
    def get_tensor_details(self) -> list[dict[str, Any]]: ...  # noqa: D102


class Network:
    """A TFLite network, loaded; for one thread at a time.

    The tensor contract: one input, [batch, height, width, 3], float32 or quantised, in units of raw
    pixels (0 to 255); one output, [batch, 2], float32 or quantised, p(ai) and p(human).

    Args:
        interpreter: a runtime's, with the network in it.
        size: height and width that a network which takes any is set to. Default none.
        more: how many outputs were added to it, for `read`. Default 0.

    Raises:
        ValueError: the network does not keep the tensor contract.
    """

    def __init__(
        self, interpreter: Interpreter, size: tuple[int, int] | None = None, more: int = 0
    ) -> None:
        if size:
            taken = _only("input", interpreter.get_input_details(), (None, None, None, 3))
            if -1 in taken["shape_signature"][1:3]:
                interpreter.resize_tensor_input(taken["index"], [1, *size, 3])
        interpreter.allocate_tensors()
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        self._interpreter = interpreter
        self._details: dict[int, dict[str, Any]] = {}  # of its tensors, when one is read
        self._input = _only("input", inputs, (None, None, None, 3))
        self._output = _only("output", outputs[: len(outputs) - more], (None, len(LABELS)))

    def check_size(self, rule: InputRule) -> None:
        """Look that the network takes pictures as its file says.

        Args:
            rule: of the file.

        Raises:
            ValueError: it does not.
        """
        size = tuple(self._input["shape"][1:3].tolist())
        if size != (rule.height, rule.width):
            said = f"not of {rule.height}x{rule.width}, as its description says"
            raise ValueError(f"it takes pictures of {size[0]}x{size[1]}, {said}")

    def scores(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the network on one picture.

        Args:
            pixels: uint8 of shape [1, height, width, 3], as `image.read_pixels` gives them.

        Returns:
            float32 of shape [2], p(ai) and p(human).

        Raises:
            ValueError: pixels of another size, no scores, or the runtime fails.
        """
        count, *shape = self._input["shape"].tolist()
        if pixels.shape != (1, *shape):
            raise ValueError(f"Expected a picture of shape {(1, *shape)}. Received {pixels.shape}.")
        # A network made for a batch gets the one picture many times.
        batch = np.broadcast_to(pixels, (count, *shape))
        self._interpreter.set_tensor(self._input["index"], _quantize(batch, self._input))
        try:
            self._interpreter.invoke()
        except RuntimeError as error:
            raise ValueError(_one_line(error)) from error
        output = _dequantize(self._interpreter.get_tensor(self._output["index"]), self._output)
        if output.shape[1:] != (len(LABELS),) or not len(output):
            raise ValueError(f"Expected scores of shape (n, 2). Received {output.shape}.")
        scores: NDArray[np.float32] = output[0]
        return scores

    def read(self, tensor: int) -> NDArray[np.float32]:
        """Read a tensor: a constant, or an output as the last run left it.

        Args:
            tensor: its number.

        Returns:
            What its values stand for, float32 of its shape.

        Raises:
            ValueError: there is none, or it holds nothing.
        """
        if not self._details:
            found = self._interpreter.get_tensor_details()
            self._details = {one["index"]: one["quantization_parameters"] for one in found}
        if tensor not in self._details:
            raise ValueError(f"the network has no tensor {tensor}")
        values, quantized = self._interpreter.get_tensor(tensor), self._details[tensor]
        scales, zero_points = quantized["scales"], quantized["zero_points"]
        if not len(scales):
            return values.astype(np.float32, copy=False)
        if len(scales) > 1:  # one for each channel
            shape = [1] * values.ndim
            shape[quantized["quantized_dimension"]] = -1
            scales, zero_points = scales.reshape(shape), zero_points.reshape(shape)
        real: NDArray[np.float32] = (values.astype(np.float32) - zero_points) * scales
        return real.astype(np.float32, copy=False)

    def close(self) -> None:
        """Free the memory."""
        del self._interpreter


def load_network(
    content: bytes | str,
    *,
    threads: int = 1,
    runtime: str = "auto",
    size: tuple[int, int] | None = None,
    trusted: bool = False,
    outputs: Sequence[int] = (),
) -> Network:
    """Load a network into a runtime.

    Args:
        content: a TFLite flatbuffer; or the path of a file that begins with one, was checked and is
            given no outputs: the runtime maps it.
        threads: of the runtime. Default 1.
        runtime: one of `RUNTIMES`, or `auto` for the first that is installed. Default `auto`.
        size: height and width that a network which takes any is set to. Default none.
        trusted: whether it came with the code that runs it: it is not checked. Default false.
        outputs: the numbers of tensors that it shall give beside its scores, for `Network.read`.
            Default none.

    Returns:
        The network, ready to run.

    Raises:
        RuntimeUnavailable: no runtime is installed, or the one that is cannot work here.
        ValueError: the network is damaged, or does not keep the tensor contract.
    """
    interpreter = import_interpreter(find_runtime(runtime))
    if isinstance(content, bytes):
        content = _prepare(content, outputs, trusted)
    try:
        with _LOADING, silenced(python_speaks=True):  # the runtime reports its delegate
            kind = "model_content" if isinstance(content, bytes) else "model_path"
            loaded = interpreter(**{kind: content}, num_threads=threads)
            return Network(loaded, size, len(outputs))
    except RuntimeError as error:
        raise ValueError(_one_line(error)) from error


def _prepare(content: bytes, outputs: Sequence[int], trusted: bool) -> bytes:
    if outputs:
        from aiart_edge.flatbuffer import add_outputs  # noqa: PLC0415  to explain, not to classify

        content = add_outputs(content, outputs)
    if not trusted:
        from aiart_edge.flatbuffer import check_network  # noqa: PLC0415  most starts need it not

        check_network(content)
    return content


def check_choice(threads: int, runtime: str) -> None:
    """Check what a user may have chosen wrongly.

    Args:
        threads: of the runtime, 1 or more, and no more than there are cores.
        runtime: one of `RUNTIMES`, or `auto`.

    Raises:
        ValueError: it is not among these.
    """
    if not 1 <= threads <= count_cores():
        raise ValueError(f"Expected threads from 1 to {count_cores()}. Received {threads}.")
    if runtime not in ("auto", *RUNTIMES):
        raise ValueError(f"Expected auto or one of {list(RUNTIMES)}. Received {runtime!r}.")


def import_interpreter(runtime: str) -> Callable[..., Interpreter]:
    """Import a runtime.

    Args:
        runtime: one of `RUNTIMES`.

    Returns:
        Its `Interpreter`.

    Raises:
        RuntimeUnavailable: it cannot be imported here.
    """
    try:
        module = importlib.import_module(f"{RUNTIMES[runtime]}.interpreter")
    except (ImportError, OSError) as error:  # LiteRT loads its libraries itself
        problem = f"{WHEELS[runtime]} is installed and cannot be loaded ({error})"
        raise RuntimeUnavailable(f"{problem}: {_how_to_install(runtime)}") from error
    interpreter: Callable[..., Interpreter] = module.Interpreter
    return interpreter


def find_runtime(wanted: str = "auto") -> str:
    """Find a runtime that is installed and can work here, without loading it.

    Args:
        wanted: one of `RUNTIMES`, or `auto` for the first that is installed. Default `auto`.

    Returns:
        One of `RUNTIMES`.

    Raises:
        RuntimeUnavailable: there is none.
        ValueError: an unknown name.
    """
    check_choice(1, wanted)
    names = list(RUNTIMES) if wanted == "auto" else [wanted]
    found = next((name for name in names if importlib.util.find_spec(RUNTIMES[name])), None)
    if found is None:
        what = "no TFLite runtime" if wanted == "auto" else WHEELS[wanted]
        verb = "is installed" if wanted == "auto" else "is not installed"
        raise RuntimeUnavailable(f"{what} {verb}: {_how_to_install(names[-1])}")
    if found == "tflite":
        _check_tflite_runtime_works()
    return found


def kernels_of(runtime: str) -> str:
    """Say which kernels a runtime uses on this machine.

    Args:
        runtime: one of `RUNTIMES`.

    Returns:
        One of `golden.KERNELS`.
    """
    if runtime == "litert":
        return "xnnpack"
    return "optimized" if os.uname().machine in {"x86_64", "i686"} else "reference"


def _how_to_install(runtime: str) -> str:
    """Say how to get this runtime, or on a Python without it the other."""
    system, *_, machine = os.uname()
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    if machine == "armv6l":
        return "none is published for ARMv6; a Raspberry Pi 2 or later, or a Zero 2, has one"
    # The kernel of a 32-bit Raspberry Pi OS has 64 bits on the newer devices.
    is_32_bit = machine in {"armv7l", "armv8l"} or (machine == "aarch64" and sys.maxsize < 1 << 32)
    if is_32_bit and runtime == "litert":
        return "none is published for 32 bits: use a 64-bit Raspberry Pi OS"
    if is_32_bit and python != "3.11":
        return "on 32-bit ARM one is published for Python 3.11 alone: use Raspberry Pi OS Bookworm"
    if is_32_bit or (runtime, system, python) == ("tflite", "Linux", "3.11"):
        return "run  pip install tflite-runtime 'numpy<2'"
    return "run  pip install ai-edge-litert"


def _check_tflite_runtime_works() -> None:
    """Name two causes that tflite-runtime itself reports as riddles, when it loads a network."""
    if int(np.__version__.split(".")[0]) > 1:
        raise RuntimeUnavailable(
            f"tflite-runtime cannot work with numpy {np.__version__}: run  pip install 'numpy<2'"
        )
    if "tensorflow" in sys.modules and "tflite_runtime.interpreter" not in sys.modules:
        from aiart_edge.installation import install_command  # noqa: PLC0415  only here

        raise RuntimeUnavailable(
            "tflite-runtime cannot work in a process that imported TensorFlow first: import "
            f"tflite_runtime.interpreter before it, or run  {install_command('litert')}"
        )


def _one_line(error: RuntimeError) -> str:
    return " ".join(str(error).split())


def _only(
    what: str, details: Sequence[dict[str, Any]], shape: tuple[int | None, ...]
) -> dict[str, Any]:
    if len(details) == 1:
        received = tuple(details[0]["shape"].tolist())
        if len(received) == len(shape) and all(
            want in (None, got) for want, got in zip(shape, received, strict=True)
        ):
            return details[0]
    received_all = [tuple(detail["shape"].tolist()) for detail in details]
    raise ValueError(f"Expected one {what} of shape {shape}. Received {received_all}.")


def _quantize(pixels: NDArray[np.uint8], tensor: dict[str, Any]) -> NDArray[Any]:
    scale, zero_point = tensor["quantization"]
    dtype = tensor["dtype"]
    if not scale or (scale == 1 and zero_point == 0):
        return pixels.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    steps: NDArray[Any] = (pixels / scale + zero_point).round().clip(limits.min, limits.max)
    return steps.astype(dtype)


def _dequantize(values: NDArray[Any], tensor: dict[str, Any]) -> NDArray[np.float32]:
    scale, zero_point = tensor["quantization"]
    if not scale:
        return values.astype(np.float32, copy=False)
    scores: NDArray[np.float32] = ((values.astype(np.float32) - zero_point) * scale).astype(
        np.float32
    )
    return scores
