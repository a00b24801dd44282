"""Reads the weights in a legacy PyTorch file, without PyTorch and without running what is in it.

The format, before PyTorch 1.6: five pickles (magic number, protocol version, system information,
the state dictionary, the keys of its storages), then for each storage its element count as int64
and its values, little-endian.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


def read_torch_file(path: Path) -> dict[str, NDArray[Any]]:
    """Read a state dictionary.

    Args:
        path: of the .pth file.

    Returns:
        Arrays by name, in the layout that PyTorch shows (convolutions are O, I, H, W).

    Raises:
        OSError: it cannot be read.
        ValueError: it is not such a file, or it asks for anything but tensors.
    """
    file = io.BytesIO(path.read_bytes())
    try:
        magic, protocol, _system, tensors, keys = (_Unpickler(file).load() for _ in range(5))
        if (magic, protocol) != (_MAGIC, _PROTOCOL):
            raise ValueError(f"magic number {magic!r}, protocol {protocol!r}")
        dtypes = {tensor.storage.key: tensor.storage.dtype for tensor in tensors.values()}
        values = {key: _read_storage(file, dtypes[key]) for key in keys}
        return {name: _view(tensor, values) for name, tensor in tensors.items()}
    except Exception as error:  # a broken pickle raises anything
        raise ValueError(f"Expected a legacy PyTorch file. Received {path}: {error}.") from error


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: np.dtype[Any]


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int  # elements, as are the strides
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


_ADMITTED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    **{("torch", name): dtype for name, dtype in _DTYPES.items()},
}


class _Unpickler(pickle._Unpickler):
    """Admits tensors and the dictionary they stand in; a pickle can otherwise run any program.

    Of the two implementations the one in Python: the one in C takes memory for as many objects as
    a broken file says, up to 128 GiB.
    """

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ADMITTED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return _ADMITTED[module, name]

    def persistent_load(self, pid: Any) -> _Storage:
        _kind, dtype, key, _device, _count, _view = pid
        return _Storage(key, dtype)


def _read_storage(file: BinaryIO, dtype: np.dtype[Any]) -> NDArray[Any]:
    count = int.from_bytes(file.read(8), "little")
    return np.frombuffer(file.read(count * dtype.itemsize), dtype, count)


def _view(tensor: _Tensor, values: dict[str, NDArray[Any]]) -> NDArray[Any]:
    """Lay a tensor over its storage as its strides say: most are not in C order."""
    storage = values[tensor.storage.key]
    steps = zip(tensor.shape, tensor.strides, strict=True)
    last = tensor.offset + sum((length - 1) * stride for length, stride in steps)
    if min((tensor.offset, *tensor.shape, *tensor.strides)) < 0 or last >= len(storage):
        raise ValueError("a tensor reaches beyond its storage")
    size = storage.itemsize
    strides = [stride * size for stride in tensor.strides]
    return as_strided(storage[tensor.offset :], tensor.shape, strides, writeable=False)
