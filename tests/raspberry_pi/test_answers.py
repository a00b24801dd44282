"""An emulated Raspberry Pi answers as this PC does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from aiart_edge.decision import DecisionRule
from aiart_edge.files import EMBEDDED_MODEL
from aiart_edge.image import InputRule
from aiart_edge.model_file import ModelDescription, write_model_file
from tests.raspberry_pi.conftest import REPOSITORY
from tests.raspberry_pi.pictures import break_pictures, draw_pictures
from tests.raspberry_pi.systems import HERE, SYSTEMS, Pi

EVERYWHERE = [
    pytest.param(system.name, runtime, core, id=f"{system.name}, {runtime}, {core}")
    for system in SYSTEMS
    for runtime in system.runtimes
    for core in system.cores
]
ON_ONE_CORE = [where for where in EVERYWHERE if where.values[2] in ("cortex-a7", "cortex-a72")]
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
def pictures(pis: dict[str, Pi], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Drawn pictures and the samples; in every system they lie in /root/pictures."""
    folder = tmp_path_factory.mktemp("drawn")
    draw_pictures(folder)
    for sample in (REPOSITORY / "samples").glob("*.jpg"):
        (folder / sample.name).write_bytes(sample.read_bytes())
    found = sorted(folder.iterdir())
    assert len(found) >= 22
    for pi in pis.values():
        copy_to(pi, "pictures", found)
    return found


def copy_to(pi: Pi, folder: str, files: list[Path]) -> None:
    place = pi.root / "root" / folder
    place.mkdir(exist_ok=True)
    for file in files:
        (place / file.name).write_bytes(file.read_bytes())


@pytest.fixture(scope="session")
def on_x86(pictures: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Answers]:
    """The answers of this PC."""
    folder, known = tmp_path_factory.mktemp("x86"), {}

    def answer(model: Path, runtime: str, kernels: str) -> Answers:
        out = folder / f"{model.stem}-{runtime}-{kernels}.npz"
        if out not in known:
            words = [HERE / "answers.py", model, runtime, kernels, out, *pictures]
            subprocess.run([sys.executable, *map(str, words)], check=True, capture_output=True)
            known[out] = read(out)
        return known[out]

    return answer


@pytest.fixture(scope="session")
def on_arm(pis: dict[str, Pi], pictures: list[Path]) -> Callable[..., Answers]:
    """The answers of a system on one of its cores."""
    known = {}

    def answer(model: Path, system: str, runtime: str, core: str) -> Answers:
        key = (model, system, runtime, core)
        if key not in known:
            pi = pis[system]
            copy_to(pi, "models", [model, HERE / "answers.py"])
            paths = [f"/root/pictures/{picture.name}" for picture in pictures]
            where = ("/root/models/answers.py", f"/root/models/{model.name}")
            python = "/opt/aiart/bin/python"
            done = pi.run(python, *where, runtime, "AUTO", "/root/out.npz", *paths, core=core)
            assert done.returncode == 0, done.stderr
            known[key] = read(pi.root / "root/out.npz")
        return known[key]

    return answer


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


@pytest.mark.parametrize(("system", "runtime", "core"), EVERYWHERE)
def test_the_embedded_models_scores_are_the_same_bits(
    system: str, runtime: str, core: str, on_arm: Callable[..., Answers],
    on_x86: Callable[..., Answers],
) -> None:  # fmt: skip
    here = on_x86(EMBEDDED_MODEL, runtime, SAME_BITS[runtime])
    there = on_arm(EMBEDDED_MODEL, system, runtime, core)
    assert len(np.unique(here.scores)) > 10
    assert np.array_equal(there.scores, here.scores)


@pytest.mark.parametrize(("system", "runtime", "core"), EVERYWHERE)
def test_a_float_networks_scores_are_within_a_ten_thousandth(
    system: str, runtime: str, core: str, on_arm: Callable[..., Answers],
    on_x86: Callable[..., Answers], float_model: Path,
) -> None:  # fmt: skip
    here = on_x86(float_model, runtime, "AUTO")
    there = on_arm(float_model, system, runtime, core)
    assert len(np.unique(here.scores)) > 10
    assert there.scores == pytest.approx(here.scores, abs=1e-4)


@pytest.mark.parametrize(("system", "runtime", "core"), ON_ONE_CORE)
def test_pictures_become_the_same_pixels(
    system: str, runtime: str, core: str, on_arm: Callable[..., Answers],
    on_x86: Callable[..., Answers], pictures: list[Path],
) -> None:  # fmt: skip
    here = on_x86(EMBEDDED_MODEL, runtime, SAME_BITS[runtime])
    there = on_arm(EMBEDDED_MODEL, system, runtime, core)
    differ = np.abs(there.pixels.astype(int) - here.pixels).max(axis=(1, 2, 3))
    assert {p.name: d for p, d in zip(pictures, differ.tolist(), strict=True) if d} == {}
