"""Is what `aiart-edge explain` shows what a network sees?

`python -m benchmarks.evidence FOLDER [MODEL...]` prints three tables, of JPEGs spread over FOLDER:

- whether the evidence of all places adds up to the answer, for each MODEL and runtime (default: the
  embedded model; the other tables are always of it);
- deletion and insertion (Petsiuk et al. 2018, "RISE"): the probability of the label as the places
  that speak most for it are covered with grey, or put back into a blurred picture, first; the mean
  over the curve, beside a random order and that of occlusion;
- the sanity check of Adebayo et al. 2018, "Sanity Checks for Saliency Maps": how a map correlates
  with that of the same network whose weights were shuffled, from the head down.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from scipy.stats import spearmanr

from aiart_edge import Classifier, Explanation
from aiart_edge.decision import calibrate
from aiart_edge.errors import DataError
from aiart_edge.evidence import spread
from aiart_edge.evidence_map import net_evidence
from aiart_edge.files import EMBEDDED_MODEL, PATH
from aiart_edge.image import read_pixels
from aiart_edge.model_file import ModelFile, read_model_file, write_model_file
from aiart_edge.program import run, silenced
from aiart_edge.runtime import RUNTIMES

_GRID = 8  # places a side, that are covered or put back
_STEPS = 8
_GREY = 128
_BLUR = 10  # pixels
_CELLS = 30  # a side, whose ranks are correlated
_CUT = 6  # the logit at which int8's heads end

Pixels = NDArray[np.uint8]


def completeness(model: Path, runtime: str, pictures: Sequence[Path]) -> tuple[float, ...]:
    """Compare explanations with answers.

    Args:
        model: a model file.
        runtime: to run it with.
        pictures: to explain.

    Returns:
        How far, at most, evidence and intercept are from the logit, and the logit's p(ai) from the
        answer's where the head does not cut it off; how many pictures that leaves; how many
        answers differ from `classify`'s; how many intercepts there are.
    """
    sums, answers, moved, intercepts = [], [], 0, set()
    with Classifier.load(model, runtime=runtime) as classifier:
        temperature = classifier.description.decision.temperature
        for picture in pictures:
            found = classifier.explain(picture)
            sums.append(abs(float(found.evidence.sum()) + found.intercept - found.logit))
            if abs(found.logit) < _CUT:
                p_ai = 1 / (1 + np.exp(-found.logit / temperature))
                answers.append(abs(p_ai - found.classification.p_ai))
            moved += found.classification != classifier.classify(picture)
            intercepts.add(found.intercept)
    return max(sums), max(answers, default=0.0), len(answers), moved, len(intercepts)


def curves(classifier: Classifier, pixels: Pixels, order: Sequence[int]) -> tuple[float, float]:
    """Cover the places of a picture in an order, and put them back into a blurred one.

    Args:
        classifier: to ask.
        pixels: of the picture, uint8 of shape [height, width, 3].
        order: of its 64 places.

    Returns:
        The mean probability of the label over each of both curves.
    """
    temperature = classifier.description.decision.temperature
    is_ai = float(calibrate(classifier.scores(pixels), temperature)) >= 0.5  # noqa: PLR2004

    def mean(changed: Pixels, onto: Pixels) -> float:
        changed, found = changed.copy(), []
        for step in range(_STEPS + 1):
            p_ai = float(calibrate(classifier.scores(changed), temperature))
            found.append(p_ai if is_ai else 1 - p_ai)
            for place in order[step * len(order) // _STEPS : (step + 1) * len(order) // _STEPS]:
                spot = _spot(place, pixels.shape)
                changed[spot] = onto[spot]
        return float(np.trapz(found) / _STEPS)

    blurred = np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(_BLUR)))
    return mean(pixels, np.full_like(pixels, _GREY)), mean(blurred, pixels)


def order_of(explanation: Explanation) -> list[int]:
    """Put places into the order in which they speak for the label, the most first.

    Args:
        explanation: of a picture.

    Returns:
        Their numbers.
    """
    cells = spread(net_evidence(explanation), (_GRID, _GRID)).ravel()
    sign = 1 if explanation.classification.label == "ai" else -1
    order: list[int] = np.argsort(-sign * cells, kind="stable").tolist()
    return order


def shuffle(network: bytes, share: float) -> bytes:
    """Shuffle the weights of a network, from its head down.

    Args:
        network: a TFLite flatbuffer.
        share: of its layers with weights; 0 for the head alone.

    Returns:
        Another.
    """
    # tflite-runtime cannot work in a process that imported TensorFlow first.
    from tensorflow.lite.tools import flatbuffer_utils  # noqa: PLC0415

    model = flatbuffer_utils.convert_bytearray_to_object(network)
    graph, rng = model.subgraphs[0], np.random.default_rng(0)
    weights = [
        step.inputs[1]
        for step in graph.operators
        if len(step.inputs) == 3  # noqa: PLR2004  values, weights and bias
    ]
    for tensor in weights[-max(1, round(share * len(weights))) :]:
        buffer = model.buffers[graph.tensors[tensor].buffer]
        buffer.data = rng.permutation(buffer.data)
    shuffled: bytes = flatbuffer_utils.convert_object_to_bytearray(model)
    return shuffled


def _spot(place: int, shape: Sequence[int]) -> tuple[slice, slice]:
    at = divmod(place, _GRID)
    high, wide = (
        slice(number * side // _GRID, (number + 1) * side // _GRID)
        for number, side in zip(at, shape, strict=False)
    )
    return high, wide


def _find(folder: Path, count: int) -> list[Path]:
    """Take JPEGs spread evenly over a folder."""
    found = sorted(folder.rglob("*.jpg"))
    if len(found) < count:
        raise DataError(folder, f"it holds {len(found)} JPEGs, and {count} are asked for")
    return [found[number * len(found) // count] for number in range(count)]


def _print_completeness(models: Sequence[Path], pictures: Sequence[Path]) -> None:
    click.echo("| file | runtime | from the logit | logit's p(ai) | of | differ | intercepts |")
    click.echo("|---|---|---:|---:|---:|---:|---:|")
    for model in models:
        precision = read_model_file(model).description.precision
        for runtime in RUNTIMES:
            far, p_ai, seen, moved, intercepts = completeness(model, runtime, pictures)
            click.echo(
                f"| {precision} | {runtime} | {far:.1e} | {p_ai:.4f} | {seen:.0f} | {moved:.0f} "
                f"| {intercepts:.0f} |"
            )


def _print_curves(model: ModelFile, pictures: Sequence[Path], folder: Path) -> None:
    without = folder / "without.tflite"
    write_model_file(without, model.network, replace(model.description, head=None))
    rng = np.random.default_rng(0)
    means: dict[str, list[tuple[float, float]]] = {}
    with Classifier.load(model.path) as exact, Classifier.load(without) as occlusion:
        orders: dict[str, Callable[[Pixels], Sequence[int]]] = {
            "exact": lambda pixels: order_of(exact.explain(pixels)),
            "occlusion, 64 windows": lambda pixels: order_of(occlusion.explain(pixels)),
            "random": lambda _: rng.permutation(_GRID**2).tolist(),
        }
        for picture in pictures:
            pixels = read_pixels(picture, model.description.input)[0]
            for name, order in orders.items():
                means.setdefault(name, []).append(curves(exact, pixels, order(pixels)))
    click.echo("\n| order | deletion | exact's is lower by | insertion | exact's is higher by |")
    click.echo("|---|---:|---:|---:|---:|")
    values = {name: np.array(found) for name, found in means.items()}
    for name, found in values.items():
        deletion, insertion = found.mean(0)
        gains = (found - values["exact"]) * (1, -1)
        told = [_with_interval(gains[:, side]) if name != "exact" else "" for side in (0, 1)]
        click.echo(f"| {name} | {deletion:.3f} | {told[0]} | {insertion:.3f} | {told[1]} |")


def _with_interval(gains: NDArray[np.float64]) -> str:
    half = 1.96 * gains.std(ddof=1) / len(gains) ** 0.5
    return f"{gains.mean():.3f} ({gains.mean() - half:.3f} to {gains.mean() + half:.3f})"


def _print_sanity(model: ModelFile, pictures: Sequence[Path], folder: Path) -> None:
    def maps(file: Path) -> list[NDArray[np.float64]]:
        with Classifier.load(file) as classifier:
            found = (net_evidence(classifier.explain(picture)) for picture in pictures)
            return [spread(net, (_CELLS, _CELLS)).ravel() for net in found]

    click.echo("\n| weights shuffled | rank correlation of the maps, mean | from | to |")
    click.echo("|---|---:|---:|---:|")
    as_it_is, file = maps(model.path), folder / "shuffled.tflite"
    for name, share in {"the head's": 0, "the upper half": 0.5, "all": 1}.items():
        write_model_file(file, shuffle(model.network, share), model.description)
        found = [
            spearmanr(one, other).statistic for one, other in zip(as_it_is, maps(file), strict=True)
        ]
        click.echo(f"| {name} | {np.mean(found):.2f} | {min(found):.2f} | {max(found):.2f} |")


@click.command()
@click.argument("folder", type=PATH)
@click.argument("models", nargs=-1, type=PATH)
@click.option("--count", default=200, show_default=True, help="Pictures to explain.")
@click.option("--curves", "deleted", default=60, show_default=True, help="To delete, and insert.")
@click.option("--sanity", default=20, show_default=True, help="To see with shuffled weights.")
def main(folder: Path, models: tuple[Path, ...], count: int, deleted: int, sanity: int) -> None:
    """Measure explanations of pictures in FOLDER, by MODELS or else the embedded one."""
    model = read_model_file(EMBEDDED_MODEL)
    with silenced(python_speaks=True), tempfile.TemporaryDirectory() as temporary:
        if count:
            _print_completeness(models or (EMBEDDED_MODEL,), _find(folder, count))
        if deleted:
            _print_curves(model, _find(folder, deleted), Path(temporary))
        if sanity:
            _print_sanity(model, _find(folder, sanity), Path(temporary))


if __name__ == "__main__":
    run(main)
