"""A program for the device: the pixels of pictures, as the edge reads them for a network.

`pixels.py MODEL OUT PICTURE...` writes them to OUT, an .npy file.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from aiart_edge.image import read_pixels
from aiart_edge.model_file import read_model_file


def main(model: str, out: str, *pictures: str) -> None:
    rule = read_model_file(Path(model)).description.input
    np.save(out, np.concatenate([read_pixels(picture, rule) for picture in pictures]))


if __name__ == "__main__":
    main(*sys.argv[1:])
