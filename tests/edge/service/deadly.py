"""A classifier that hangs on some pictures and dies of others, as a decoder may."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

from aiart_edge.classifier import Classification, Classifier

# What stands in such a picture.
HANGING = b"hanging"
CRASHING = b"crashing"


class Deadly(Classifier):
    def classify(self, source: Any, **options: Any) -> Classification:
        if HANGING in source:
            threading.Event().wait()
        if CRASHING in source:
            os.kill(os.getpid(), signal.SIGSEGV)
        return super().classify(source, **options)
