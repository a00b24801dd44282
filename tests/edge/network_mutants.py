"""Damaged networks, run one by one: `python tests/edge/network_mutants.py COUNT SEED FILE...`.

Each is a .tflite file whose tables were altered, and its hash made right. What the edge does not
refuse is run with every runtime that is installed, in a process of its own; fails if one dies or
takes more than a minute, and leaves it as `network-mutant-...` in the folder for temporary files.
Without FILE the embedded model is altered.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from aiart_edge import RuntimeUnavailable
from aiart_edge.files import EMBEDDED_MODEL
from aiart_edge.flatbuffer import _BUFFER, _MODEL, _Reader, check_network
from aiart_edge.model_file import read_model_file
from aiart_edge.runtime import RUNTIMES, find_runtime, import_interpreter, load_network

SLOWEST = 60  # seconds
FEW = 64  # bytes
ODD = [0, 1, 2, 3, 4, 5, 16, 32, 127, 128, 255, 256, 65535, 65536, 1 << 31, (1 << 31) - 1]
ODD += [(1 << 32) - 1, (1 << 32) - 2, (1 << 32) - 128, 0x3F800000, 0x7F800000, 0x7FC00000, 1 << 23]


def find_structure(network: bytes) -> np.ndarray:
    """Find the words that hold no weights: int64, each a place in the file divided by 4.

    A constant of a few numbers may be a shape or an axis, and counts among them.
    """
    read = _Reader(network)
    root = int.from_bytes(network[:4], "little")
    kept = np.ones(len(network) // 4, bool)
    for data, _, _ in read.tables(read.table(root, _MODEL)[4], _BUFFER):
        if data and (length := read.length(data, 1)) > FEW:
            kept[data // 4 + 1 : (data + 4 + length) // 4] = False
    return np.flatnonzero(kept)


def mutate(rng: np.random.Generator, network: bytes, structure: np.ndarray) -> bytes:
    """Alter one to three words among the tables: as numbers, as offsets, as halves, as bytes."""
    words = np.frombuffer(network, "<u4", len(network) // 4).copy()
    for at in rng.choice(structure, rng.integers(1, 4)):
        kind = rng.integers(7)
        if kind == 0:
            words[at] = rng.choice(ODD)
        elif kind == 1:
            words[at : at + 1] += np.uint32(
                int(rng.choice([1, 2, 4, 8, 16, -1, -2, -4, -8, -16])) % (1 << 32)
            )
        elif kind == 2:  # leads elsewhere
            words[at] = np.uint32((rng.choice(structure) - at) * 4 % (1 << 32))
        elif kind == 3:
            words[at] = words[rng.choice(structure)]
        elif kind == 4:
            halves = words[at : at + 1].view("<u2")
            halves[rng.integers(2)] = rng.choice([0, 4, 6, 8, 12, 20, 28, 65535, rng.integers(64)])
        elif kind == 5:
            words[at : at + 1].view(np.uint8)[rng.integers(4)] = rng.integers(256)
        else:
            words[at] ^= np.uint32(1 << rng.integers(32))
    return words.tobytes() if rng.integers(20) else words.tobytes()[: rng.integers(len(network))]


def run_apart(network: bytes, runtime: str, size: tuple[int, int]) -> str:
    """Run a network on one picture in a process of its own, and say how that ended."""
    process = os.fork()
    if not process:
        signal.alarm(SLOWEST)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            load_network(network, runtime=runtime).scores(np.full((1, *size, 3), 99, np.uint8))
        except ValueError:
            os._exit(1)
        except BaseException:  # noqa: BLE001  a traceback that must not be
            os._exit(2)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    return {0: "ran", 1: "refused by the runtime"}.get(code, f"ended with {code}")


def main(count: int, seed: int = 0, *files: str) -> None:
    """Run so many mutants."""
    models = [read_model_file(Path(file)) for file in files or (EMBEDDED_MODEL,)]
    structures = [find_structure(model.network) for model in models]
    runtimes = [name for name in RUNTIMES if is_installed(name)]
    outcomes: Counter[str] = Counter()
    bad = 0
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        model, structure = (some[number % len(models)] for some in (models, structures))
        mutant = mutate(rng, model.network, structure)
        try:
            check_network(mutant)
        except ValueError:
            outcomes["refused"] += 1
            continue
        rule = model.description.input
        for runtime in runtimes:
            outcome = run_apart(mutant, runtime, (rule.height, rule.width))
            outcomes[f"{runtime}: {outcome}"] += 1
            if "ended" in outcome:
                bad += 1
                left = Path(tempfile.gettempdir(), f"network-mutant-{runtime}-{seed}-{number}")
                left.write_bytes(mutant)
                sys.stdout.write(f"{left}: {outcome}\n")
    sys.stdout.write(f"{count} mutants of {len(models)} networks: {dict(outcomes)}\n")
    assert not bad, f"{bad} ended a process"


def is_installed(runtime: str) -> bool:
    """Say whether a runtime can work here, and import it, so that no mutant's process needs to."""
    try:
        import_interpreter(find_runtime(runtime))
    except RuntimeUnavailable:
        return False
    return True


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]), *sys.argv[3:])
