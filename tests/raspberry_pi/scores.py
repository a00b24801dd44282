"""A program for the device and for the PC: a network's scores of pictures.

`scores.py MODEL RUNTIME KERNELS OUT PICTURE...` writes them to OUT, an .npy file. KERNELS is a name
of the runtime's OpResolverType; AUTO is what the edge uses.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np

from aiart_edge.image import read_pixels
from aiart_edge.model_file import read_model_file
from aiart_edge.runtime import RUNTIMES, Network


def main(model: str, runtime: str, kernels: str, out: str, *pictures: str) -> None:
    file = read_model_file(Path(model))
    library = importlib.import_module(f"{RUNTIMES[runtime]}.interpreter")
    network = Network(
        library.Interpreter(
            model_content=file.network,
            num_threads=1,
            experimental_op_resolver_type=library.OpResolverType[kernels],
        )
    )
    rule = file.description.input
    np.save(out, [network.scores(read_pixels(picture, rule)) for picture in pictures])


if __name__ == "__main__":
    main(*sys.argv[1:])
