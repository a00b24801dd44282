"""What a pipeline learns of pictures that show nothing but how large they are and how compressed.

`python -m benchmarks.give_away OUT DATA...` writes each picture of DATA anew, of its own size, as
random texture in a JPEG file of one quality. A network that `aiart-train crossval --by-source`
trains on OUT in place of DATA should be near chance: what it finds is not art.
"""

from __future__ import annotations

import io
from pathlib import Path

import click
import numpy as np
from PIL import Image

from aiart_edge.errors import OutputError
from aiart_edge.files import PATH
from aiart_edge.program import run
from aiart_train.data.dataset import scan

_GRAINS = (1, 2, 4, 8, 16, 32, 64)  # pixels of the picture as it is stored
_CONTRAST = 50  # standard deviation, of 256 levels
_QUALITY = 90  # as the project's data are encoded


def draw_texture(width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """Draw coloured noise whose coarser grains are the stronger, as in pictures.

    Args:
        width: pixels.
        height: pixels.
        rng: the only source of chance.

    Returns:
        RGB.
    """
    total = np.zeros((height, width, 3))
    for grain in _GRAINS:
        coarse = (width // grain + 2, height // grain + 2)
        for channel in range(3):
            noise = Image.fromarray(rng.normal(size=coarse[::-1]).astype(np.float32))
            fine = noise.resize((coarse[0] * grain, coarse[1] * grain), Image.Resampling.BICUBIC)
            total[..., channel] += np.sqrt(grain) * np.asarray(fine)[:height, :width]
    levels = 128 + _CONTRAST * (total - total.mean()) / total.std()
    return Image.fromarray(levels.clip(0, 255).astype(np.uint8))


@click.command()
@click.argument("out", type=PATH)
@click.argument("folders", metavar="DATA...", nargs=-1, required=True, type=PATH)
def main(out: Path, folders: tuple[Path, ...]) -> None:
    """Write the textures of the pictures in DATA, which may be several folders, to OUT."""
    for folder in folders:
        for picture in scan(folder).pictures:
            stream = io.BytesIO()
            rng = np.random.default_rng(picture.phash)
            draw_texture(picture.width, picture.height, rng).save(stream, "JPEG", quality=_QUALITY)
            path = out / folder.resolve().name / picture.path
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(stream.getvalue())
            except OSError as error:
                raise OutputError(path, f"cannot be written ({error.strerror})") from error
    click.echo(out)


if __name__ == "__main__":
    run(main)
