"""The classifier: a picture in, a verdict out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from aiart_edge.decision import Verdict, calibrate, decide
from aiart_edge.errors import ModelFileError
from aiart_edge.image import Source, read_pixels
from aiart_edge.model_file import ModelDescription, read_model_file
from aiart_edge.runtime import Network, load_network

EMBEDDED_MODEL = Path(__file__).parent / "models" / "aiart-int8.tflite"


@dataclass(frozen=True)
class Classification:
    """What the classifier says of one picture.

    Args:
        verdict: `ai`, `human` or `unsure`.
        p_ai: the calibrated probability that the picture was made by AI, 0 to 1.
    """

    verdict: Verdict
    p_ai: float


class Classifier:
    """Tells AI-made art from human art with one model file.

        with Classifier.load() as classifier:
            classifier.classify("picture.jpg").verdict

    Args:
        network: takes raw pixels, gives two scores.
        description: the input rule and the decision rule that belong to it.
    """

    def __init__(self, network: Network, description: ModelDescription) -> None:
        self._network: Network | None = network
        self.description = description

    @classmethod
    def load(cls, path: Path | str = EMBEDDED_MODEL, *, threads: int = 1) -> Classifier:
        """Load a model file.

        Args:
            path: of a file that `aiart-convert` wrote. Default: the embedded model.
            threads: of the runtime. Default 1.

        Returns:
            A classifier; close it, or use it in a `with` statement.

        Raises:
            ModelFileError: the file is missing, broken, altered or not one of ours.
            RuntimeUnavailable: no TFLite runtime that works is installed.
        """
        model = read_model_file(Path(path))
        try:
            network = load_network(model.network, threads=threads)
        except ValueError as error:
            raise ModelFileError(model.path, f"the runtime refuses the model ({error})") from error
        return cls(network, model.description)

    def scores(self, source: Source) -> NDArray[np.float32]:
        """Give the network's own scores, before calibration.

        Args:
            source: a file, or the bytes of one.

        Returns:
            float32 of shape [2], p(ai) and p(human).

        Raises:
            PictureError: the picture cannot be read.
        """
        if self._network is None:
            raise ValueError("The classifier is closed.")
        return self._network.scores(read_pixels(source, self.description.input))

    def classify(self, source: Source) -> Classification:
        """Give the verdict on a picture.

        Args:
            source: a file, or the bytes of one.

        Returns:
            The verdict and the calibrated p(ai).

        Raises:
            PictureError: the picture cannot be read.
        """
        rule = self.description.decision
        p_ai = float(calibrate(self.scores(source), rule.temperature))
        return Classification(decide(p_ai, rule), p_ai)

    def close(self) -> None:
        """Free the network's memory."""
        self._network = None

    def __enter__(self) -> Classifier:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
