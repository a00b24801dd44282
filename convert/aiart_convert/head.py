"""What makes a network's logit: its head, found in the network as it was converted.

The edge reads off these tensors where in a picture the evidence lies (`aiart_edge.evidence`). They
are found by following the network backwards from its scores, so that whatever the Keras model was,
what stands in the file is what its network does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from tensorflow.lite.python import schema_py_generated as tflite
from tensorflow.lite.tools import flatbuffer_utils

from aiart_convert import TARGETS
from aiart_convert.edge_process import Runtime, explain_on_edge, installed_runtimes
from aiart_edge.decision import LABELS
from aiart_edge.errors import ModelFileError
from aiart_edge.golden import PICTURES, draw_golden
from aiart_edge.image import InputRule
from aiart_edge.model_file import Head, ModelDescription, ModelFile

_OPERATOR = tflite.BuiltinOperator
_SAME_VALUES = {_OPERATOR.QUANTIZE, _OPERATOR.DEQUANTIZE, _OPERATOR.RESHAPE}
_FLOAT32, _INT8 = tflite.TensorType.FLOAT32, tflite.TensorType.INT8
_SUM, _P_AI = 0.05, 0.01  # by which evidence may miss the logit, and that p(ai)
_CUT = 6  # the logit at which int8's heads end, see `quantize.with_two_scores`
# What a dense layer may do to logits: nothing, or cut them off.
_PLAIN = {tflite.ActivationFunctionType.NONE}
_LINEAR = {*_PLAIN, tflite.ActivationFunctionType.RELU6}


def find_head(network: bytes) -> Head | None:
    """Find the tensors that tell where a network finds its evidence.

    Args:
        network: a TFLite flatbuffer that keeps the tensor contract.

    Returns:
        Its head, None where that is not linear in pooled maps: where it does not end in a softmax
        of a dense layer, or none of what that reads is the mean of a map.
    """
    graph = _Graph(network)
    (scores,) = graph.outputs
    softmax = graph.maker(scores)
    if not softmax or graph.kind(softmax) != _OPERATOR.SOFTMAX or softmax.builtinOptions.beta != 1:
        return None
    dense = graph.maker(softmax.inputs[0])
    if not dense or graph.kind(dense) != _OPERATOR.FULLY_CONNECTED:
        return None
    features, weights, bias = (*dense.inputs, -1)[:3]
    count = graph.shape(weights)[-1]
    rounds = graph.kind_of_values(features) == _FLOAT32 and graph.kind_of_values(weights) == _INT8
    is_linear = dense.builtinOptions.fusedActivationFunction in (_PLAIN if rounds else _LINEAR)
    if not is_linear or graph.shape(weights) != (len(LABELS), count):
        return None
    joined = graph.maker(features)
    is_joined = joined is not None and graph.kind(joined) == _OPERATOR.CONCATENATION
    parts = list(joined.inputs) if joined is not None and is_joined else [features]
    batch = graph.shape(scores)[0]
    maps, first = [], 0
    for part in parts:
        if (pooled := graph.pooled_map(part)) is not None:
            maps.append((pooled, first))
        first += prod(graph.shape(part)) // batch
    if not maps or first != count:
        return None
    return Head(
        features=int(features),
        weights=graph.constant(weights),
        bias=graph.constant(bias) if bias >= 0 else None,
        maps=tuple(maps),
        logits=int(dense.outputs[0]) if rounds else None,
    )


@dataclass(frozen=True)
class Completeness:
    """How nearly the evidence of places adds up to a network's answers; the furthest of all.

    Args:
        sum: from the sum of all evidence to the logit.
        p_ai: from the logit's p(ai) to the network's, where its head does not cut it off.
        moved: by which p(ai) differs when the network is asked for its evidence.
    """

    sum: float
    p_ai: float
    moved: float

    @property
    def holds(self) -> bool:
        """Whether such evidence may be shown."""
        return self.sum <= _SUM and self.p_ai <= _P_AI and self.moved == 0


def measure_completeness(
    network: bytes,
    head: Head,
    pictures: Sequence[Path | NDArray[np.uint8]],
    rule: InputRule,
    runtimes: Sequence[Runtime],
) -> Completeness:
    """Compare a network's evidence with its answers, on the edge's own path.

    Args:
        network: a TFLite flatbuffer.
        head: what makes its logit.
        pictures: files, or pixels.
        rule: how the network wants its pictures.
        runtimes: to run it with.

    Returns:
        The furthest of all pictures and runtimes.

    Raises:
        AiartError, ValueError: see `edge_process.explain_on_edge`.
    """
    rows = [explain_on_edge(network, head, pictures, rule, runtime) for runtime in runtimes]
    p_ai, asked, logit, total = np.concatenate(rows).T
    seen = np.abs(logit) < _CUT
    return Completeness(
        sum=float(np.abs(total - logit).max()),
        p_ai=float(np.abs(expit(logit) - p_ai)[seen].max(initial=0)),
        moved=float(np.abs(asked - p_ai).max()),
    )


def renew_head(model: ModelFile) -> tuple[ModelDescription, Completeness]:
    """Let a file of ours say what tells where its network finds its evidence.

    Args:
        model: a model file, of an older aiart.

    Returns:
        What it shall say of itself, and how its evidence adds up on the golden pictures.

    Raises:
        ModelFileError: its head is not linear in pooled maps.
        AiartError, ValueError: see `edge_process.explain_on_edge`.
    """
    said = model.description
    head = find_head(model.network)
    if head is None:
        problem = "its head is not linear in pooled maps: its answers are explained by occlusion"
        raise ModelFileError(model.path, problem)
    pictures = [draw_golden(number, said.input)[0] for number in range(PICTURES)]
    runtimes = installed_runtimes(said.precision, said.origin.get("target", TARGETS[0]))
    completeness = measure_completeness(model.network, head, pictures, said.input, runtimes)
    return replace(said, head=head if completeness.holds else None), completeness


class _Graph:
    """A network, to be followed backwards.

    Args:
        network: a TFLite flatbuffer.
    """

    def __init__(self, network: bytes) -> None:
        self._model = flatbuffer_utils.convert_bytearray_to_object(network)
        graph = self._model.subgraphs[0]
        self._tensors = graph.tensors
        self._makers = {tensor: step for step in graph.operators for tensor in step.outputs}
        self.outputs: Sequence[int] = graph.outputs

    def kind(self, step: Any) -> int:
        """Give the number of an operator."""
        code = self._model.operatorCodes[step.opcodeIndex]
        return int(max(code.builtinCode, code.deprecatedBuiltinCode))

    def shape(self, tensor: int) -> tuple[int, ...]:
        """Give the shape of a tensor."""
        shape = self._tensors[tensor].shape
        return () if shape is None else tuple(map(int, shape))

    def kind_of_values(self, tensor: int) -> int:
        """Give the number of the type of a tensor's values."""
        return int(self._tensors[tensor].type)

    def maker(self, tensor: int) -> Any:
        """Find the operator that made a tensor's values, whatever form they were given since."""
        step = self._makers.get(tensor)
        while step is not None and self.kind(step) in _SAME_VALUES:
            step = self._makers.get(step.inputs[0])
        return step

    def constant(self, tensor: int) -> int:
        """Find the constant that a tensor is made of, as float16 weights are, or is."""
        while tensor in self._makers:
            tensor = self._makers[tensor].inputs[0]
        return int(tensor)

    def pooled_map(self, tensor: int) -> int | None:
        """Find the map, or the row of tokens, whose mean over all places a tensor is."""
        step = self.maker(tensor)
        if step is None:
            return None
        shape = self.shape(step.inputs[0])
        if self.kind(step) == _OPERATOR.AVERAGE_POOL_2D:
            options = step.builtinOptions
            is_whole = (options.filterHeight, options.filterWidth) == shape[1:3]
            is_mean = is_whole and self.shape(step.outputs[0])[1:3] == (1, 1)
        else:
            is_mean = self.kind(step) == _OPERATOR.MEAN and self._axes(step.inputs[1]) == set(
                range(1, len(shape) - 1)
            )
        return int(step.inputs[0]) if is_mean and len(shape) in {3, 4} else None

    def _axes(self, tensor: int) -> set[int]:
        data = self._model.buffers[self._tensors[tensor].buffer].data
        return set() if data is None else set(np.frombuffer(bytes(data), "<i4").tolist())
