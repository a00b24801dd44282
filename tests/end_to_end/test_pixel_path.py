"""One pixel path: a picture's score does not depend on the room it is made in."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from aiart_edge import Classifier
from aiart_edge.image import read_pixels
from aiart_edge.model_file import read_model_file
from aiart_train.data.split import SplitRow
from aiart_train.evaluation.evaluate import predict
from aiart_train.learning.batches import PictureBatches


def as_rows(pictures: list[Path]) -> list[SplitRow]:
    return [SplitRow(path.name, "ai", "", 0, "test", "", 0) for path in pictures]


def scores_in_both_rooms(
    run_folder: Path, model_file: Path, pictures: list[Path]
) -> tuple[np.ndarray, np.ndarray]:
    """Score pictures as training does, with Keras, and as the device does."""
    model = keras.models.load_model(run_folder / "model.keras")
    with Classifier.load(model_file) as classifier:
        in_training = predict(
            model, pictures[0].parent, as_rows(pictures), classifier.description.input
        )
        on_the_edge = np.array([classifier.scores(path) for path in pictures])
    return in_training, on_the_edge


@pytest.fixture
def odd_pictures(tmp_path: Path) -> list[Path]:
    """Pictures that naive readers disagree on."""
    rng = np.random.default_rng(0)
    base = Image.fromarray(rng.integers(0, 256, (24, 40, 3), dtype=np.uint8)).resize((1200, 700))
    exif = Image.Exif()
    exif[0x0112] = 6
    base.save(tmp_path / "turned.jpg", exif=exif)
    base.save(tmp_path / "progressive.png", "JPEG", progressive=True)
    base.convert("CMYK").save(tmp_path / "cmyk.jpg")
    base.convert("L").save(tmp_path / "grey.jpg")
    base.quantize(16).save(tmp_path / "palette.gif")
    see_through = base.convert("RGBA")
    see_through.putalpha(Image.linear_gradient("L").resize(base.size))
    see_through.save(tmp_path / "see-through.webp", lossless=True)
    deep = rng.integers(0, 1 << 16, (90, 70), dtype=np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep", "PNG")
    base.crop((0, 0, 1200, 9)).save(tmp_path / "thin.tif")
    return sorted(tmp_path.iterdir())


def test_odd_pictures_score_the_same_in_training_and_on_the_edge(
    run_folder: Path, model_files: dict[str, Path], odd_pictures: list[Path]
) -> None:
    in_training, on_the_edge = scores_in_both_rooms(
        run_folder, model_files["float32"], odd_pictures
    )
    assert on_the_edge == pytest.approx(in_training, abs=1e-4)


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_training_sees_the_very_pixels_that_the_edge_sees(
    precision: str, model_files: dict[str, Path], odd_pictures: list[Path]
) -> None:
    rule = read_model_file(model_files[precision]).description.input
    in_training = PictureBatches(odd_pictures[0].parent, as_rows(odd_pictures), rule, 99)[0][0]
    on_the_edge = np.concatenate([read_pixels(path, rule) for path in odd_pictures])
    assert np.array_equal(in_training, on_the_edge)
    assert len(np.unique(on_the_edge, axis=0)) == len(odd_pictures)


def test_every_odd_file_of_the_real_data_scores_the_same(
    run_folder: Path, model_files: dict[str, Path], shared_data: Path
) -> None:
    pictures = sorted(p for p in (shared_data / "oddities").iterdir() if p.suffix != ".csv")
    assert len(pictures) == 25
    in_training, on_the_edge = scores_in_both_rooms(run_folder, model_files["float32"], pictures)
    assert on_the_edge == pytest.approx(in_training, abs=1e-4)


def test_int8_scores_stay_close_to_the_keras_models(
    run_folder: Path, model_files: dict[str, Path], art: Path
) -> None:
    pictures = sorted((art / "AiArt").iterdir())
    in_training, on_the_edge = scores_in_both_rooms(run_folder, model_files["int8"], pictures)
    assert np.abs(on_the_edge - in_training).mean() < 0.02
