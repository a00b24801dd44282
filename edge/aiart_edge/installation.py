"""How aiart was installed, and so how an extra, or another part, is added to it."""

from __future__ import annotations

import importlib.metadata
import json
import shlex
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit


def install_command(extra: str = "", folder: str = "") -> str:
    """Say which command brings the packages of an extra, or a distribution of its own.

    aiart stands on no index: it is installed again, with the extra, from where it came from, a
    clone or a wheel, as pip has noted it (PEP 610).

    Args:
        extra: the extra's name in setup.cfg. Default: none.
        folder: of a clone, in which the distribution lies. Default: none.

    Returns:
        A command line for this very Python; for a clone in the current folder, where nothing is
        noted, or what is noted has no such folder.
    """
    place, options = ".", []
    try:
        noted = json.loads(
            importlib.metadata.distribution("aiart").read_text("direct_url.json") or "{}"
        )
        url = urlsplit(noted.get("url", ""))
        if url.scheme == "file":
            place = unquote(url.path)
            options = ["-e"] if noted.get("dir_info", {}).get("editable") else []
    except (importlib.metadata.PackageNotFoundError, ValueError):
        pass
    if folder:
        found = Path(place, folder)
        what = [str(found) if found.is_dir() else f"./{folder}"]
    else:
        what = [*options, f"{place}[{extra}]"]
    return shlex.join([sys.executable, "-m", "pip", "install", *what])
