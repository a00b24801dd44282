"""The golden pictures."""

from __future__ import annotations

import hashlib

import numpy as np

from aiart_edge import InputRule
from aiart_edge.golden import PICTURES, draw_golden


def test_the_pictures_are_the_same_on_every_machine_and_in_every_release() -> None:
    pictures = [draw_golden(number, InputRule(40, 30)) for number in range(PICTURES)]
    assert {picture.shape for picture in pictures} == {(1, 40, 30, 3)}
    assert {picture.dtype for picture in pictures} == {np.dtype(np.uint8)}
    digest = hashlib.sha256(b"".join(picture.tobytes() for picture in pictures)).hexdigest()
    assert digest == "38078ad503d48c42e5abe8c9cfd020833f07236ff083643da80cbe9fff64c8d3"


def test_no_two_pictures_are_alike() -> None:
    pictures = {draw_golden(number, InputRule(40, 30)).tobytes() for number in range(PICTURES)}
    assert len(pictures) == PICTURES
