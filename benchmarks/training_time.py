"""How long a recipe trains, foretold from its first epochs on drawn pictures.

`python -m benchmarks.training_time [--pictures N] [RECIPE ...]` fits each recipe's head, if it has
one, trains one epoch on N pictures, and prints what more pictures and other cores would take. Time
is that of all cores, so that what else the machine does counts little; a core that waits is not
counted either, so the minutes are a lower bound.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
from PIL import Image

SIDE = 512  # pixels of a drawn picture
SIZES = (1_000, 10_000)  # pictures of the table
CORES = (1, 2, 4)

_VALIDATED, _TRAINED = 0.16, 0.64  # shares of the pictures, see split.FOLDS


def draw_pictures(folder: Path, count: int) -> None:
    """Draw a data set of blurred noise in JPEG, of which no two pictures look alike.

    Args:
        folder: of the data set; made.
        count: of its pictures, half of each class.
    """
    rng = np.random.default_rng(0)
    for number in range(count):
        place = folder / ("ai", "human")[number % 2] / f"{number}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        noise = Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8))
        noise.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(place, quality=90)


def measure(name: str, data: Path) -> dict[bool, float]:
    """Measure a recipe.

    Args:
        name: of the recipe.
        data: folder of the pictures.

    Returns:
        Processor seconds of a forward pass, by whether it is of the head's fit; see
        `aiart_train.progress.Forecast`.
    """
    from aiart_train.data.dataset import scan  # noqa: PLC0415  it needs TensorFlow
    from aiart_train.data.split import draw_split, rows_of  # noqa: PLC0415
    from aiart_train.learning.fit import fit  # noqa: PLC0415
    from aiart_train.learning.recipes import RECIPES  # noqa: PLC0415
    from aiart_train.progress import Forecast, listener  # noqa: PLC0415

    recipe = RECIPES[name]
    recipe = replace(recipe, epochs=min(recipe.epochs, 1))
    rows = draw_split(scan(data), 0)
    trained, validated = (len(rows_of(rows, part)) for part in ("train", "validation"))
    forecast = Forecast(recipe, trained, validated)
    fit(recipe, data, rows, 0, listener=listener(forecast, time.process_time))
    return forecast.rates


@click.command()
@click.argument("recipes", nargs=-1)
@click.option("--pictures", type=click.IntRange(50), default=200, show_default=True)
def main(recipes: Sequence[str], pictures: int) -> None:
    """Print how long each of RECIPES, or all of them, would train."""
    from aiart_train.learning.recipes import RECIPES  # noqa: PLC0415
    from aiart_train.progress import Forecast  # noqa: PLC0415

    click.echo("| recipe | pictures | " + " | ".join(f"cores: {cores}" for cores in CORES) + " |")
    click.echo("|---|---:|" + "---:|" * len(CORES))
    with tempfile.TemporaryDirectory() as folder:
        draw_pictures(Path(folder), pictures)
        for name in recipes or RECIPES:
            rates = measure(name, Path(folder))
            for size in SIZES:
                parts = round(_TRAINED * size), round(_VALIDATED * size)
                minutes = Forecast(RECIPES[name], *parts, rates=rates).left(1, 0) / 60
                shares = [minutes / cores for cores in CORES]
                cells = " | ".join(f"{share:.0f}" if share >= 1 else "<1" for share in shares)
                click.echo(f"| `{name}` | {size:,} | {cells} |")


if __name__ == "__main__":
    main()
