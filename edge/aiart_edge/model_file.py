"""The model file: a .tflite that needs nothing beside it.

The network comes first; behind it stands a zip archive, which every TFLite runtime ignores and the
standard library reads:

    labels.txt    the labels, one a line, to which the TFLite Metadata in the network points
    aiart.json    what `ModelDescription` says, and the length and SHA-256 of the network

The hash is checked before a runtime sees a byte: tflite-runtime 2.14 crashes on a network that was
cut short. It guards against accidents, not against a forger, who can write the hash that fits; that
is what `flatbuffer` is for.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import stat
import weakref
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from aiart_edge.decision import LABELS, DecisionRule
from aiart_edge.errors import ModelFileError
from aiart_edge.files import write_atomically
from aiart_edge.image import InputRule

FORMAT = 1
LABELS_FILE = "labels.txt"
DESCRIPTION_FILE = "aiart.json"

_LARGEST_FILE = 512 << 20  # bytes
_LARGEST_DOCUMENT = 1 << 20
_BLOCK = 1 << 20
_LONGEST_PROBLEM = 200  # letters
_MOST_TENSORS = 1 << 20  # of a network, or features of its head
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same input gives the same file, whenever it is made


@dataclass(frozen=True)
class Head:
    """Which tensors of a network make its logit, where that is linear in pooled maps of features.

    Args:
        features: the number of the tensor that the last dense layer reads.
        weights: of that layer's weights, of shape [2, features].
        bias: of its bias; None where it has none.
        maps: of each map that is pooled into features, and the first feature that comes of it.
            Features that come of no map have no place in a picture.
        logits: what the layer gives, of shape [batch, 2], where it rounds what it reads, as one of
            float features and int8 weights does. Default: it does not.
    """

    features: int
    weights: int
    bias: int | None
    maps: tuple[tuple[int, int], ...]
    logits: int | None = None

    @property
    def outputs(self) -> tuple[int, ...]:
        """The numbers of the tensors that depend on the picture."""
        rounded = () if self.logits is None else (self.logits,)
        return (self.features, *(tensor for tensor, _ in self.maps), *rounded)


@dataclass(frozen=True)
class ModelDescription:
    """What a model file says of itself.

    Args:
        name: the recipe or file that the network came from.
        precision: `float32`, `int8`, ...
        input: how the network wants its pictures.
        decision: how its scores become a verdict.
        metrics: figures measured when the file was made. Default none.
        origin: where it comes from: hashes of the Keras model and of the data, versions. Default
            none.
        golden: what the network answers to the golden pictures (see `golden`): p(ai), not
            calibrated, by family of kernels. Default none.
        tolerance: how far the logits of these answers may lie apart on another processor. Default
            None: not at all in a full-integer network, a little in one of an older file.
        head: what tells where in a picture the network finds its evidence (see `evidence`).
            Default: nothing does.
    """

    name: str
    precision: str
    input: InputRule
    decision: DecisionRule
    metrics: Mapping[str, float] = field(default_factory=dict)
    origin: Mapping[str, str] = field(default_factory=dict)
    golden: Mapping[str, Sequence[float]] = field(default_factory=dict)
    tolerance: float | None = None
    head: Head | None = None


@dataclass(frozen=True)
class ModelFile:
    """A model file, verified and held open.

    Args:
        path: where it lies.
        size: bytes of the TFLite flatbuffer that it begins with.
        description: what the file says of itself.
        sha256: of the network, in hex.
        file: it, open; whatever is put in its place meanwhile.
    """

    path: Path
    size: int
    description: ModelDescription
    sha256: str
    file: BinaryIO = field(repr=False, compare=False)

    @property
    def network(self) -> bytes:
        """The TFLite flatbuffer, without the archive behind it."""
        whole = os.fstat(self.file.fileno()).st_size  # in one piece: joined ones would be copied
        return b"".join(_blocks(self.file, self.size, whole))

    @property
    def place(self) -> str | None:
        """A path by which a library of this process opens this very file; None without /proc."""
        place = f"/proc/self/fd/{self.file.fileno()}"
        return place if os.path.exists(place) else None  # noqa: PTH110  it never raises


def write_model_file(path: Path, network: bytes, description: ModelDescription) -> None:
    """Write a model file.

    Args:
        path: where it shall be.
        network: a TFLite flatbuffer.
        description: what the file shall say of itself.

    Raises:
        OutputError: it cannot be written; nothing is left behind.
    """
    document = {
        "format": FORMAT,
        "labels": LABELS,
        **asdict(description),
        "network": {"bytes": len(network), "sha256": hashlib.sha256(network).hexdigest()},
    }
    content = io.BytesIO(network)
    with zipfile.ZipFile(content, "a") as archive:
        archive.writestr(zipfile.ZipInfo(LABELS_FILE, _ZIP_EPOCH), "\n".join(LABELS) + "\n")
        archive.writestr(
            zipfile.ZipInfo(DESCRIPTION_FILE, _ZIP_EPOCH), json.dumps(document, indent=1) + "\n"
        )
    write_atomically(path, content.getvalue())


def read_model_file(path: Path) -> ModelFile:
    """Open a model file and check it against its own hash, block by block.

    Args:
        path: the file.

    Returns:
        The network and what the file says of it.

    Raises:
        ModelFileError: it is missing, broken, altered, from a newer aiart, or not one of ours.
    """
    file = _open(path)
    try:
        found = _read(path, file)
    except OSError as error:
        file.close()
        raise ModelFileError(path, f"the model cannot be read ({error.strerror})") from error
    except BaseException:
        file.close()
        raise
    weakref.finalize(found, file.close)
    return found


def _read(path: Path, file: BinaryIO) -> ModelFile:
    document = _read_document(path, file)
    if document.get("format") != FORMAT:
        found = repr(document.get("format"))[:_LONGEST_PROBLEM]
        raise ModelFileError(
            path,
            f"the model file has format {found} and this aiart reads {FORMAT}: "
            "install a newer one from where this came from",
        )
    try:
        description = _describe(document)
        size, expected = document["network"]["bytes"], document["network"]["sha256"]
        if type(size) is not int or size < 0:
            raise TypeError(f"Expected a number of bytes. Received {size!r:.50}.")
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        problem = f"the model's description is not valid: {error}"
        raise ModelFileError(path, problem[:_LONGEST_PROBLEM]) from error
    digest = hashlib.sha256()
    for block in _blocks(file, size):
        digest.update(block)
    if digest.hexdigest() != expected:
        raise ModelFileError(
            path, "the model was altered or damaged (its SHA-256 differs): get a fresh copy"
        )
    return ModelFile(path, size, description, expected, file)


def read_network_file(path: Path) -> bytes:
    """Read a .tflite file, ours or another's.

    Args:
        path: the file.

    Returns:
        All of it.

    Raises:
        ModelFileError: it cannot be read, is no plain file, or larger than any network.
    """
    try:
        with _open(path) as file:
            return b"".join(_blocks(file, _LARGEST_FILE))
    except OSError as error:
        raise ModelFileError(path, f"the model cannot be read ({error.strerror})") from error


def _open(path: Path) -> BinaryIO:
    try:
        # A pipe that nobody writes to is no reason to wait.
        file = open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0)  # noqa: PTH123, SIM115
    except OSError as error:
        raise ModelFileError(path, f"the model cannot be opened ({error.strerror})") from error
    except ValueError as error:  # a name with a zero byte
        raise ModelFileError(path, f"the model cannot be opened ({error})") from error
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        problem = "it is no plain file"
    elif status.st_size > _LARGEST_FILE:
        problem = f"it has over {_LARGEST_FILE >> 20} MB"
    else:
        return file
    file.close()
    raise ModelFileError(path, f"the model cannot be opened ({problem})")


def _blocks(file: BinaryIO, size: int, most: int = _BLOCK) -> Iterator[bytes]:
    """Read the first bytes of a file, whatever was read before, and by whom."""
    place = 0
    while place < size and (block := os.pread(file.fileno(), min(size - place, most), place)):
        yield block
        place += len(block)


def _read_document(path: Path, file: BinaryIO) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(file) as archive:
            if archive.getinfo(DESCRIPTION_FILE).file_size > _LARGEST_DOCUMENT:
                raise ValueError(f"{DESCRIPTION_FILE} is larger than {_LARGEST_DOCUMENT} bytes")
            document = json.loads(archive.read(DESCRIPTION_FILE))
    except Exception as error:  # a damaged archive makes zipfile raise anything
        raise ModelFileError(
            path,
            "not a model that aiart-convert wrote, or cut short: convert or download it again; a "
            "network from elsewhere needs --labels",
        ) from error
    if not isinstance(document, dict):
        raise ModelFileError(path, f"the model's {DESCRIPTION_FILE} is not an object")
    return document


def _describe(document: dict[str, Any]) -> ModelDescription:
    """Read a description, whose every value may be anything."""
    if document["labels"] != list(LABELS):
        raise ValueError(f"Expected the labels {LABELS}. Received {document['labels']}.")
    golden = document.get("golden", {})
    return ModelDescription(
        name=_text(document["name"]),
        precision=_text(document["precision"]),
        input=InputRule(**document["input"]),
        decision=DecisionRule(**document["decision"]),
        metrics={name: _number(value) for name, value in document["metrics"].items()},
        origin={name: _text(value) for name, value in document["origin"].items()},
        golden={name: [_number(score) for score in scores] for name, scores in golden.items()},
        tolerance=None if (most := document.get("tolerance")) is None else _number(most),
        head=_describe_head(document.get("head")),
    )


def _describe_head(head: Any) -> Head | None:
    if head is None:
        return None
    return Head(
        features=_index(head["features"]),
        weights=_index(head["weights"]),
        bias=None if head["bias"] is None else _index(head["bias"]),
        maps=tuple((_index(tensor), _index(first)) for tensor, first in head["maps"]),
        logits=None if head["logits"] is None else _index(head["logits"]),
    )


def _index(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _MOST_TENSORS:
        raise TypeError(f"Expected the number of a tensor. Received {value!r:.50}.")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"Expected a text. Received {value!r:.50}.")
    return value


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"Expected a number. Received {value!r:.50}.")
    return value
