"""Linear heads on features that are never trained: what a network, a size or a view is worth.

    python -m benchmarks.frozen_heads plan FOLDER DATA... --groups groups.csv
    python -m benchmarks.frozen_heads extract FOLDER clip_vit_b16_cut8 --view 0 --view 1
    python -m benchmarks.frozen_heads screen FOLDER clip_vit_b16_cut8 --cut 6 --cut 8
    python -m benchmarks.frozen_heads curve FOLDER efficientnet_lite0 --size 240 --into curve.png

`plan` draws the folds of `aiart-train crossval --by-source --groups`. `extract` runs every picture
through the network once, with LiteRT in float32 on one thread, and goes on where it was broken off.
`screen` fits the head of `aiart-train fit` in each fold and prints figures on what was left out,
as rows of a table: balanced accuracy, AUC, AI art found where 5% of human art may be accused. It
takes what is extracted so far, which is spread over all sources. `curve` does the same with shares
of what each fold trains on, to tell what more sources would bring.
"""

from __future__ import annotations

import itertools
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import click
import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from scipy.special import expit
from sklearn.preprocessing import StandardScaler

from aiart_convert.quantize import Form, convert
from aiart_edge.decision import LABELS
from aiart_edge.files import PATH, write_atomically
from aiart_edge.image import InputRule, read_pixels
from aiart_edge.program import run
from aiart_train.data.dataset import scan
from aiart_train.data.duplicates import near_pairs
from aiart_train.data.split import (
    TRAINED,
    SplitRow,
    draw_folds,
    read_groups,
    read_split,
    rows_of,
    write_split,
)
from aiart_train.evaluation.evaluate import Metrics, measure
from aiart_train.learning.architectures import ARCHITECTURES
from aiart_train.learning.augment import augment
from aiart_train.learning.features import FeatureCache
from aiart_train.learning.kernels import fold_scales, round_kernels
from aiart_train.learning.linear_head import regress
from aiart_train.learning.recipes import HEAD, Augmentation
from aiart_train.report.theme import render

# Crops of .5 to 1 of the area, reduced to .5 to 1 of the size and enlarged again, as JPEG.
VIEW = Augmentation(flip=True, zoom=0.3, rescale=1, jpeg=1)

_SHARES, _DRAWS = (0.25, 0.5, 0.75), 3  # of the sources; and all of them, once

_CANVAS = 1.5  # times the network's size, out of which views are cut so that they are sharp

_DATA = "data"  # a link to the pictures
_TIED = "tied.json"  # of each source that stays with others, the one that stands for them
_WIDTH = 768  # of CLIP's tokens
_TOLD = 100  # pictures, after which a line says how far it is

_ARCHITECTURE = click.argument("architecture", type=click.Choice(list(ARCHITECTURES)))
_PRECISIONS = click.Choice(["float32", "dynamic"])
_PRECISION = click.option("--precision", type=_PRECISIONS, default="float32", show_default=True)
_SIZE = click.option("--size", type=int, default=224, show_default=True, help="Pixels a side.")
_SEED = click.option("--seed", default=0, show_default=True, help="Of the folds.")


@click.group()
def main() -> None:
    """Plan folds, extract features, screen heads; all in FOLDER."""


@main.command()
@click.argument("folder", type=PATH)
@click.argument("data", nargs=-1, required=True, type=PATH)
@click.option("--groups", type=PATH, required=True, help="Sources that stay together.")
@click.option("--seed", default=0, show_default=True)
def plan(folder: Path, data: tuple[Path, ...], groups: Path, seed: int) -> None:
    """Draw the folds, and check that nothing stands on both sides of one."""
    dataset = scan(*data)
    tied = read_groups(groups, dataset)
    folder.mkdir(parents=True, exist_ok=True)
    folds = draw_folds(dataset, seed, by_source=True, validated=False, tied=tied)
    for number, rows in enumerate(folds, start=1):
        if leaks := list(find_leaks(rows, tied.get)):
            raise click.ClickException(f"fold {number} leaks: {'; '.join(leaks)}")
        write_split(folder / f"seed-{seed}-fold-{number}.csv", rows)
    write_atomically(folder / _TIED, json.dumps(tied, indent=1).encode())
    (folder / _DATA).unlink(missing_ok=True)
    (folder / _DATA).symlink_to(dataset.folder.resolve())
    click.echo(f"{len(dataset.pictures)} pictures, {len(folds)} folds, nothing on two sides")


@main.command()
@click.argument("folder", type=PATH)
@_ARCHITECTURE
@_SIZE
@_PRECISION
@click.option("--view", "views", multiple=True, type=int, default=[0], help="May be repeated.")
def extract(
    folder: Path, architecture: str, size: int, precision: str, views: tuple[int, ...]
) -> None:
    """Compute features that are not there yet; 0 is the view of pictures as they are."""
    network = folder / f"{architecture}-{size}-{precision}.tflite"
    if not network.exists():
        write_atomically(network, _convert_body(architecture, size, precision))
    interpreter = Interpreter(str(network), num_threads=1)
    interpreter.allocate_tensors()
    (into,), (out,) = interpreter.get_input_details(), interpreter.get_output_details()
    cache = FeatureCache(network.with_suffix(".f16"), int(out["shape"][-1]))
    rows = _pictures(folder)
    for view in views:
        missing = [row for row in rows if (row.sha256, view) not in cache]
        start = time.process_time()
        for number, row in enumerate(missing, start=1):
            pixels = view_of(folder / _DATA / row.path, row.sha256, size, view)
            interpreter.set_tensor(into["index"], pixels.astype(np.float32))
            interpreter.invoke()
            cache.add((row.sha256, view), interpreter.get_tensor(out["index"])[0])
            if number % _TOLD == 0 or number == len(missing):
                spent = (time.process_time() - start) / number
                click.echo(
                    f"{time.strftime('%H:%M:%S')} {network.stem}, view {view}: "
                    f"{len(rows) - len(missing) + number} of {len(rows)}, {1e3 * spent:.0f} ms each"
                )


@main.command()
@click.argument("folder", type=PATH)
@_ARCHITECTURE
@_SIZE
@_PRECISION
@click.option("--cut", "cuts", multiple=True, type=int, help="CLIP's blocks; default all.")
@click.option("--sees", multiple=True, type=click.Choice(["both", "class", "mean", "last"]))
@click.option("--penalty", "penalties", multiple=True, type=float, default=[0.1])
@click.option("--balance", "exponents", multiple=True, type=float, default=[0.5],
              help="0: pictures alike, 1: sources alike, .5: between.")  # fmt: skip
@click.option("--views", "trained", multiple=True, type=int, default=[0],
              help="How many changed views train beside the pictures as they are.")  # fmt: skip
@click.option("--consistency", "consistencies", multiple=True, type=float, default=[0.0])
@click.option("--on-view", type=int, help="Also score this view of what was left out.")
@click.option("--on-precision", type=_PRECISIONS, help="Also score it with features of this one.")
@click.option("--first", type=int, help="Take so many pictures alone, by their SHA-256.")
@_SEED
def screen(
    folder: Path,
    architecture: str,
    size: int,
    precision: str,
    cuts: tuple[int, ...],
    sees: tuple[str, ...],
    penalties: tuple[float, ...],
    exponents: tuple[float, ...],
    trained: tuple[int, ...],
    consistencies: tuple[float, ...],
    on_view: int | None,
    on_precision: str | None,
    first: int | None,
    seed: int,
) -> None:
    """Fit heads in each fold of the plan, and print a row for each combination of the values."""
    cache = _open_cache(folder, architecture, size, precision)
    judged = _open_cache(folder, architecture, size, on_precision or precision)
    also = on_view is not None or on_precision is not None
    wanted = [(cache, view) for view in range(max(trained) + 1)]
    wanted += [(judged, on_view or 0)] if also else []
    rows = [
        row
        for row in _pictures(folder)[:first]
        if all((row.sha256, view) in where for where, view in wanted)
    ]
    tests = _test_parts(folder, rows, seed)
    click.echo(
        f"{architecture}-{size}-{precision}, folds of seed {seed}: {len(rows)} of "
        f"{len(_pictures(folder))} pictures, {len({row.source for row in rows})} sources"
    )
    for cut, seen, changed in itertools.product(cuts or (0,), sees or ("both",), trained):
        columns = _columns(cache.width, cut, seen)
        numbers = range(changed + 1)
        views = np.stack([_read(cache, rows, view, columns) for view in numbers])
        shown = _read(judged, rows, on_view or 0, columns) if also else None
        for penalty, exponent, consistency in itertools.product(
            penalties, exponents, consistencies
        ):
            logits, on_changed = np.empty(len(rows)), np.empty(len(rows))
            for test in tests:
                *slopes, intercept = _fit(rows, views, ~test, penalty, exponent, consistency)
                logits[test] = views[0][test] @ slopes + intercept
                if shown is not None:
                    on_changed[test] = shown[test] @ slopes + intercept
            label = f"cut {cut or 'none'}, {seen}, {changed} views, penalty {penalty:g}, "
            label += f"balance {exponent:g}, consistency {consistency:g}"
            cells = _figures(rows, logits)
            if shown is not None:
                flips = ((logits > 0) != (on_changed > 0)).mean()
                cells += f"; also {_figures(rows, on_changed)}, {flips:.1%} change"
            click.echo(f"| {label} | {cells} |")


@main.command()
@click.argument("folder", type=PATH)
@_ARCHITECTURE
@_SIZE
@_PRECISION
@click.option("--penalty", default=0.1, show_default=True)
@click.option("--balance", default=0.5, show_default=True, help="As `screen` has it.")
@click.option("--into", type=PATH, required=True, help="The plot, a PNG file.")
@_SEED
def curve(
    folder: Path,
    architecture: str,
    size: int,
    precision: str,
    penalty: float,
    balance: float,
    into: Path,
    seed: int,
) -> None:
    """Fit heads on shares of the sources, tied ones together, and draw what each is worth.

    Each draw of a share is of all the sources, and a fold's head learns from those of them that its
    test part, the same for every share, does not hold.
    """
    cache = _open_cache(folder, architecture, size, precision)
    rows = [row for row in _pictures(folder) if (row.sha256, 0) in cache]
    views = _read(cache, rows, 0, np.arange(cache.width))[np.newaxis]
    tied = json.loads((folder / _TIED).read_bytes())
    units = np.array([tied.get(row.source, row.source) for row in rows])
    tests = _test_parts(folder, rows, seed)
    points: dict[float, list[tuple[float, float | None, float | None]]] = {}
    click.echo("| share | draw | sources | balanced accuracy, AUC, AI found |\n|---|---|---:|---|")
    for share, draw in [*itertools.product(_SHARES, range(_DRAWS)), (1.0, 0)]:
        order = np.random.default_rng(draw).permutation(np.unique(units))
        taken = np.isin(units, order[: round(share * len(order))])
        logits, sources = np.empty(len(rows)), []
        for test in tests:
            train = taken & ~test
            *slopes, intercept = _fit(rows, views, train, penalty, balance, 0)
            logits[test] = views[0][test] @ slopes + intercept
            sources.append(len({rows[place].source for place in np.flatnonzero(train)}))
        mean, found = float(np.mean(sources)), _measure(rows, logits)
        points.setdefault(share, []).append((mean, found.balanced_accuracy, found.auc))
        click.echo(f"| {share:g} | {draw} | {mean:.0f} | {_figures(rows, logits)} |")
    write_atomically(into, render("light", partial(_draw, points=points)))


def view_of(path: Path, sha256: str, size: int, number: int) -> NDArray[np.uint8]:
    """Read a picture as it is, or changed in all ways at once.

    Args:
        path: of the picture.
        sha256: of its file; with the number, the only source of chance.
        size: pixels a side.
        number: of the view; 0 is the picture as it is.

    Returns:
        uint8 of shape [1, size, size, 3].

    Raises:
        PictureError: it cannot be read.
    """
    if number == 0:
        return read_pixels(path, InputRule(size, size))
    canvas = round(_CANVAS * size)
    image = Image.fromarray(read_pixels(path, InputRule(canvas, canvas))[0])
    rng = np.random.default_rng([number, int(sha256, 16)])
    return np.asarray(augment(image, (size, size), VIEW, rng))[np.newaxis]


def find_leaks(
    rows: Sequence[SplitRow], group_of: Callable[[str, str], str | None]
) -> Iterator[str]:
    """Find what stands on both sides of a split.

    Args:
        rows: of the split.
        group_of: the group of a source, else the second argument.

    Yields:
        What it is: a file, a source, a group of sources, or pictures that look alike.
    """
    kinds: dict[str, Callable[[SplitRow], object]] = {
        "file": lambda row: row.sha256,
        "source": lambda row: row.source,
        "group": lambda row: group_of(row.source, row.source),
        "near-duplicates": lambda row: row.group,
    }
    for kind, key in kinds.items():
        sides: defaultdict[object, set[str]] = defaultdict(set)
        for row in rows:
            sides[key(row)].add(row.part)
        yield from (f"{kind} {of}" for of, parts in sides.items() if len(parts) > 1)
    for first, second in near_pairs([row.phash for row in rows]):
        if rows[first].part != rows[second].part:
            yield f"{rows[first].path} looks like {rows[second].path}"


def _convert_body(architecture: str, size: int, precision: str) -> bytes:
    """Give a network without its head as a .tflite file for LiteRT."""
    model = ARCHITECTURES[architecture](InputRule(size, size), 0.0)
    fold_scales(model)  # as `aiart-train fit` does before it fits a head
    round_kernels(model)
    body = keras.Model(model.inputs, model.get_layer(HEAD).input)
    pixels = keras.Input((size, size, 3), batch_size=1, name="pixels")
    form = Form(target="litert")
    return convert(keras.Model(pixels, body(pixels)), precision, list, form)


def _fit(
    rows: Sequence[SplitRow],
    views: NDArray[np.float32],
    train: NDArray[np.bool_],
    penalty: float,
    exponent: float,
    consistency: float,
) -> NDArray[np.float64]:
    """Fit the head that `aiart-train fit` fits; the slopes, then the intercept, of p(ai)."""
    chosen = [row for row, is_train in zip(rows, train, strict=True) if is_train]
    features = views[:, train]
    targets = np.array([LABELS[0] == row.label for row in chosen], np.float32)
    scaler = StandardScaler()
    for view in features:
        scaler.partial_fit(view)
    weights = _weigh(chosen, exponent)
    return regress(lambda block: features[:, block], targets, weights, scaler, penalty, consistency)


def _weigh(rows: Sequence[SplitRow], exponent: float) -> NDArray[np.float32]:
    """Weigh both classes alike, and in each a source by its size to the power 1 - exponent."""
    sizes = Counter((row.label, row.source) for row in rows)
    weights = np.array([sizes[row.label, row.source] ** -exponent for row in rows], np.float32)
    for label in LABELS:
        of_label = np.array([row.label == label for row in rows])
        weights[of_label] /= weights[of_label].sum()
    return weights


def _measure(rows: Sequence[SplitRow], logits: NDArray[np.float64]) -> Metrics:
    p_ai = expit(logits)
    return measure(rows, np.stack([p_ai, 1 - p_ai], axis=1))


def _figures(rows: Sequence[SplitRow], logits: NDArray[np.float64]) -> str:
    found = _measure(rows, logits)
    return f"{found.balanced_accuracy:.3f} {found.auc:.3f} {found.tpr_at_5_fpr:.2f}"


def _columns(width: int, cut: int, seen: str) -> NDArray[np.int_]:
    """Choose features: blocks follow each other, in each the class token and then the mean."""
    columns = np.arange(2 * _WIDTH * cut if cut else width)
    if seen == "last":
        return columns[-2 * _WIDTH :]
    if seen == "both":
        return columns
    found: NDArray[np.int_] = columns[columns // _WIDTH % 2 == ("class", "mean").index(seen)]
    return found


def _read(
    cache: FeatureCache, rows: Sequence[SplitRow], view: int, columns: NDArray[np.int_]
) -> NDArray[np.float32]:
    found = cache.read([(row.sha256, view) for row in rows])[:, columns]
    return found.astype(np.float32)


def _open_cache(folder: Path, architecture: str, size: int, precision: str) -> FeatureCache:
    network = folder / f"{architecture}-{size}-{precision}.tflite"
    (out,) = Interpreter(str(network)).get_output_details()
    return FeatureCache(network.with_suffix(".f16"), int(out["shape"][-1]))


def _test_parts(folder: Path, rows: Sequence[SplitRow], seed: int) -> list[NDArray[np.bool_]]:
    """Say for each fold which of the rows it tests on."""
    folds = (
        {row.sha256 for row in rows_of(read_split(path, TRAINED), "test")}
        for path in sorted(folder.glob(f"seed-{seed}-fold-*.csv"))
    )
    return [np.array([row.sha256 in tested for row in rows]) for tested in folds]


def _draw(
    figure: Figure, points: Mapping[float, Sequence[tuple[float, float | None, float | None]]]
) -> None:
    """Draw both figures against sources: a line through the means, a point for each draw."""
    axes = figure.subplots()
    shares = [np.array(draws, float) for draws in points.values()]
    for column, label in ((2, "AUC"), (1, "balanced accuracy")):
        means = np.array([draws.mean(axis=0) for draws in shares])
        (line,) = axes.plot(means[:, 0], means[:, column], label=label)
        for draws in shares:
            axes.scatter(draws[:, 0], draws[:, column], s=16, color=line.get_color())
    axes.set(xlabel="sources that a head has learnt from", ylabel="on sources left out")
    axes.legend()


def _pictures(folder: Path) -> list[SplitRow]:
    """List the pictures in the order of their SHA-256, so that any number is of all sources.

    Of those that are the same file there is one.
    """
    rows = read_split(min(folder.glob("seed-*-fold-*.csv")), TRAINED)
    return sorted({row.sha256: row for row in rows}.values(), key=lambda row: row.sha256)


if __name__ == "__main__":
    run(main)
