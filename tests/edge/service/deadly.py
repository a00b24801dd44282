"""A classifier that hangs on some pictures and dies of others, as a decoder or a network may."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

from aiart_edge.classifier import Classification, Classifier
from aiart_edge.errors import ModelFileError

# What stands in such a picture.
HANGING = b"hanging"
CRASHING = b"crashing"
FAILING = b"failing"


class Deadly(Classifier):
    def classify(self, source: Any, **options: Any) -> Classification:
        if HANGING in source:
            threading.Event().wait()
        if CRASHING in source:
            os.kill(os.getpid(), signal.SIGSEGV)
        if FAILING in source:
            raise ModelFileError("model.tflite", "the model cannot be run")
        return super().classify(source, **options)
