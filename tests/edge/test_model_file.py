"""The model file."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiart_edge import DecisionRule, InputRule, ModelDescription, ModelFileError, OutputError
from aiart_edge.model_file import Head, read_model_file, write_model_file

NETWORK = np.random.default_rng(0).bytes(5000)
DESCRIPTION = ModelDescription(
    name="test",
    precision="int8",
    input=InputRule(150, 150),
    decision=DecisionRule(1.5, 0.2, 0.7),
    metrics={"accuracy": 0.75},
    origin={"keras_sha256": "0" * 64},
    head=Head(features=5, weights=2, bias=None, maps=((3, 0), (4, 16))),
)


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    path = tmp_path / "model.tflite"
    write_model_file(path, NETWORK, DESCRIPTION)
    return path


def rewrite(path: Path, change: dict[str, object]) -> None:
    """Change the description in place, as a later aiart or a vandal might."""
    with zipfile.ZipFile(path) as archive:
        document = json.loads(archive.read("aiart.json"))
    path.write_bytes(NETWORK)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("aiart.json", json.dumps(document | change))


def test_what_is_written_is_read_back(model_file: Path) -> None:
    read = read_model_file(model_file)
    assert read.network == NETWORK
    assert read.description == DESCRIPTION


def test_the_file_begins_with_the_network_so_that_any_runtime_loads_it(model_file: Path) -> None:
    assert model_file.read_bytes().startswith(NETWORK)


def test_the_same_content_gives_the_same_bytes(model_file: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.tflite"
    write_model_file(again, NETWORK, DESCRIPTION)
    assert again.read_bytes() == model_file.read_bytes()


def test_a_file_cut_short_anywhere_is_refused(model_file: Path) -> None:
    content = model_file.read_bytes()
    for length in np.linspace(0, len(content) - 1, 200).astype(int):
        model_file.write_bytes(content[:length])
        with pytest.raises(ModelFileError):
            read_model_file(model_file)


def test_a_network_altered_anywhere_is_refused(model_file: Path) -> None:
    content = model_file.read_bytes()
    for offset in np.linspace(0, len(NETWORK) - 1, 200).astype(int):
        altered = bytearray(content)
        altered[offset] ^= 1
        model_file.write_bytes(altered)
        with pytest.raises(ModelFileError, match="altered or damaged"):
            read_model_file(model_file)


def test_a_description_altered_anywhere_is_refused_or_still_says_the_same(model_file: Path) -> None:
    content = model_file.read_bytes()
    for offset in range(len(NETWORK), len(content)):
        altered = bytearray(content)
        altered[offset] ^= 1
        model_file.write_bytes(altered)
        try:
            assert read_model_file(model_file).description == DESCRIPTION
        except ModelFileError:
            continue


@pytest.mark.parametrize("content", [b"", b"not a model", NETWORK])
def test_a_file_that_is_not_ours_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="not a model that aiart-convert wrote"):
        read_model_file(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="No such file"):
        read_model_file(tmp_path / "model.tflite")


def test_a_file_of_a_newer_format_says_to_upgrade(model_file: Path) -> None:
    rewrite(model_file, {"format": 2})
    with pytest.raises(ModelFileError, match="install a newer one"):
        read_model_file(model_file)


@pytest.mark.parametrize(
    "change",
    [
        {"labels": ["human", "ai"]},
        {"input": {"height": 150}},
        {"input": {"height": 150, "width": 150, "resize": "spiral"}},
        {"decision": {"temperature": -1, "low": 0, "high": 1}},
        {"network": None},
        {"network": {"bytes": "all", "sha256": ""}},
        {"name": None},
        {"labels": "x" * 100_000},
        {"input": {"height": 240.0, "width": 240}},
        {"input": {"height": 10**9, "width": 240}},
        {"input": [240, 240]},
        {"decision": {"temperature": 1e-300, "low": 0, "high": 1}},
        {"decision": {"temperature": 1, "low": float("nan"), "high": 1}},
        {"metrics": {"accuracy": "good"}},
        {"metrics": {"accuracy": float("nan")}},
        {"metrics": {"accuracy": {"of": 1}}},
        {"origin": ["here"]},
        {"golden": {"xnnpack": [0.5, "half"]}},
        {"golden": {"xnnpack": 0.5}},
        {"head": "pooled"},
        {"head": {"features": 1}},
        {"head": {"features": -1, "weights": 2, "bias": 3, "logits": None, "maps": [[4, 0]]}},
        {"head": {"features": 1, "weights": 2, "bias": 3, "logits": None, "maps": [[4, True]]}},
        {"head": {"features": 1, "weights": 2, "bias": 3, "logits": None, "maps": [4]}},
    ],
)
def test_a_description_that_makes_no_sense_is_refused(
    change: dict[str, object], model_file: Path
) -> None:
    rewrite(model_file, change)
    with pytest.raises(ModelFileError, match="description is not valid") as caught:
        read_model_file(model_file)
    assert len(caught.value.problem) < 300


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.sampled_from(["format", "labels", "name", "precision", "input", "decision", "metrics"])
    | st.sampled_from(["origin", "golden", "network", "head"]),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9),
        lambda below: st.lists(below) | st.dictionaries(st.text(max_size=9), below),
        max_leaves=9,
    ),
)
def test_any_value_in_a_description_is_refused_or_can_be_told(
    model_file: Path, key: str, value: object
) -> None:
    changed = model_file.with_name("changed.tflite")
    shutil.copy(model_file, changed)
    rewrite(changed, {key: value})
    try:
        description = read_model_file(changed).description
    except ModelFileError:
        return
    json.dumps(asdict(description), allow_nan=False)


def test_a_damaged_archive_is_refused_or_says_the_same(model_file: Path) -> None:
    rng = np.random.default_rng(0)
    content = model_file.read_bytes()
    for _ in range(100):
        altered = bytearray(content)
        for at in rng.integers(len(NETWORK), len(content), rng.integers(1, 9)):
            altered[at] = rng.choice([0, 1, 255, rng.integers(256)])
        model_file.write_bytes(altered)
        with suppress(ModelFileError):
            read = read_model_file(model_file)
            assert (read.network, read.description) == (NETWORK, DESCRIPTION)


def test_a_description_that_is_no_object_is_refused(model_file: Path) -> None:
    with zipfile.ZipFile(model_file, "w") as archive:
        archive.writestr("aiart.json", "[]")
    with pytest.raises(ModelFileError, match="not an object"):
        read_model_file(model_file)


@pytest.mark.parametrize("depth", [500, 100_000])
def test_a_description_nested_deep_is_refused(depth: int, model_file: Path) -> None:
    with zipfile.ZipFile(model_file, "w") as archive:
        nest = "[" * depth + "]" * depth
        archive.writestr("aiart.json", f'{{"format": 1, "labels": {nest}}}')
    with pytest.raises(ModelFileError):
        read_model_file(model_file)


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/", "a\0b"])
def test_what_is_no_plain_file_is_refused(path: str) -> None:
    with pytest.raises(ModelFileError, match="cannot be opened"):
        read_model_file(Path(path))


def test_a_pipe_that_nobody_writes_to_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelFileError, match="no plain file"):
        read_model_file(tmp_path / "pipe")


def test_a_file_larger_than_any_network_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "model.tflite").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ModelFileError, match="it has over 512 MB"):
        read_model_file(tmp_path / "model.tflite")


def test_a_description_of_absurd_size_is_refused(model_file: Path) -> None:
    with zipfile.ZipFile(model_file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("aiart.json", b" " * (2 << 20))
    with pytest.raises(ModelFileError):
        read_model_file(model_file)


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        write_model_file(path, NETWORK, DESCRIPTION)
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(OutputError, match="No such file"):
        write_model_file(tmp_path / "missing" / "model.tflite", NETWORK, DESCRIPTION)
