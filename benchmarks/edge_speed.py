"""The edge's speed beside its floors and peers, each pair measured in one run.

`python -m benchmarks.edge_speed` draws pictures and prints a table. It takes some three minutes and
1 GB of disk, most of it for 20 photographs of 12 megapixels, of which each stands for ten.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aiart_edge import Classification, Classifier
from aiart_edge.decision import calibrate
from aiart_edge.files import EMBEDDED_MODEL
from aiart_edge.image import InputRule, decode, reduced_side, resize
from aiart_edge.model_file import read_model_file
from aiart_edge.runtime import Interpreter, find_runtime, import_interpreter

SAMPLES = sorted((Path(__file__).parents[1] / "samples").glob("*.jpg"))

_SIZES = ((4000, 3000), (3000, 4000), (4608, 2592), (3464, 3464))  # all of 12 megapixels
_PHOTOGRAPHS, _TIMES = 20, 10
_TURN = 40  # of ours, then of the usual loop; each turn has all the photographs twice
_SMALL, _SMALL_SIDES = 40, (256, 512)

_PROGRAM = "from aiart_edge.cli import program; program()"
_BARE = Path(__file__).parent / "bare_script.py"


def draw_photograph(number: int) -> Image.Image:
    """Draw a picture of 12 megapixels with the grain of a camera: a part of a sample, enlarged.

    Args:
        number: decides the part, the size and the grain.

    Returns:
        An image of mode RGB.
    """
    rng = np.random.default_rng(number)
    size = _SIZES[number % len(_SIZES)]
    sample = Image.open(SAMPLES[number % len(SAMPLES)])
    left, top = (int(rng.integers(0, side // 4)) for side in sample.size)
    part = sample.crop((left, top, left + sample.width * 3 // 4, top + sample.height * 3 // 4))
    pixels = np.asarray(part.resize(size, Image.Resampling.BICUBIC), dtype=np.int16)
    grain = rng.integers(-10, 11, (*pixels.shape[:2], 1), dtype=np.int16)
    return Image.fromarray((pixels + grain).clip(0, 255).astype(np.uint8))


def draw_pictures(folder: Path) -> tuple[list[Path], list[Path]]:
    """Draw what is measured.

    Args:
        folder: to write to.

    Returns:
        The photographs, each many times under another name, and small pictures.
    """
    photographs, small = [], []
    for number in range(_PHOTOGRAPHS * _TIMES):
        photographs.append(folder / f"{number}.jpg")
        if number < _PHOTOGRAPHS:
            draw_photograph(number).save(photographs[-1], quality=90)
        else:
            photographs[-1].hardlink_to(photographs[number % _PHOTOGRAPHS])
    for number in range(_SMALL):
        side = _SMALL_SIDES[number % len(_SMALL_SIDES)]
        small.append(folder / f"small-{number}.jpg")
        draw_photograph(number % _PHOTOGRAPHS).resize((side, side)).save(small[-1], quality=90)
    return photographs, small


class BareNetwork:
    """A runtime's interpreter as most scripts use it.

    Args:
        content: a TFLite flatbuffer that takes uint8 and gives uint8, p(ai) in steps of 1/256.
    """

    def __init__(self, content: bytes) -> None:
        self.interpreter: Interpreter = import_interpreter(find_runtime())(
            model_content=content, num_threads=1
        )
        self.interpreter.allocate_tensors()
        self.input = self.interpreter.get_input_details()[0]["index"]
        self.output = self.interpreter.get_output_details()[0]["index"]

    def p_ai(self, path: Path, rule: InputRule, *, reduce: bool) -> float:
        """Decode, resize, set the tensor, invoke.

        Args:
            path: of a JPEG.
            rule: the network's.
            reduce: decode in reduced form.

        Returns:
            p(ai), not calibrated.
        """
        with Image.open(path) as file:
            if reduce:
                file.draft(None, (reduced_side(rule), reduced_side(rule)))
            return self.invoke(resize(file.convert("RGB"), rule))

    def invoke(self, pixels: NDArray[np.uint8]) -> float:
        """Set the tensor, invoke.

        Args:
            pixels: uint8 of shape [1, height, width, 3].

        Returns:
            p(ai), not calibrated.
        """
        self.interpreter.set_tensor(self.input, pixels)
        self.interpreter.invoke()
        return float(self.interpreter.get_tensor(self.output)[0, 0]) / 256


def seconds(work: Callable[[], object]) -> float:
    """Time one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def cold_processes(times: int, compiled: Path) -> NDArray[np.float64]:
    """Classify in fresh processes, and with the bare script, in pairs, each first by turns.

    The time is the processor's, not the wall's: another program beside them delays both, but by
    chance.

    Args:
        times: how many pairs.
        compiled: where Python may keep what it compiles, as it does beside installed packages.

    Returns:
        Of shape [times, 2], the seconds of each.
    """
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(compiled)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    commands = (
        [sys.executable, "-c", _PROGRAM, "classify", str(SAMPLES[0])],
        [sys.executable, str(_BARE), str(EMBEDDED_MODEL), str(SAMPLES[0])],
    )

    def run(command: list[str]) -> float:
        with subprocess.Popen(  # noqa: S603
            command,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, command
        return usage.ru_utime + usage.ru_stime

    pairs = np.empty((times + 1, 2))
    for number, pair in enumerate(pairs):
        for which in (0, 1) if number % 2 else (1, 0):
            pair[which] = run(commands[which])
    return pairs[1:]


def stages(network: BareNetwork, pictures: list[Path], rule: InputRule) -> NDArray[np.float64]:
    """Time what both loops do with a photograph, one stage after the other.

    Args:
        network: of the embedded model.
        pictures: files.
        rule: the network's.

    Returns:
        Of shape [2, 3], the processor's seconds for decoding, resizing and inference, reduced as
        aiart does it and in full, the fastest of each, averaged over the pictures.
    """
    times = np.empty((5, len(pictures), 2, 3))
    for row in times:
        for picture, both in zip(pictures, row, strict=True):
            for way, at_least in zip(both, (reduced_side(rule), 0), strict=True):
                clock = [time.process_time()]
                image = decode(picture, at_least=at_least)
                clock.append(time.process_time())
                pixels = resize(image, rule)
                clock.append(time.process_time())
                network.invoke(pixels)
                clock.append(time.process_time())
                way[:] = np.diff(clock)
    mean: NDArray[np.float64] = times.min(axis=0).mean(axis=0)
    return mean


def overhead(
    classifier: Classifier, network: BareNetwork, pictures: list[Path]
) -> tuple[float, float]:
    """Time small pictures, with the classifier and with decoding and invoking alone, in turn.

    Args:
        classifier: of the embedded model.
        network: the same.
        pictures: files.

    Returns:
        The fastest of each, averaged over the pictures, in seconds.
    """
    rule = classifier.description.input
    rounds = [
        [
            (
                seconds(partial(classifier.classify, path)),
                seconds(partial(network.p_ai, path, rule, reduce=True)),
            )
            for path in pictures
        ]
        for _ in range(20)
    ]
    ours, floor = np.min(rounds, axis=0).mean(axis=0)
    return float(ours), float(floor)


def many(
    classifier: Classifier, network: BareNetwork, pictures: list[Path]
) -> tuple[NDArray[np.float64], float]:
    """Time many photographs, and the usual loop: decoding in full, one after the other.

    Args:
        classifier: of the embedded model.
        network: the same.
        pictures: files.

    Returns:
        Of shape [2, 2], the seconds a picture of each in its fastest turn, by the wall and of the
        processor; and how far apart two calibrated p(ai) of a picture are at most.
    """
    rule, temperature = classifier.description.input, classifier.description.decision.temperature
    times, furthest = [], 0.0
    for start in range(0, len(pictures), _TURN):
        turn = pictures[start : start + _TURN]
        begin = np.array([time.perf_counter(), time.process_time()])
        results = list(classifier.classify_many(turn))
        middle = np.array([time.perf_counter(), time.process_time()])
        scores = [network.p_ai(path, rule, reduce=False) for path in turn]
        end = np.array([time.perf_counter(), time.process_time()])
        times.append((middle - begin, end - middle))
        for result, p_ai in zip(results, scores, strict=True):
            assert isinstance(result, Classification)
            in_full = calibrate([p_ai, 1 - p_ai], temperature)
            furthest = max(furthest, abs(result.p_ai - float(in_full)))
    return np.min(times, axis=0) / _TURN, furthest


@click.command()
@click.option("--times", default=30, show_default=True, help="Cold processes of each kind.")
def main(times: int) -> None:
    """Measure and print a table."""
    network = BareNetwork(read_model_file(EMBEDDED_MODEL).network)
    with tempfile.TemporaryDirectory() as folder, Classifier.load() as classifier:
        photographs, small = draw_pictures(Path(folder))
        click.echo("| what | aiart-edge | beside it | ratio |\n|---|---:|---:|---:|")
        pairs = cold_processes(times, Path(folder, "compiled"))
        ours, floor = np.median(pairs, axis=0)
        click.echo(
            f"| processor time of a cold process, median of {times} pairs | {1e3 * ours:.0f} ms "
            f"| bare script {1e3 * floor:.0f} ms | {np.median(pairs[:, 0] / pairs[:, 1]):.2f} |"
        )
        ((ours, ours_cpu), (usual, usual_cpu)), furthest = many(classifier, network, photographs)
        count, cores = len(photographs), len(os.sched_getaffinity(0))
        click.echo(
            f"| {count} photographs of 12 megapixels, {cores} cores | {1 / ours:.1f} a second "
            f"| usual loop {1 / usual:.1f} a second | {usual / ours:.1f} |"
        )
        click.echo(
            f"| processor time for one of them | {1e3 * ours_cpu:.0f} ms "
            f"| usual loop {1e3 * usual_cpu:.0f} ms | {usual_cpu / ours_cpu:.1f} |"
        )
        parts = stages(network, photographs[:_PHOTOGRAPHS], classifier.description.input)
        ours_parts, usual_parts = (" + ".join(f"{1e3 * part:.0f}" for part in way) for way in parts)
        click.echo(
            f"| of it, to decode + resize + infer | {ours_parts} ms | {usual_parts} ms "
            f"| {parts[1].sum() / parts[0].sum():.1f} |"
        )
        click.echo(f"| their p(ai), furthest from decoding in full | | | {furthest:.4f} |")
        ours, floor = overhead(classifier, network, small)
        click.echo(
            f"| a small picture | {1e3 * ours:.2f} ms | decode and invoke {1e3 * floor:.2f} ms "
            f"| {ours / floor:.3f} |"
        )


if __name__ == "__main__":
    main()
