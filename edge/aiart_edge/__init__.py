"""aiart's ground floor: tells AI-made art from human art with nothing but a TFLite runtime.

    from aiart_edge import Classifier

    with Classifier.load() as classifier:
        print(classifier.classify("picture.jpg").verdict)

The names below are loaded on first use, so that `aiart-edge --help` needs neither numpy nor Pillow.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiart_edge.classifier import Classification, Classifier
    from aiart_edge.decision import DecisionRule, Verdict
    from aiart_edge.errors import (
        AccessError,
        AiartError,
        DataError,
        MissingExtra,
        ModelFileError,
        NotAPicture,
        OutputError,
        PictureError,
        RunFolderError,
        RuntimeUnavailable,
    )
    from aiart_edge.evidence import Explanation
    from aiart_edge.image import InputRule
    from aiart_edge.model_file import ModelDescription, ModelFile

__version__ = "0.1.0"

__all__ = [
    "AccessError",
    "AiartError",
    "Classification",
    "Classifier",
    "DataError",
    "DecisionRule",
    "Explanation",
    "InputRule",
    "MissingExtra",
    "ModelDescription",
    "ModelFile",
    "ModelFileError",
    "NotAPicture",
    "OutputError",
    "PictureError",
    "RunFolderError",
    "RuntimeUnavailable",
    "Verdict",
]

_HOMES = {
    "Classification": "classifier",
    "Classifier": "classifier",
    "DecisionRule": "decision",
    "Explanation": "evidence",
    "InputRule": "image",
    "ModelDescription": "model_file",
    "ModelFile": "model_file",
    "Verdict": "decision",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'errors')}"), name)
