"""How to add an extra: a line that works where aiart was installed from."""

from __future__ import annotations

import importlib.metadata
import shlex
import sys

import pytest

from aiart_edge import MissingExtra
from aiart_edge.errors import require_extra


class Noted(importlib.metadata.Distribution):
    """An installation of which pip has noted this in direct_url.json."""

    def __init__(self, noted: str | None) -> None:
        self._noted = noted

    def read_text(self, filename: str) -> str | None:
        assert filename == "direct_url.json"
        return self._noted

    def locate_file(self, path: object) -> None:  # type: ignore[override]
        raise NotImplementedError


@pytest.mark.parametrize(
    ("noted", "last"),
    [
        ('{"url": "file:///home/pi/aiart", "dir_info": {}}', ["/home/pi/aiart[train]"]),
        (
            '{"url": "file:///home/pi/my%20art", "dir_info": {"editable": true}}',
            ["-e", "/home/pi/my art[train]"],
        ),
        (
            '{"url": "file:///tmp/aiart-0.1.0-py3-none-any.whl", "archive_info": {}}',
            ["/tmp/aiart-0.1.0-py3-none-any.whl[train]"],
        ),
        ('{"url": "https://example.org/aiart.git", "vcs_info": {"vcs": "git"}}', [".[train]"]),
        ("broken", [".[train]"]),
        (None, [".[train]"]),
    ],
)
def test_the_line_names_the_clone_or_the_wheel(
    noted: str | None, last: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.metadata, "distribution", lambda _name: Noted(noted))
    with pytest.raises(MissingExtra) as caught:
        require_extra("train", "a_package_that_nobody_has")
    command = shlex.split(caught.value.format_message().partition(": run  ")[2])
    assert command == [sys.executable, "-m", "pip", "install", *last]


def test_what_is_not_installed_at_all_is_installed_from_its_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def find_none(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", find_none)
    with pytest.raises(MissingExtra, match=r"pip install '\.\[train\]'"):
        require_extra("train", "a_package_that_nobody_has")
