"""Models by name: the embedded one, and those that other distributions bring.

A distribution brings a model by an entry point of the group `aiart.models`: its name is the
model's, and what it loads is the path of a model file.
"""

from __future__ import annotations

from pathlib import Path

from aiart_edge.errors import ModelFileError
from aiart_edge.files import EMBEDDED_MODEL

GROUP = "aiart.models"
DEFAULT, CASCADE = "default", "cascade"

# Which folder of a clone brings a model.
_FOLDERS = {"strong": "edge/strong"}


def find_model(named: Path | str) -> Path:
    """Find a model file.

    Args:
        named: its path, or the name of an installed model: one word without a dot, where no file is
            called so.

    Returns:
        Its path, which need not exist where a path was named.

    Raises:
        ModelFileError: no model of this name is installed, or its distribution is broken.
    """
    path, name = Path(named), str(named)
    if len(path.parts) != 1 or "." in name or path.exists():
        return path
    if name == DEFAULT:
        return EMBEDDED_MODEL
    import importlib.metadata  # noqa: PLC0415  a path needs it not

    points = importlib.metadata.entry_points(group=GROUP)
    if name not in points.names:
        raise ModelFileError(name, _how_to_get(name, points.names))
    try:
        found = Path(points[name].load())
    except (ImportError, AttributeError, TypeError) as error:
        problem = f"the distribution that brings this model is broken ({error}): install it again"
        raise ModelFileError(name, problem) from error
    return found


def _how_to_get(name: str, installed: set[str]) -> str:
    if name == CASCADE:
        return "it is two models, and here one is wanted: name default or strong"
    if folder := _FOLDERS.get(name):
        from aiart_edge.installation import install_command  # noqa: PLC0415

        return f"this model is not installed: run  {install_command(folder=folder)}"
    known = ", ".join(sorted({DEFAULT, *installed}))
    return f"there is no such file, and no installed model of this name: known are {known}"
