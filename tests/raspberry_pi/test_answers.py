"""An emulated Raspberry Pi answers as this PC does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from aiart_edge.decision import DecisionRule, calibrate
from aiart_edge.files import EMBEDDED_MODEL
from aiart_edge.image import InputRule, read_pixels
from aiart_edge.model_file import ModelDescription, read_model_file, write_model_file
from tests.raspberry_pi.conftest import RUNTIMES, Everywhere, copy_to
from tests.raspberry_pi.systems import HERE, SYSTEMS, Pi

OTHER_CORES = [
    (system.name, runtime, core)
    for system in SYSTEMS
    for runtime in system.runtimes
    for core in system.cores[1:]
]
A_FEW = 6  # every sixth picture
PYTHON = "/opt/aiart/bin/python"
# The kernels of x86 that have the bits of ARM, by runtime.
SAME_BITS = {"litert": "AUTO", "tflite": "BUILTIN_REF"}

Scores = NDArray[np.float32]


@pytest.fixture(scope="session")
def on_x86(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Scores]:
    """The scores of this PC."""
    out = tmp_path_factory.mktemp("x86") / "out.npy"

    @cache
    def score(model: Path, runtime: str, kernels: str, pictures: tuple[Path, ...]) -> Scores:
        words = [HERE / "scores.py", model, runtime, kernels, out, *pictures]
        subprocess.run([sys.executable, *map(str, words)], check=True, capture_output=True)
        return np.load(out)

    return score


def of(pictures: list[Path]) -> list[str]:
    """Where they lie in the systems."""
    return [f"/root/pictures/{picture.name}" for picture in pictures]


def score_on_arm(pi: Pi, model: Path, runtime: str, core: str, pictures: list[Path]) -> Scores:
    """The scores of a system on one of its cores."""
    out = f"root/{model.stem}-{runtime}-{core}.npy"
    where = ("/root/models/scores.py", f"/root/models/{model.name}", runtime, "AUTO", f"/{out}")
    done = pi.run(PYTHON, *where, *of(pictures), core=core)
    assert done.returncode == 0, done.stderr
    return np.load(pi.root / out)


@pytest.fixture(scope="session")
def programs(pis: dict[str, Pi]) -> None:
    """What answers in the systems."""
    for pi in pis.values():
        copy_to(pi, "models", [EMBEDDED_MODEL, HERE / "scores.py", HERE / "pixels.py"])


@pytest.fixture(scope="session")
def on_other_cores(
    pis: dict[str, Pi], pictures: list[Path], programs: None, pool: ThreadPoolExecutor
) -> dict[tuple[str, str, str], Future[Scores]]:
    """The embedded model's scores of a few pictures, being computed."""
    few = pictures[::A_FEW]
    return {
        (system, runtime, core): pool.submit(
            score_on_arm, pis[system], EMBEDDED_MODEL, runtime, core, few
        )
        for system, runtime, core in OTHER_CORES
    }


@pytest.fixture(scope="session")
def float_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small float32 network, its weights drawn at random."""
    keras = pytest.importorskip("keras", reason="without TensorFlow no float network is made")
    from aiart_convert.quantize import convert, with_two_scores
    from aiart_train.learning.architectures.original import build_original

    keras.utils.set_random_seed(0)
    rule = InputRule(64, 64)
    network = convert(with_two_scores(build_original(rule, 0.0), rule), "float32", lambda: ())
    path = tmp_path_factory.mktemp("float") / "float.tflite"
    write_model_file(path, network, ModelDescription("random", "float32", rule, DecisionRule()))
    return path


def test_pictures_are_the_same_pixels(pi: Pi, pictures: list[Path], programs: None) -> None:
    done = pi.run(
        PYTHON, "models/pixels.py", f"models/{EMBEDDED_MODEL.name}", "pixels.npy", *of(pictures)
    )
    assert done.returncode == 0, done.stderr
    rule = read_model_file(EMBEDDED_MODEL).description.input
    here = np.concatenate([read_pixels(picture, rule) for picture in pictures])
    there = np.load(pi.root / "root/pixels.npy").astype(int)
    apart = np.abs(there - here).max(axis=(1, 2, 3)).tolist()
    assert {path.name: by for path, by in zip(pictures, apart, strict=True) if by} == {}


@pytest.mark.parametrize(("system", "runtime"), RUNTIMES)
def test_every_picture_gets_the_same_bits(
    system: str, runtime: str, pictures: list[Path],
    on_x86: Callable[..., Scores], everywhere: Everywhere,
) -> None:  # fmt: skip
    done = everywhere("classify", "--json", "pictures")[system, runtime]
    assert (done.returncode, done.stderr) == (0, "")
    here = on_x86(EMBEDDED_MODEL, runtime, SAME_BITS[runtime], tuple(pictures))
    # Neighbours among the 256 scores are further apart than the four digits that it prints.
    p_ai = calibrate(here, read_model_file(EMBEDDED_MODEL).description.decision.temperature)
    assert len(np.unique(here)) > 10
    records = json.loads(done.stdout)
    assert {record["verdict"] for record in records} <= {"ai", "human", "unsure"}
    assert {record["path"]: record["p_ai"] for record in records} == {
        f"pictures/{path.name}": round(float(p), 4) for path, p in zip(pictures, p_ai, strict=True)
    }


@pytest.mark.parametrize(("system", "runtime", "core"), OTHER_CORES)
def test_other_cores_give_the_same_bits(
    system: str, runtime: str, core: str, pictures: list[Path],
    on_x86: Callable[..., Scores], on_other_cores: dict[tuple[str, str, str], Future[Scores]],
) -> None:  # fmt: skip
    here = on_x86(EMBEDDED_MODEL, runtime, SAME_BITS[runtime], tuple(pictures[::A_FEW]))
    assert np.array_equal(on_other_cores[system, runtime, core].result(), here)


@pytest.mark.parametrize(("system", "runtime"), RUNTIMES)
def test_a_float_networks_scores_are_within_a_ten_thousandth(
    system: str, runtime: str, pis: dict[str, Pi], pictures: list[Path],
    on_x86: Callable[..., Scores], float_model: Path, programs: None,
) -> None:  # fmt: skip
    pi, few = pis[system], pictures[::A_FEW]
    copy_to(pi, "models", [float_model])
    here = on_x86(float_model, runtime, "AUTO", tuple(few))
    there = score_on_arm(pi, float_model, runtime, pi.system.cores[0], few)
    assert len(np.unique(here)) > len(few)
    assert there == pytest.approx(here, abs=1e-4)
