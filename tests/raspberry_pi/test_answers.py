"""An emulated Raspberry Pi answers as this PC does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from aiart_edge.decision import DecisionRule
from aiart_edge.files import EMBEDDED_MODEL
from aiart_edge.image import InputRule
from aiart_edge.model_file import ModelDescription, write_model_file
from tests.raspberry_pi.conftest import copy_to
from tests.raspberry_pi.systems import HERE, SYSTEMS, Pi

RUNTIMES = [(system.name, runtime) for system in SYSTEMS for runtime in system.runtimes]
OTHER_CORES = [
    (system.name, runtime, core)
    for system in SYSTEMS
    for runtime in system.runtimes
    for core in system.cores[1:]
]
A_FEW = 6  # every sixth picture
# The kernels of x86 that have the bits of ARM, by runtime.
SAME_BITS = {"litert": "AUTO", "tflite": "BUILTIN_REF"}


@dataclass(frozen=True)
class Answers:
    """What answers.py wrote."""

    pixels: NDArray[np.uint8]
    scores: NDArray[np.float32]


def read(path: Path) -> Answers:
    with np.load(path) as found:
        return Answers(found["pixels"], found["scores"])


@pytest.fixture(scope="session")
def on_x86(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Answers]:
    """The answers of this PC."""
    folder = tmp_path_factory.mktemp("x86")

    @cache
    def answer(model: Path, runtime: str, kernels: str, pictures: tuple[Path, ...]) -> Answers:
        out = folder / "out.npz"
        words = [HERE / "answers.py", model, runtime, kernels, out, *pictures]
        subprocess.run([sys.executable, *map(str, words)], check=True, capture_output=True)
        return read(out)

    return answer


@pytest.fixture(scope="session")
def programs(pis: dict[str, Pi]) -> None:
    """What answers in the systems."""
    for pi in pis.values():
        copy_to(pi, "models", [EMBEDDED_MODEL, HERE / "answers.py"])


def answer_on_arm(
    pi: Pi, model: Path, runtime: str, core: str, pictures: tuple[Path, ...]
) -> Answers:
    """The answers of a system on one of its cores."""
    paths = [f"/root/pictures/{picture.name}" for picture in pictures]
    where = ("/root/models/answers.py", f"/root/models/{model.name}")
    python, out = "/opt/aiart/bin/python", f"root/{model.stem}-{runtime}-{core}.npz"
    done = pi.run(python, *where, runtime, "AUTO", f"/{out}", *paths, core=core)
    assert done.returncode == 0, done.stderr
    return read(pi.root / out)


@pytest.fixture(scope="session")
def on_arm(
    pis: dict[str, Pi], pictures: list[Path], programs: None
) -> Iterator[Callable[..., Answers]]:
    """The embedded model's answers; all begin at once, for each emulator takes one core."""
    all_, few = tuple(pictures), tuple(pictures[::A_FEW])
    wanted = [(system, runtime, pis[system].system.cores[0], all_) for system, runtime in RUNTIMES]
    wanted += [(*where, few) for where in OTHER_CORES]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        begun = {
            (system, runtime, core): pool.submit(
                answer_on_arm, pis[system], EMBEDDED_MODEL, runtime, core, of_these
            )
            for system, runtime, core, of_these in wanted
        }
        yield lambda *where: begun[where].result()


@pytest.fixture(scope="session")
def float_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small float32 network, its weights drawn at random."""
    keras = pytest.importorskip("keras", reason="without TensorFlow no float network is made")
    from aiart_convert.quantize import convert, with_two_scores
    from aiart_train.architectures.original import build_original

    keras.utils.set_random_seed(0)
    rule = InputRule(64, 64)
    network = convert(with_two_scores(build_original(rule, 0.0), rule), "float32", lambda: ())
    path = tmp_path_factory.mktemp("float") / "float.tflite"
    write_model_file(path, network, ModelDescription("random", "float32", rule, DecisionRule()))
    return path


@pytest.mark.parametrize(("system", "runtime"), RUNTIMES)
def test_pictures_and_scores_are_the_same_bits(
    system: str, runtime: str, pis: dict[str, Pi], pictures: list[Path],
    on_x86: Callable[..., Answers], on_arm: Callable[..., Answers],
) -> None:  # fmt: skip
    here = on_x86(EMBEDDED_MODEL, runtime, SAME_BITS[runtime], tuple(pictures))
    there = on_arm(system, runtime, pis[system].system.cores[0])
    apart = np.abs(there.pixels.astype(int) - here.pixels).max(axis=(1, 2, 3)).tolist()
    assert {path.name: by for path, by in zip(pictures, apart, strict=True) if by} == {}
    assert len(np.unique(here.scores)) > 10
    assert np.array_equal(there.scores, here.scores)


@pytest.mark.parametrize(("system", "runtime", "core"), OTHER_CORES)
def test_other_cores_give_the_same_bits(
    system: str, runtime: str, core: str, pictures: list[Path],
    on_x86: Callable[..., Answers], on_arm: Callable[..., Answers],
) -> None:  # fmt: skip
    here = on_x86(EMBEDDED_MODEL, runtime, SAME_BITS[runtime], tuple(pictures[::A_FEW]))
    there = on_arm(system, runtime, core)
    assert np.array_equal(there.scores, here.scores)


@pytest.mark.parametrize(("system", "runtime"), RUNTIMES)
def test_a_float_networks_scores_are_within_a_ten_thousandth(
    system: str, runtime: str, pis: dict[str, Pi], pictures: list[Path],
    on_x86: Callable[..., Answers], float_model: Path, programs: None,
) -> None:  # fmt: skip
    pi, few = pis[system], tuple(pictures[::A_FEW])
    copy_to(pi, "models", [float_model])
    here = on_x86(float_model, runtime, "AUTO", few)
    there = answer_on_arm(pi, float_model, runtime, pi.system.cores[0], few)
    assert len(np.unique(here.scores)) > len(few)
    assert there.scores == pytest.approx(here.scores, abs=1e-4)
