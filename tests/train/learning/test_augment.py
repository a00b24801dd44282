"""Views of a picture."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from aiart_train.learning.augment import augment
from aiart_train.learning.recipes import Augmentation

TILES = np.random.default_rng(1).integers(0, 256, (9, 12, 3), dtype=np.uint8)
PICTURE = Image.fromarray(TILES).resize((60, 45), Image.Resampling.NEAREST)
X, Y = np.meshgrid(np.arange(256), np.arange(256))
# Red tells the place from left to right, green from top to bottom.
RAMP = Image.fromarray(np.stack([X, Y, 0 * X], axis=2).astype(np.uint8))
SIZE = (40, 30)

shares = st.floats(0, 1)
below_one = st.floats(0, 1, exclude_max=True)
augmentations = st.builds(
    Augmentation, st.booleans(), zoom=below_one, rescale=shares, jpeg=shares, colour=below_one
)


def view(how: Augmentation, seed: int = 0, picture: Image.Image = PICTURE) -> NDArray[np.uint8]:
    return np.asarray(augment(picture, SIZE, how, np.random.default_rng(seed)))


def views(how: Augmentation, picture: Image.Image = PICTURE) -> list[NDArray[np.uint8]]:
    return [view(how, seed, picture) for seed in range(40)]


@given(augmentations, st.integers(0, 1 << 32), st.tuples(st.integers(1, 50), st.integers(1, 50)))
@settings(max_examples=50)
def test_a_view_has_the_size_wanted_and_depends_on_the_seed_alone(
    how: Augmentation, seed: int, size: tuple[int, int]
) -> None:
    one, other = (augment(PICTURE, size, how, np.random.default_rng(seed)) for _ in range(2))
    assert (one.size, one.mode) == (size, "RGB")
    assert one.tobytes() == other.tobytes()


def test_without_augmentation_a_view_is_the_picture_made_smaller() -> None:
    filters = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
    expected = {PICTURE.resize(SIZE, each).tobytes() for each in filters}
    assert {got.tobytes() for got in views(Augmentation())} == expected


def test_every_other_view_is_mirrored() -> None:
    mirrored = views(Augmentation(), ImageOps.mirror(PICTURE))
    pairs = list(zip(views(Augmentation(flip=True)), views(Augmentation()), mirrored, strict=True))
    flipped = [np.abs(got - turned.astype(int)).max() <= 1 for got, _, turned in pairs]
    straight = [np.array_equal(got, plain) for got, plain, _ in pairs]
    assert all(one != other for one, other in zip(flipped, straight, strict=True))
    assert 10 < sum(flipped) < 30


@given(st.floats(0, 0.99), st.integers(0, 1 << 32))
@settings(max_examples=50)
def test_zoom_cuts_off_no_more_than_its_share_and_nothing_from_outside(
    zoom: float, seed: int
) -> None:
    got = view(Augmentation(zoom=zoom), seed, RAMP).astype(float)
    for places in (got[0, :, 0], got[:, 0, 1]):
        kept = (places[-1] - places[0]) / 255 * len(places) / (len(places) - 1)
        assert 1 - zoom - 0.05 <= kept <= 1.05
        assert np.all(np.diff(places) >= 0)


def test_zoom_reaches_all_sides() -> None:
    got = np.array(views(Augmentation(zoom=0.5), RAMP))
    left, right = got[:, 0, 0, 0], got[:, 0, -1, 0]
    top, bottom = got[:, 0, 0, 1], got[:, -1, 0, 1]
    for near, far in ((left, right), (top, bottom)):
        assert near.min() < 20
        assert near.max() > 70
        assert far.min() < 185
        assert far.max() > 235


def test_rescaling_blurs() -> None:
    def sharpness(how: Augmentation) -> float:
        return float(np.abs(np.diff(np.array(views(how), dtype=float), axis=2)).mean())

    assert sharpness(Augmentation(rescale=1)) < 0.95 * sharpness(Augmentation())


def test_jpeg_is_of_a_quality_between_30_and_95() -> None:
    plain = {got.tobytes(): got for got in views(Augmentation())}  # one for each filter
    qualities = {encode(got, each): each for got in plain.values() for each in range(1, 101)}
    found = [qualities[got.tobytes()] for got in views(Augmentation(jpeg=1))]
    assert 30 <= min(found) < 40
    assert 85 < max(found) <= 95


def encode(pixels: NDArray[np.uint8], quality: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return Image.open(stream).tobytes()


def test_colour_changes_brightness_contrast_and_saturation_both_ways() -> None:
    columns = np.array([[(80, 80, 80), (120, 120, 120), (120, 90, 80)]], dtype=np.uint8)
    picture = Image.fromarray(columns).resize((60, 45), Image.Resampling.NEAREST)

    def measure(how: Augmentation) -> NDArray[np.float64]:
        got = np.array(views(how, picture), dtype=float)
        dark, light, tinted = got[:, 15, 6], got[:, 15, 20], got[:, 15, 33]
        level, contrast = got.mean(axis=(1, 2, 3)), (light - dark).mean(axis=1)
        return np.stack([level, contrast / level, np.ptp(tinted, axis=1) / contrast], axis=1)

    changes = measure(Augmentation(colour=0.2)) / measure(Augmentation())
    least, most = changes.min(axis=0), changes.max(axis=0)
    assert np.all((least > 0.75) & (least < 0.87))
    assert np.all((most > 1.13) & (most < 1.25))


@pytest.mark.parametrize("name", ["rescale", "jpeg"])
@pytest.mark.parametrize(("share", "least", "most"), [(0, 0, 0), (0.5, 10, 30), (1, 37, 40)])
def test_a_share_of_the_views_is_changed(name: str, share: float, least: int, most: int) -> None:
    plain = {got.tobytes() for got in views(Augmentation())}  # one for each filter
    changed = [got.tobytes() not in plain for got in views(Augmentation(**{name: share}))]
    assert least <= sum(changed) <= most


@pytest.mark.parametrize("name", ["zoom", "rescale", "jpeg", "colour"])
@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_a_value_out_of_its_range_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"Expected {name} from 0 to .* Received {value}"):
        Augmentation(**{name: value})


@pytest.mark.parametrize("name", ["zoom", "colour"])
def test_nothing_of_a_picture_would_be_left_at_one(name: str) -> None:
    with pytest.raises(ValueError, match=f"Expected {name} from 0 to below 1. Received 1"):
        Augmentation(**{name: 1})
