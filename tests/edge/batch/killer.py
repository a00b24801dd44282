"""A classifier that dies of some pictures, as a decoder may; other processes import it."""

from __future__ import annotations

import os
import signal
from functools import partial
from typing import Any, BinaryIO

from aiart_edge.classifier import Classification, Classifier

DEADLY = b"\xff\xd8\xffdeadly"  # what such a picture begins with


class Killer(Classifier):
    """Reads pictures until one ends its process.

    Args:
        how: the signal that it dies of.
    """

    def __init__(self, how: signal.Signals) -> None:
        whole = Classifier.load()
        self.description, self.sha256, self.close = whole.description, whole.sha256, whole.close
        self._how = how

    def classify(self, source: BinaryIO, **_: Any) -> Classification:
        source.seek(0)
        if source.read(len(DEADLY)) == DEADLY:
            os.kill(os.getpid(), self._how)
        return Classification("human", 0.25, "human")


def loader(how: signal.Signals) -> partial[Killer]:
    return partial(Killer, how)
