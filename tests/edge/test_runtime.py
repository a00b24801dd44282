"""The runtimes."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from aiart_edge import RuntimeUnavailable
from aiart_edge.model_file import read_model_file
from aiart_edge.runtime import Network, import_interpreter, load_network


class EchoInterpreter:
    """An interpreter that answers the input's first two values, to see what reaches a runtime."""

    def __init__(self, dtype: type, quantization: tuple[float, int], outputs: int = 2) -> None:
        detail = {"dtype": dtype, "quantization": quantization}
        self.input = {**detail, "index": 0, "shape": np.array([1, 1, 2, 3])}
        self.output = {**detail, "index": 1, "shape": np.array([1, outputs])}
        self.value: NDArray[Any] = np.zeros(1)

    def allocate_tensors(self) -> None:
        pass

    def get_input_details(self) -> list[dict[str, Any]]:
        return [self.input]

    def get_output_details(self) -> list[dict[str, Any]]:
        return [self.output]

    def set_tensor(self, tensor_index: int, value: NDArray[Any]) -> None:
        assert value.dtype == self.input["dtype"]
        self.value = value

    def invoke(self) -> None:
        pass

    def get_tensor(self, tensor_index: int) -> NDArray[Any]:
        return self.value[:, 0, :, 0]


@pytest.mark.parametrize(
    ("dtype", "quantization"),
    [(np.float32, (0.0, 0)), (np.uint8, (1.0, 0)), (np.int8, (1.0, -128)), (np.int8, (2.0, -128))],
)
def test_raw_pixels_reach_a_network_of_any_input_type_unchanged(
    dtype: type, quantization: tuple[float, int]
) -> None:
    pixels = np.array([[[[20, 0, 0], [240, 0, 0]]]], dtype=np.uint8)
    scores = Network(EchoInterpreter(dtype, quantization)).scores(pixels)
    assert scores.dtype == np.float32
    assert scores.tolist() == [20, 240]


def test_only_the_batch_is_filled_with_one_picture_never_its_rows() -> None:
    interpreter = EchoInterpreter(np.float32, (0.0, 0))
    interpreter.input["shape"] = np.array([3, 2, 2, 3])
    network = Network(interpreter)
    network.scores(np.zeros((1, 2, 2, 3), np.uint8))
    assert interpreter.value.shape == (3, 2, 2, 3)
    with pytest.raises(ValueError, match="Expected a picture of shape"):
        network.scores(np.zeros((1, 1, 2, 3), np.uint8))


def test_a_network_that_gives_fewer_scores_than_it_said_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    interpreter = EchoInterpreter(np.float32, (0.0, 0))
    monkeypatch.setattr(interpreter, "get_tensor", lambda _index: np.zeros((0, 2), np.float32))
    with pytest.raises(ValueError, match="Expected scores"):
        Network(interpreter).scores(np.zeros((1, 1, 2, 3), np.uint8))


def test_a_network_with_another_number_of_scores_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Expected one output of shape \(None, 2\)"):
        Network(EchoInterpreter(np.float32, (0.0, 0), outputs=1000))


def test_an_int8_network_takes_raw_bytes_and_answers_in_steps_of_one_in_256(
    model_files: dict[str, Path],
) -> None:
    network = load_network(read_model_file(model_files["int8"]).network)
    scores = network.scores(np.full((1, 64, 64, 3), 77, dtype=np.uint8))
    assert (scores * 256 == np.round(scores * 256)).all()
    assert scores.sum() == pytest.approx(1, abs=1 / 256)


def test_two_threads_answer_as_one(model_files: dict[str, Path]) -> None:
    content = read_model_file(model_files["float32"]).network
    pixels = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), dtype=np.uint8)
    one, two = (load_network(content, threads=threads).scores(pixels) for threads in (1, 2))
    assert one == pytest.approx(two, abs=1e-6)


def test_without_a_runtime_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(RuntimeUnavailable, match="pip install tflite-runtime"):
        load_network(b"")


def test_a_runtime_that_lacks_a_library_of_the_system_names_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ai_edge_litert").mkdir()
    problem = "libstdc++.so.6: cannot open shared object file"
    (tmp_path / "ai_edge_litert" / "__init__.py").write_text(f"raise OSError({problem!r})")
    monkeypatch.syspath_prepend(tmp_path)
    for module in ("ai_edge_litert", "ai_edge_litert.interpreter"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(RuntimeUnavailable, match="libstdc"):
        import_interpreter("litert")


@pytest.fixture
def only_tflite_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: None if name == "ai_edge_litert" else found("numpy"),
    )


@pytest.mark.usefixtures("only_tflite_runtime")
def test_numpy_2_beside_tflite_runtime_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "__version__", "2.4.0")
    with pytest.raises(RuntimeUnavailable, match="pip install 'numpy<2'"):
        load_network(b"")


@pytest.mark.usefixtures("only_tflite_runtime")
def test_tensorflow_imported_before_tflite_runtime_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(np, "__version__", "1.26.4")
    monkeypatch.setitem(sys.modules, "tensorflow", sys)
    monkeypatch.delitem(sys.modules, "tflite_runtime.interpreter", raising=False)
    with pytest.raises(RuntimeUnavailable, match="imported TensorFlow first"):
        load_network(b"")
