"""What the bytes of a batch's results follow from, so that no two kinds of them are ever mixed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from aiart_edge import __version__

if TYPE_CHECKING:
    from aiart_edge.classifier import Classifier

_FORMAT = 1

_CODECS = ("avif", "jpg", "jpg_2000", "libjpeg_turbo", "libtiff", "webp", "zlib")
_EXTRAS = ("pillow-heif",)  # that change what is read
_WRITERS = {"jsonl": (), "parquet": ("pyarrow",)}  # that change how results are written


@dataclass(frozen=True)
class Manifest:
    """What the results of a batch follow from.

    Args:
        sources: that were listed, as they were named.
        folder: in which they were, and in which relative names begin.
        names: how many the list has.
        list_sha256: of the list, in hex.
        etags_sha256: of the list of ETags, in hex.
        shards: into how many files of results it is cut.
        results: the format of these files.
        model: what names the network, its full SHA-256, and how its scores become verdicts.
        options: that change what is said of a picture.
        versions: of what reads a picture and runs the network.
    """

    sources: Sequence[str]
    folder: str
    names: int
    list_sha256: str
    etags_sha256: str
    shards: int
    results: str
    model: Mapping[str, Any]
    options: Mapping[str, Any]
    versions: Mapping[str, str]

    def to_json(self) -> bytes:
        """Give it as a document that people can read, too."""
        return json.dumps({"format": _FORMAT, **asdict(self)}, indent=1).encode() + b"\n"

    @classmethod
    def from_json(cls, content: bytes) -> Manifest:
        """Read what `to_json` gave.

        Args:
            content: of the file.

        Raises:
            ValueError: it is something else.
        """
        document = json.loads(content)
        if not isinstance(document, dict) or document.pop("format", None) != _FORMAT:
            raise ValueError(f"it is no manifest of format {_FORMAT}")
        try:
            return cls(**document)
        except TypeError as error:
            raise ValueError(str(error)) from error

    def difference(self, other: Manifest) -> str:
        """Name the first value in which another differs.

        Args:
            other: of the same list.

        Returns:
            A phrase; nothing where they are the same.
        """
        mine, others = (
            dict(_flatten(json.loads(manifest.to_json()))) for manifest in (self, other)
        )
        for name in mine | others:
            if mine.get(name) != others.get(name):
                return f"{name} was {_shown(mine, name)} and is {_shown(others, name)}"
        return ""


def _flatten(document: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{before}{name}.")
        else:
            yield before + name, value


def _shown(values: Mapping[str, Any], name: str) -> str:
    return json.dumps(values[name], ensure_ascii=False) if name in values else "not there"


def describe(
    sources: Sequence[str],
    results: str,
    classifier: Classifier,
    options: Mapping[str, Any],
    runtime: str,
) -> Manifest:
    """Describe a batch that has no list yet.

    Args:
        sources: as they were named.
        results: the format of the files of results.
        classifier: that will judge.
        options: that change what is said of a picture.
        runtime: see `runtime.find_runtime`.

    Returns:
        All of a manifest but the list and what follows from it.
    """
    decision = asdict(classifier.description.decision)
    return Manifest(
        sources=sources,
        folder=os.getcwd(),  # noqa: PTH109
        names=0,
        list_sha256="",
        etags_sha256="",
        shards=0,
        results=results,
        model={**classifier.identity, "sha256": classifier.sha256, "decision": decision},
        options=options,
        versions=find_versions(runtime, results),
    )


def find_versions(runtime: str, results: str) -> dict[str, str]:
    """Find the versions of all that reads a picture, runs the network and writes results.

    Args:
        runtime: see `runtime.find_runtime`.
        results: the format of the files of results.

    Returns:
        They, by name; and the family of kernels, which is promised to give the same bits, and the
        kind of processor, on which what is not full-integer depends.
    """
    from PIL import features  # noqa: PLC0415

    from aiart_edge.runtime import WHEELS, find_runtime, kernels_of  # noqa: PLC0415

    name = find_runtime(runtime)
    codecs = sorted({*_CODECS} & {*features.get_supported()})
    found = {codec: str(features.version(codec)) for codec in codecs}
    for package in ("numpy", "pillow", WHEELS[name], *_EXTRAS, *_WRITERS[results]):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "aiart": __version__,
        **dict(sorted(found.items())),
        "kernels": kernels_of(name),
        "processor": os.uname().machine,
    }
