"""The tools, opened: each is a few functions that can be timed.

What a function returns is p(ai), so that the calls that are timed are the calls that are judged.
"""

from __future__ import annotations

import importlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiart_edge.classifier import Classifier
from aiart_edge.image import InputRule, read_pixels
from aiart_edge.model_file import read_model_file
from aiart_edge.runtime import Network
from benchmarks.variants import RUNTIMES, Variant

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Opened:
    """A tool with its network loaded.

    Args:
        rule: how the network wants its pictures.
        picture: takes a file and gives p(ai), or None where there is no network.
        invoke: takes pixels that are ready and gives p(ai). Default: nothing.
        batch: takes files. Default: `picture` for each.
    """

    rule: InputRule
    picture: Callable[[Path], float | None]
    invoke: Callable[[Pixels], float | None] = lambda _: None
    batch: Callable[[Sequence[Path]], None] | None = None

    def classify_all(self, pictures: Sequence[Path]) -> None:
        """Classify files, as fast as the tool can."""
        if self.batch is not None:
            self.batch(pictures)
            return
        for picture in pictures:
            self.picture(picture)


def open_tool(variant: Variant, path: Path | None) -> Opened:
    """Open a tool.

    Args:
        variant: which, and with what runtime.
        path: of its model file.

    Returns:
        The tool, ready.

    Raises:
        Exception: whatever the tool raises where it refuses the file.
    """
    return _OPENERS[variant.tool](variant, path)


def _open_aiart(variant: Variant, path: Path) -> Opened:
    model = read_model_file(path)

    def open_network() -> Network:
        return Network(_interpreter(variant, model_content=model.network))

    network, classifier = open_network(), Classifier(open_network, model.description)
    return Opened(
        rule=model.description.input,
        picture=lambda picture: classifier.classify(picture).p_ai,
        invoke=lambda pixels: float(network.scores(pixels)[0]),
        batch=lambda pictures: deque(classifier.classify_many(pictures), maxlen=0).clear(),
    )


def _open_command(_: Variant, path: Path) -> Opened:
    from aiart_edge.cli import main  # noqa: PLC0415

    def classify(picture: Path) -> None:
        main.main(["classify", str(picture), "--model", str(path)], standalone_mode=False)

    return Opened(read_model_file(path).description.input, classify)


def _open_keras(variant: Variant, path: Path) -> Opened:
    import keras  # noqa: PLC0415
    import tensorflow as tf  # noqa: PLC0415

    from aiart_train.evaluation.evaluate import to_scores  # noqa: PLC0415
    from aiart_train.keras_file import load_keras  # noqa: PLC0415

    if tf.config.threading.get_intra_op_parallelism_threads() != variant.threads:
        tf.config.threading.set_intra_op_parallelism_threads(variant.threads)
        tf.config.threading.set_inter_op_parallelism_threads(variant.threads)
    model, rule = load_keras(path)

    def call(pixels: Pixels) -> Any:
        if variant.tool == "Keras predict":
            return model.predict(pixels, batch_size=len(pixels), verbose=0)
        return keras.ops.convert_to_numpy(model(pixels, training=False))

    def p_ai(pixels: Pixels) -> float:
        return float(to_scores(call(pixels))[0, 0])

    return Opened(
        rule=rule,
        picture=lambda picture: p_ai(read_pixels(picture, rule)),
        invoke=p_ai,
        batch=lambda pictures: call(np.concatenate([read_pixels(one, rule) for one in pictures])),
    )


def _open_label_image(variant: Variant, path: Path) -> Opened:
    """Do what TensorFlow's lite/examples/python/label_image.py does, written from its description.

    Its mean and deviation are set to what our networks want: raw pixels.
    """
    from PIL import Image  # noqa: PLC0415

    interpreter = _interpreter(variant, model_path=str(path))
    interpreter.allocate_tensors()
    (given,), (asked,) = interpreter.get_output_details(), interpreter.get_input_details()
    height, width = asked["shape"][1:3].tolist()
    is_float = asked["dtype"] == np.float32
    mean, deviation = np.float32(0), np.float32(1)

    def classify(picture: Path) -> float:
        image = Image.open(picture).resize((width, height))
        pixels: NDArray[Any] = np.expand_dims(np.asarray(image), axis=0)
        if is_float:
            pixels = (pixels.astype(np.float32) - mean) / deviation
        interpreter.set_tensor(asked["index"], pixels)
        interpreter.invoke()
        results = np.squeeze(interpreter.get_tensor(given["index"]))
        return float(results[0]) if is_float else float(results[0] / 255.0)

    return Opened(InputRule(height, width), classify)


def _open_mediapipe(_: Variant, path: Path) -> Opened:
    import mediapipe  # noqa: PLC0415
    from mediapipe.tasks.python import BaseOptions, vision  # noqa: PLC0415

    options = vision.ImageClassifierOptions(
        base_options=BaseOptions(model_asset_path=str(path)), category_allowlist=["ai"]
    )
    classifier = vision.ImageClassifier.create_from_options(options)

    def classify(picture: Path) -> float:
        image = mediapipe.Image.create_from_file(str(picture))
        ((category,),) = (head.categories for head in classifier.classify(image).classifications)
        return float(category.score)

    return Opened(read_model_file(path).description.input, classify)


def _open_invoke(variant: Variant, path: Path) -> Opened:
    interpreter = _interpreter(variant, model_content=read_model_file(path).network)
    interpreter.allocate_tensors()
    return Opened(
        rule=read_model_file(path).description.input,
        picture=lambda _: interpreter.invoke(),
        invoke=lambda _: interpreter.invoke(),
    )


def _open_decode(_: Variant, __: Path | None) -> Opened:
    from PIL import Image  # noqa: PLC0415

    def decode(picture: Path) -> None:
        with Image.open(picture) as image:
            image.convert("RGB")

    return Opened(InputRule(1, 1), decode)


def _interpreter(variant: Variant, **model: Any) -> Any:
    (name,) = RUNTIMES[variant.runtime]
    return importlib.import_module(name).Interpreter(num_threads=variant.threads, **model)


_OPENERS: dict[str, Callable[[Variant, Any], Opened]] = {
    "aiart": _open_aiart,
    "aiart-edge": _open_command,
    "Keras model(x)": _open_keras,
    "Keras predict": _open_keras,
    "MediaPipe": _open_mediapipe,
    "label_image": _open_label_image,
    "invoke alone": _open_invoke,
    "decode alone": _open_decode,
}
