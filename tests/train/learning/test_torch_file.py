"""Weights in legacy PyTorch files."""

from __future__ import annotations

import contextlib
import pickle
import tracemalloc
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiart_train.learning.architectures.torch_file import read_torch_file

VALUES = np.arange(24, dtype="<f4")
COUNTS = np.array([7, 8], dtype="<i8")


class Named:
    """Stands for a global of PyTorch's; pickled, it is the name and what it is called with."""

    def __init__(self, name: str, *arguments: object) -> None:
        self.name, self.arguments = name, arguments


class Storage(Named):
    """Stands for a storage: its class, and its key in the file."""


class Pickler(pickle._Pickler):
    """Writes names of modules that are not installed, as PyTorch would with its own."""

    def persistent_id(self, value: Any) -> Any:
        if isinstance(value, Storage):
            return ("storage", Named(value.name), *value.arguments, "cpu", 0, None)
        return None

    def save(self, value: Any, save_persistent_id: bool = True) -> None:
        if not isinstance(value, Named) or isinstance(value, Storage):
            super().save(value, save_persistent_id)
            return
        self.write(pickle.GLOBAL + value.name.replace(" ", "\n").encode() + b"\n")
        if value.arguments:
            super().save(value.arguments)
            self.write(pickle.REDUCE)


FLOATS = Storage("torch FloatStorage", "0")
LONGS = Storage("torch LongStorage", "1")


def tensor(storage: Storage, offset: int, shape: Any, strides: Any) -> Named:
    return Named(
        "torch._utils _rebuild_tensor_v2", storage, offset, shape, strides, False, OrderedDict()
    )


def write(
    path: Path, state: object, magic: int = 0x1950A86A20F9469CFC6C, protocol: int = 1001
) -> Path:
    """Write a file with two storages, the values of which are VALUES and COUNTS."""
    system = {"little_endian": True}
    with path.open("wb") as file:
        for part in (magic, protocol, system, state, ["0", "1"]):
            Pickler(file, protocol=2).dump(part)
        for values in (VALUES, COUNTS):
            file.write(len(values).to_bytes(8, "little") + values.tobytes())
    return path


def write_usual(path: Path) -> Path:
    """Write a file as it should be."""
    tensors = {
        "plain": tensor(FLOATS, 0, (4, 6), (6, 1)),
        "turned": tensor(FLOATS, 0, (6, 4), (1, 6)),
        "part": tensor(FLOATS, 7, (2, 3), (6, 1)),
        "count": tensor(LONGS, 1, (), ()),
    }
    return write(path, OrderedDict(tensors))


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_usual(tmp_path_factory.mktemp("torch") / "usual.pth").read_bytes()


def test_tensors_lie_in_their_storage_as_offset_and_strides_say(tmp_path: Path) -> None:
    state = read_torch_file(write_usual(tmp_path / "a.pth"))
    table = VALUES.reshape(4, 6)
    assert list(state) == ["plain", "turned", "part", "count"]
    assert np.array_equal(state["plain"], table)
    assert np.array_equal(state["turned"], table.T)
    assert np.array_equal(state["part"], table[1:3, 1:4])
    assert (state["count"].dtype, state["count"].item()) == (np.int64, 8)


def test_a_file_that_asks_for_a_program_is_refused_and_nothing_runs(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    attack = Named("os system", f"touch {trace}")
    path = write(tmp_path / "a.pth", {"plain": attack, "more": tensor(FLOATS, 0, (1,), (1,))})
    with pytest.raises(ValueError, match=r"asks for os\.system"):
        read_torch_file(path)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (0, (25,), (1,)),
        (24, (1,), (1,)),
        (1, (4, 6), (6, 1)),
        (0, (2,), (24,)),
        (-1, (2,), (1,)),
        (5, (2,), (-1,)),
        (0, (-1, 9), (9, 1)),
        (0, (2, 2), (1,)),
    ],
)
def test_a_tensor_that_does_not_lie_in_its_storage_is_refused(
    tmp_path: Path, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    path = write(tmp_path / "a.pth", {"wrong": tensor(FLOATS, offset, shape, strides)})
    with pytest.raises(ValueError, match="Expected a legacy PyTorch file"):
        read_torch_file(path)


@pytest.mark.parametrize("changed", [{"magic": 1}, {"protocol": 1002}, {"state": ["plain"]}])
def test_another_kind_of_file_is_refused(tmp_path: Path, changed: dict[str, Any]) -> None:
    path = write(tmp_path / "a.pth", **{"state": {"x": tensor(FLOATS, 0, (1,), (1,))}, **changed})
    with pytest.raises(ValueError, match="Expected a legacy PyTorch file"):
        read_torch_file(path)


def test_a_file_that_was_cut_off_anywhere_is_refused(tmp_path: Path, usual: bytes) -> None:
    path = tmp_path / "a.pth"
    for length in range(0, len(usual), 7):
        path.write_bytes(usual[:length])
        with pytest.raises(ValueError, match="Expected a legacy PyTorch file"):
            read_torch_file(path)


@given(st.data())
def test_a_damaged_file_is_read_or_refused_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, usual: bytes, data: st.DataObject
) -> None:
    content = bytearray(usual)
    for place in data.draw(st.sets(st.integers(0, len(usual) - 1), min_size=1, max_size=4)):
        content[place] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp("damaged") / "a.pth"
    path.write_bytes(content)
    with contextlib.suppress(ValueError):
        for array in read_torch_file(path).values():
            array.copy()


def test_a_number_far_beyond_the_file_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    put = pickle.LONG_BINPUT + (1 << 24).to_bytes(4, "little")  # "this is object 16777216"
    path.write_bytes(pickle.PROTO + b"\x02" + pickle.NONE + put + pickle.STOP)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="Expected a legacy PyTorch file"):
            read_torch_file(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
    finally:
        tracemalloc.stop()
