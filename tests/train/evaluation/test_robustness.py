"""What answers and verdicts are worth when pictures are changed."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image, ImageOps

from aiart_edge import InputRule
from aiart_edge.decision import DecisionRule
from aiart_edge.image import decode, read_pixels
from aiart_train.data.split import SplitRow
from aiart_train.evaluation.evaluate import measure, predict
from aiart_train.evaluation.perturbations import PERTURBATIONS
from aiart_train.evaluation.robustness import UNCHANGED, spread, sweep

RULE = InputRule(24, 24)
VERDICTS = DecisionRule(1.0, low=0.3, high=0.7)


def draw_picture() -> Image.Image:
    rings = Image.radial_gradient("L").resize((121, 87))
    return Image.merge("RGB", (rings, ImageOps.invert(rings), ImageOps.mirror(rings)))


@pytest.fixture(scope="module")
def brightness() -> keras.Model:
    """A network that answers `human` for a picture whose mean is above 200."""
    pixels = keras.Input((24, 24, 3))
    mean = keras.layers.GlobalAveragePooling2D()(pixels)
    model = keras.Model(pixels, keras.layers.Dense(1, activation="sigmoid")(mean))
    model.set_weights([np.full((3, 1), 0.1 / 3), np.array([-20.0])])
    return model


def save(image: Image.Image, folder: Path, label: str) -> SplitRow:
    number = len(list(folder.iterdir()))
    image.save(folder / f"{number}.png")
    return SplitRow(f"{number}.png", label, label, number, "test", "0", 0)


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_a_changed_picture_shows_the_same_and_reads_through_the_edges_pixel_path(name: str) -> None:
    image = draw_picture()
    changed = PERTURBATIONS[name](image)
    boxes = {"90%": (6, 4, 115, 82), "80%": (12, 8, 109, 78)}
    whole = image.crop(boxes[name.split()[2]]) if "crop" in name else image
    got = decode(changed)
    assert got.size == whole.size
    assert np.abs(np.asarray(got, dtype=float) - np.asarray(whole, dtype=float)).mean() < 4
    assert read_pixels(changed, RULE).shape == (1, 24, 24, 3)


def test_jpeg_is_written_at_the_qualities_that_the_names_say() -> None:
    image = draw_picture()
    for quality in (95, 75, 50, 30):
        tables = Image.open(io.BytesIO(PERTURBATIONS[f"JPEG {quality}"](image))).quantization
        expected = io.BytesIO()
        image.save(expected, "JPEG", quality=quality)
        assert tables == Image.open(expected).quantization


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_a_picture_of_one_pixel_can_be_changed(name: str) -> None:
    assert decode(PERTURBATIONS[name](Image.new("RGB", (1, 1), "red"))).size == (1, 1)


def test_pictures_that_every_change_leaves_alike_keep_their_verdicts(
    brightness: keras.Model, tmp_path: Path
) -> None:
    rows = [
        save(Image.new("RGB", (60, 60), colour), tmp_path, label)
        for colour, label in (("black", "ai"), ("white", "human"), ("white", "ai"))
    ]
    figures = sweep(brightness.predict_on_batch, tmp_path, rows, RULE, VERDICTS)
    assert [each.name for each in figures] == [UNCHANGED, *PERTURBATIONS]
    assert {each.flip_rate for each in figures} == {0}
    assert {each.accuracy for each in figures} == {2 / 3}
    assert {each.balanced_accuracy for each in figures} == {3 / 4}


def test_a_picture_whose_border_decides_flips_when_it_is_cropped_and_only_then(
    brightness: keras.Model, tmp_path: Path
) -> None:
    framed = ImageOps.expand(Image.new("RGB", (76, 76), "white"), 12, "black")
    rows = [save(framed, tmp_path, "ai"), save(Image.new("RGB", (50, 50)), tmp_path, "ai")]
    figures = {each.name: each for each in sweep(brightness, tmp_path, rows, RULE, VERDICTS)}
    flipped = {name: each.flip_rate for name, each in figures.items() if each.flip_rate}
    assert flipped == {"centre crop, 80% of each side": 0.5}
    assert figures["centre crop, 80% of each side"].accuracy == 0.5
    assert figures[UNCHANGED].accuracy == 1
    assert figures[UNCHANGED].balanced_accuracy is None


def test_the_unchanged_pictures_are_measured_as_evaluation_does_it(
    art: Path, brightness: keras.Model
) -> None:
    rows = [
        SplitRow(f"{folder}/{number:02}.{ending}", label, folder, number, "test", "0", 0)
        for folder, label in (("AiArt", "ai"), ("RealArt", "human"))
        for number, ending in enumerate(("jpg", "png", "webp"))
    ]
    walked = []

    def progress(rows: object) -> object:
        for row in rows:  # type: ignore[attr-defined]
            walked.append(row)
            yield row

    score = brightness.predict_on_batch
    unchanged = sweep(score, art, rows, RULE, VERDICTS, progress)[0]  # type: ignore[arg-type]
    expected = measure(rows, predict(brightness, art, rows, RULE))
    assert unchanged.accuracy == expected.accuracy
    assert unchanged.balanced_accuracy == expected.balanced_accuracy
    assert walked == rows


def test_pictures_are_spread_over_sources_as_evenly_as_these_allow() -> None:
    sizes = {("ai", "large"): 50, ("ai", "small"): 3, ("human", "other"): 20}
    rows = [
        SplitRow(f"{source}/{n}", label, source, n, "test", f"{(7 * n) % 64:064x}", n)
        for (label, source), size in sizes.items()
        for n in range(size)
    ]
    chosen = spread(rows, 15)
    counts = Counter(row.source for row in chosen)
    assert counts == {"large": 6, "small": 3, "other": 6}
    assert set(spread(rows[::-1], 15)) == set(chosen)
    assert len(spread(rows, 1000)) == len(rows)


def test_webp_is_written_at_the_quality_that_the_name_says() -> None:
    image, expected = draw_picture(), io.BytesIO()
    image.save(expected, "WEBP", quality=80)
    assert PERTURBATIONS["WebP 80"](image) == expected.getvalue()
