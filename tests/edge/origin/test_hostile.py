"""Hostile files: bombs and damage. What time they take, benchmarks/origin_hostile.py measures."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from aiart_edge import origin
from aiart_edge.origin.cbor import decode
from benchmarks.origin_hostile import (
    MOST_MEMORY,
    draw_bombs,
    draw_originals,
    mutate,
    peak_memory,
)

SMALL = dict(draw_bombs())


@pytest.mark.parametrize("make", SMALL.values(), ids=SMALL)
def test_a_bomb_is_one_result_within_memory(make: Callable[[], bytes]) -> None:
    content = make()
    assert peak_memory(content) < MOST_MEMORY
    assert isinstance(origin.read(content), origin.Origin)


@pytest.mark.parametrize(
    ("bomb", "reason"),
    [
        ("zTXt of 30 MB", "a text is longer than 256 kB"),
        ("a billion laughs", "its XMP has a document type, which could expand without end"),
        ("XMP of deep elements", "its XMP is deeper than 64"),
        ("a million chunks", "it has more than 10,000 parts"),
        ("a chunk beyond the end", "its chunks are out of step"),
        ("boxes within boxes", "its Content Credentials are deeper than 8"),
        ("CBOR that is deep", "its CBOR is deeper than 32"),
        ("packets without end", "it has more than 4 MB of metadata"),
    ],
)
def test_a_bound_that_ended_the_walk_is_told(bomb: str, reason: str) -> None:
    assert reason in origin.read(SMALL[bomb]()).gaps


def test_damaged_files_are_read_as_far_as_they_go() -> None:
    rng = random.Random(1)
    originals = list(draw_originals().values())
    says = {origin.read(mutate(rng.choice(originals), rng)).says for _ in range(3_000)}
    assert {"ai", "nothing"} <= says


def test_values_of_any_type_in_credentials_are_no_reason_to_fail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = random.Random(2)
    replacements: list[object] = [[], {}, None, -1, 2.5, "text", b"bytes", True]

    def spoil(value: object) -> object:
        if rng.random() < 0.05:
            return rng.choice(replacements)
        if isinstance(value, list):
            return [spoil(item) for item in value]
        if isinstance(value, dict):
            return {key: spoil(item) for key, item in value.items()}
        return value

    monkeypatch.setattr("aiart_edge.origin.jumbf.decode", lambda *given: spoil(decode(*given)))
    signed = [content for name, content in draw_originals().items() if "," in name]
    says = {origin.read(rng.choice(signed)).says for _ in range(1_000)}
    assert {"ai", "nothing"} <= says
