"""A .keras file from anywhere is loaded, or refused in one line that says why."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import keras
import pytest

from aiart_edge import ModelFileError
from aiart_train import keras_file
from aiart_train.keras_file import load_keras


class Doubled(keras.layers.Layer):
    """A layer that no other program has."""

    def call(self, inputs: object) -> object:
        return keras.ops.multiply(inputs, 2)


def save(path: Path, *layers: keras.layers.Layer) -> Path:
    pooled = keras.layers.GlobalAveragePooling2D()
    head = keras.layers.Dense(1, activation="sigmoid")
    keras.Sequential([keras.Input((32, 32, 3)), *layers, pooled, head]).save(path)
    return path


def rewritten(path: Path, change: Callable[[bytes], bytes]) -> Path:
    """The same archive, whole and packed, with another config.json."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["config.json"] = change(members["config.json"])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ModelFileError) as caught:
        load_keras(path)
    line = caught.value.format_message()
    assert line.startswith(f"{path}: ")
    return line


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (lambda: keras.layers.Lambda(lambda pixels: pixels * 2, name="odd"), "the Lambda odd"),
        (lambda: Doubled(name="odd"), "the Doubled odd"),
    ],
)
def test_a_file_that_holds_code_is_said_to(
    layer: Callable[[], keras.layers.Layer], name: str, tmp_path: Path
) -> None:
    line = refusal(save(tmp_path / "model.keras", layer()))
    assert f"it holds code, {name}, and is refused" in line


def test_a_layer_that_is_registered_here_is_no_code_of_the_files(tmp_path: Path) -> None:
    path = save(tmp_path / "model.keras", Doubled())
    with keras.saving.CustomObjectScope({"Doubled": Doubled}):
        _, rule = load_keras(path)
    assert rule.height == 32


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda _config: b"[" * 100_000 + b"]" * 100_000, "cannot be loaded"),
        (lambda _config: b"[1, 2]", "cannot be loaded"),
        (lambda config: config[:-1], "cannot be loaded"),
        (lambda config: config.replace(b"32, 32, 3", b"1000000, 1000000, 3"), "4096 a side"),
        (lambda config: config + b" " * keras_file.MOST_CONFIG, "config.json than 10 MB"),
    ],
)
def test_a_config_that_no_model_has_is_one_line(
    change: Callable[[bytes], bytes], problem: str, tmp_path: Path
) -> None:
    assert problem in refusal(rewritten(save(tmp_path / "model.keras"), change))


def test_a_file_that_unpacks_to_more_than_any_model_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "model.keras")
    monkeypatch.setattr(keras_file, "MOST_BYTES", 1000)
    assert "unpacked it is larger than" in refusal(path)


def test_an_archive_without_a_config_is_no_keras_file(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", "{}")
    assert "no .keras file, or damaged" in refusal(path)
