"""The example for a camera in docs/raspberry-pi.md, with a camera that lays out its bytes alike."""

from __future__ import annotations

import re
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from aiart_edge import Classification, Classifier

REPOSITORY = Path(__file__).parents[2]
SAMPLE = REPOSITORY / "samples" / "van-gogh-auvers-1890.jpg"
EXAMPLE = re.search(
    r"```python\n(from picamera2 .*?)```",
    (REPOSITORY / "docs" / "raspberry-pi.md").read_text(),
    re.DOTALL,
)

# What picamera2's manual says of the formats: which of red, green, blue and nothing comes when.
ORDERS = {"BGR888": "RGB", "RGB888": "BGR", "XBGR8888": "RGBX", "XRGB8888": "BGRX"}


class Camera(AbstractContextManager["Camera"]):
    """What the example needs of Picamera2."""

    def __init__(self, form: str | None = None) -> None:
        self.form = form

    def create_still_configuration(self, main: dict[str, str]) -> dict[str, str]:
        return main

    def configure(self, configuration: dict[str, str]) -> None:
        self.form = configuration["format"]

    def start(self) -> None:
        pass

    def capture_array(self) -> np.ndarray:
        red, green, blue = np.moveaxis(np.asarray(Image.open(SAMPLE).convert("RGB")), -1, 0)
        channels = {"R": red, "G": green, "B": blue, "X": np.full_like(red, 255)}
        return np.stack([channels[letter] for letter in ORDERS[self.form]], axis=-1)

    def __exit__(self, *_: object) -> None:
        pass


def of_the_file() -> Classification:
    with Classifier.load() as classifier, Image.open(SAMPLE) as image:
        return classifier.classify(image)


def test_the_example_gives_the_verdict_of_the_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = ModuleType("picamera2")
    module.Picamera2 = Camera
    monkeypatch.setitem(sys.modules, "picamera2", module)
    exec(EXAMPLE[1], {})
    expected = of_the_file()
    assert capsys.readouterr().out == f"{expected.verdict} {expected.p_ai}\n"


@pytest.mark.parametrize(
    ("form", "channels"),
    [
        ("RGB888", np.s_[..., ::-1]),
        ("XBGR8888", np.s_[..., :3]),
        ("XRGB8888", np.s_[..., 2::-1]),
    ],
)
def test_the_other_formats_become_rgb_as_the_document_says(
    form: str, channels: tuple[object, ...]
) -> None:
    with Classifier.load() as classifier:
        assert classifier.classify(Camera(form).capture_array()[channels]) == of_the_file()


def test_four_channels_are_refused_with_the_remedy() -> None:
    with Classifier.load() as classifier, pytest.raises(ValueError, match=r"array\[\.\.\., :3\]"):
        classifier.classify(Camera("XBGR8888").capture_array())
