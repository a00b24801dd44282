"""A .keras file, ours or another's: looked at before Keras opens it, and loaded."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

from aiart_edge.errors import ModelFileError
from aiart_edge.image import InputRule

MOST_CONFIG = 10_000_000  # bytes of config.json; EfficientNetB7's is 0.4 MB, and Keras takes thrice
MOST_BYTES = 4_000_000_000  # of a whole file, unpacked
MOST_SIDE = 4096  # pixels, of the pictures that a model takes

_CONFIG = "config.json"
_CODE = ("Lambda", "__lambda__", "TFSMLayer")  # classes of Keras that run what a file brings


def load_keras(path: Path, side: int | None = None) -> tuple[keras.Model, InputRule]:
    """Load a Keras model and see how it wants its pictures.

    Args:
        path: of a .keras file; code in it is never run.
        side: height and width in pixels, for a model that takes any. Default: the model's own.

    Returns:
        The model and its input rule.

    Raises:
        ModelFileError: the file is missing or broken, holds code, or is too large; or the model
            does not take pictures of that size.
    """
    config = _examine(path)
    try:
        model = keras.models.load_model(path, compile=False)
        shape = model.input_shape
    except Exception as error:  # a broken file makes Keras raise anything
        for layer in _layers_of_code(config):
            raise ModelFileError(
                path,
                f"it holds code, {layer}, and is refused, since a file's code is never run: build "
                "the model of Keras's own layers",
            ) from error
        problem = str(error).partition("\n")[0] or type(error).__name__
        raise ModelFileError(path, f"the Keras model cannot be loaded ({problem})") from error
    if not isinstance(shape, tuple) or len(shape) != 4 or shape[3] != 3:  # noqa: PLR2004
        raise ModelFileError(
            path, f"expected a Keras model with input (None, height, width, 3), received {shape}"
        )
    height, width = (own or side for own in shape[1:3])
    if height is None or width is None:
        raise ModelFileError(path, "it takes pictures of any size: choose one with  --size PIXELS")
    if side and (height, width) != (side, side):
        raise ModelFileError(path, f"it takes pictures of {height} x {width} pixels alone")
    if max(height, width) > MOST_SIDE:
        raise ModelFileError(
            path, f"it takes pictures of {height} x {width} pixels, and {MOST_SIDE} a side are most"
        )
    return model, InputRule(height, width)


def _examine(path: Path) -> bytes:
    """Check what Keras would not, a file's sizes and checksums, and give its config.json."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            config = max(one.file_size for one in members if one.filename == _CONFIG)
            if config > MOST_CONFIG or sum(one.file_size for one in members) > MOST_BYTES:
                raise ModelFileError(
                    path,
                    f"unpacked it is larger than {MOST_BYTES // 10**9} GB, or its {_CONFIG} than "
                    f"{MOST_CONFIG // 10**6} MB: no model needs that",
                )
            damaged = archive.testzip()
            if damaged is None:
                return archive.read(_CONFIG)
    except ModelFileError:
        raise
    except OSError as error:
        raise ModelFileError(path, f"the model cannot be opened ({error.strerror})") from error
    except Exception:  # noqa: BLE001  a damaged archive makes zipfile raise anything
        damaged = "the archive"
    raise ModelFileError(
        path, f"no .keras file, or damaged ({damaged} is broken): get a fresh copy"
    )


def _layers_of_code(config: bytes) -> Iterator[str]:
    """Name what a config has that is no class of Keras, nor one that is registered here."""
    try:
        nodes = [json.loads(config)]
    except (ValueError, RecursionError):
        return
    while nodes:
        node = nodes.pop()
        if isinstance(node, list):
            nodes += reversed(node)
        elif isinstance(node, dict):
            nodes += reversed(node.values())
            if _is_code(node):
                own = node.get("config")
                name = own.get("name", "") if isinstance(own, dict) else ""
                yield f"the {node['class_name']} {name}".strip()


def _is_code(node: dict[str, Any]) -> bool:
    kind, registered = node.get("class_name"), node.get("registered_name")
    if kind in _CODE:
        return True
    ours = isinstance(registered, str) and keras.saving.get_registered_object(registered)
    return (
        isinstance(kind, str)
        and "module" in node
        and not (ours or str(node["module"]).split(".")[0] in ("keras", "builtins"))
    )
