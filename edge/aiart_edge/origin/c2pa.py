"""Content Credentials (C2PA 2.2): what the active manifest says, and whether it is of this file.

Nothing here looks at a signature: a manifest is read as what stands there. That it belongs to
these bytes is checked where that takes no more than a hash (`c2pa.hash.data`, and `c2pa.hash.bmff`
of whole boxes); who does not hold the signer's key can still write whatever he likes.
`verification` tells these apart.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from aiart_edge.origin.bounds import MOST_HASHED, Bounds, Source
from aiart_edge.origin.containers.piece import Piece
from aiart_edge.origin.jumbf import Box, read_boxes
from aiart_edge.origin.markers import GENERATORS, name_generator, source_type_says
from aiart_edge.origin.statement import Certainty, Mark, Says

_KIND = "c2pa"
_HASHES = ("sha256", "sha384", "sha512")
_DEEPEST = 8  # manifests that hand a statement on
_MOST_OUTSIDE = 16  # bytes that a hash may leave out beside the manifest: a tag's length in TIFF
_MOST_OUTSIDE_BOXES = 1_000  # and in AVIF and HEIF, in boxes that hold no picture
_BOXES_LEFT_OUT = {"/ftyp": b"ftyp", "/mfra": b"mfra", "/free": b"free", "/skip": b"skip"}
# Actions of C2PA 2.2, table 8, that change the file and leave the picture as it is.
_HARMLESS = {
    "c2pa.opened",
    "c2pa.created",
    "c2pa.converted",
    "c2pa.transcoded",
    "c2pa.repackaged",
    "c2pa.resized",
    "c2pa.resized.proportional",
    "c2pa.published",
    "c2pa.watermarked",
    "c2pa.watermarked.bound",
    "c2pa.watermarked.unbound",
    "c2pa.metadata",
    "c2pa.edited.metadata",
    "c2pa.redacted",
    "c2pa.unknown.metadata",
}
_BMFF = ("c2pa.hash.bmff.v2", "c2pa.hash.bmff.v3")  # the first leaves places out, and is ignored
_BY_MODEL: tuple[Says, ...] = ("ai", "partly-ai", "edited-with-ai")


def read_marks(source: Source, piece: Piece) -> Iterator[Mark]:
    """Read what Content Credentials say.

    Args:
        source: the file, whose bytes they are checked against.
        piece: the manifest store.

    Yields:
        What they say, and what else they hold that is to be mentioned.

    Raises:
        Stopped: they are out of step or too big.
    """
    bounds = source.bounds
    data = piece.data
    assert isinstance(data, bytes)  # noqa: S101
    store = next((box for box in read_boxes(data, bounds) if box.label == "c2pa"), None)
    if not store or not store.boxes:
        return
    manifests = {box.label: _Manifest(box, bounds) for box in store.boxes}
    active = manifests[store.boxes[-1].label]
    if active.compressed:
        bounds.gaps.append("its Content Credentials are compressed")
        return
    told = _tell(active, manifests, {})
    by = name_generator(told.by or active.generator)
    bound = _is_bound(source, active, manifests, piece.span)
    if bound is False:
        yield Mark("nothing", _KIND, f"{piece.where}, of another or of a changed file", "declared",
                   by, bound)  # fmt: skip
        return
    if told.says != "nothing":
        yield Mark(told.says, _KIND, f"{piece.where}, {told.where}", "declared", by, bound)
    else:
        says: Says = next(
            (says for pattern, says, _ in GENERATORS if re.search(pattern, active.generator)),
            "nothing",
        )
        certainty: Certainty = "declared" if says == "nothing" else "likely"
        yield Mark(says, _KIND, f"{piece.where}, claim generator", certainty, by, bound)
    for assertion in active.assertions_of("c2pa.soft-binding"):
        watermark = assertion.get("alg")
        name = watermark[:80] if isinstance(watermark, str) else None
        yield Mark("nothing", "c2pa-soft-binding", piece.where, "hint", name)


@dataclass(frozen=True)
class _Told:
    says: Says
    where: str
    by: str


class _Manifest:
    """A manifest, of which only that is read which its claim lists, with the right hash."""

    def __init__(self, box: Box, bounds: Bounds) -> None:
        self._box = box
        self._bounds = bounds

    @property
    def compressed(self) -> bool:
        return any(kind == b"brob" for kind, _ in self._box.leaves)

    @cached_property
    def _claim(self) -> dict[str, Any]:
        box = self._box.find("c2pa.claim", "c2pa.claim.v2")
        claim = box.decoded(self._bounds) if box else None
        return claim if isinstance(claim, dict) else {}

    @property
    def algorithm(self) -> Any:
        """The hash of whatever does not name its own."""
        return self._claim.get("alg") or "sha256"

    @property
    def generator(self) -> str:
        info = self._claim.get("claim_generator_info")
        info = info[0] if isinstance(info, list) and info else info
        name = info.get("name") if isinstance(info, dict) else None
        name = name or self._claim.get("claim_generator")
        return name[:200] if isinstance(name, str) else ""

    @cached_property
    def listed(self) -> dict[str, bytes | None]:
        """The labels of the assertions that the claim lists, and of those that hold, the hash."""
        store = self._box.find("c2pa.assertions")
        boxes = {box.label: box for box in store.boxes} if store else {}
        references = [
            reference
            for key in ("assertions", "created_assertions", "gathered_assertions")
            for reference in _listed(self._claim.get(key))
            if isinstance(reference, dict)
        ]
        labels: dict[str, bytes | None] = {}
        for reference in references:
            manifest, label = _split(reference.get("url"))
            if manifest in ("", self._box.label) and label in boxes and label not in labels:
                labels[label] = self._hash_holds(boxes[label], reference)
        self._boxes = boxes
        return labels

    def _hash_holds(self, box: Box, reference: dict[str, Any]) -> bytes | None:
        name = reference.get("alg") or self.algorithm
        wanted = reference.get("hash")
        if name not in _HASHES or not isinstance(wanted, bytes):
            return None
        return wanted if hashlib.new(name, box.content).digest() == wanted else None

    def assertions_of(self, *names: str) -> Iterator[dict[str, Any]]:
        """Give the assertions of a kind, all its versions and instances, or with one label."""
        kinds = set(names)
        for label, holds in self.listed.items():
            plain = re.sub(r"(\.v\d+)?(__\d+)?$", "", label)
            if not kinds.isdisjoint((plain, label)) and holds is not None:
                content = self._boxes[label].decoded(self._bounds)
                if isinstance(content, dict):
                    yield content

    @cached_property
    def actions(self) -> list[tuple[str, Says]]:
        found: list[tuple[str, Says]] = []
        for assertion in self.assertions_of("c2pa.actions"):
            for action in _listed(assertion.get("actions")):
                if isinstance(action, dict):
                    name = action.get("action")
                    says = source_type_says(action.get("digitalSourceType"))
                    found.append((name if isinstance(name, str) else "", says))
        return found

    @cached_property
    def ingredients(self) -> list[tuple[str, str]]:
        """The relationship of each ingredient that has a manifest, and the manifest's label."""
        found = []
        for ingredient in self.assertions_of("c2pa.ingredient"):
            reference = ingredient.get("activeManifest") or ingredient.get("c2pa_manifest")
            url = reference.get("url") if isinstance(reference, dict) else None
            found.append((str(ingredient.get("relationship")), _manifest_label(url)))
        return found


def _tell(
    manifest: _Manifest, store: dict[str, _Manifest], known: dict[_Manifest, _Told], depth: int = 0
) -> _Told:
    """Say what a manifest says of the picture, and its ingredients' manifests.

    Args:
        manifest: to ask.
        store: all manifests by their labels.
        known: what others said, so that each is asked once, and none waits for itself.
        depth: of the ingredients.
    """
    if manifest not in known:
        known[manifest] = _Told("nothing", "", manifest.generator)
        known[manifest] = _ask(manifest, store, known, depth)
    return known[manifest]


def _ask(
    manifest: _Manifest, store: dict[str, _Manifest], known: dict[_Manifest, _Told], depth: int
) -> _Told:
    told = _Told("nothing", "", manifest.generator)
    created: Says = next(
        (says for name, says in manifest.actions if name == "c2pa.created"), "nothing"
    )
    edits = [(name, says) for name, says in manifest.actions if name not in _HARMLESS]
    by_model = [says for _, says in edits if says in _BY_MODEL]
    inner = [
        (relationship, _tell(store[label], store, known, depth + 1))
        for relationship, label in manifest.ingredients
        if depth < _DEEPEST and label in store
    ]
    parent = next((said for relationship, said in inner if relationship == "parentOf"), None)
    if created != "nothing":
        told = _Told(created, "action c2pa.created", manifest.generator)
    elif parent:
        told = _hand_on(parent, bool(edits), all(says == "ai" for _, says in edits))
    if told.says not in _BY_MODEL and by_model:
        return _Told("edited-with-ai", "a later action", manifest.generator)
    if told.says not in _BY_MODEL:
        for relationship, said in inner:
            if relationship != "parentOf" and said.says in _BY_MODEL:
                return _Told("partly-ai", f"an ingredient, {relationship[:20]}", said.by)
    return told


def _hand_on(parent: _Told, edited: bool, by_model: bool) -> _Told:
    """Hand a parent's statement on: of a generated picture that was edited, a part is generated."""
    where = "from its parent"
    if parent.says == "ai" and edited and not by_model:
        return _Told("partly-ai", where, parent.by)
    return _Told(parent.says, where, parent.by)


def _is_bound(
    source: Source, manifest: _Manifest, store: dict[str, _Manifest], span: tuple[int, int]
) -> bool | None:
    """Check the hash of the file without the bytes of the manifest.

    A manifest that only updates another has no binding of its own: its parent's counts.
    """
    updated = False
    for _ in range(_DEEPEST):
        if any(label.startswith("c2pa.hash.") for label in manifest.listed):
            break
        updated = True
        parents = [label for relation, label in manifest.ingredients if relation == "parentOf"]
        if not parents or parents[0] not in store:
            return None
        manifest = store[parents[0]]
    if any(manifest.listed.get(label, b"") is None for label in ("c2pa.hash.data", *_BMFF)):
        return False  # the binding itself was changed after it was signed
    for binding in manifest.assertions_of("c2pa.hash.data"):
        return _matches(source, {"alg": manifest.algorithm, **binding}, span, updated)
    for binding in manifest.assertions_of(*_BMFF):
        return _boxes_match(source, {"alg": manifest.algorithm, **binding}, span)
    return None


def _matches(
    source: Source, binding: dict[str, Any], span: tuple[int, int], updated: bool
) -> bool | None:
    name, wanted = binding["alg"], binding.get("hash")
    holes = [_hole(hole) for hole in _listed(binding.get("exclusions"))]
    if updated:  # the manifest that was left out has grown where it stood
        holes = [span if start == span[0] else (start, end) for start, end in holes]
    if name not in _HASHES or not isinstance(wanted, bytes) or not holes:
        return None
    if any(not 0 <= start <= end <= source.size for start, end in holes):
        return False
    outside = sum(end - start for start, end in holes if start < span[0] or end > span[1])
    if source.size > MOST_HASHED and outside > _MOST_OUTSIDE:
        return False
    if not _may_hash(source):
        return None
    digest, at = hashlib.new(name), 0
    for start, end in sorted(holes):
        _update(digest, source, at, start)
        at = max(at, end)
    _update(digest, source, at, source.size)
    if digest.digest() != wanted:
        return False
    return True if outside <= _MOST_OUTSIDE else None  # it leaves out more, and so may fit anything


def _boxes_match(source: Source, binding: dict[str, Any], span: tuple[int, int]) -> bool | None:
    """Check the hash of an AVIF or HEIF file, where it is one of whole boxes.

    Each box at the top that is not left out is hashed behind its place in the file, 8 bytes
    (C2PA 2.2, 18.6). What leaves out parts of boxes, or has a tree of hashes, is not checked.
    """
    from aiart_edge.origin.containers.bmff import C2PA, walk_boxes  # noqa: PLC0415

    name, wanted = binding["alg"], binding.get("hash")
    left_out = {_box_left_out(one, C2PA) for one in _listed(binding.get("exclusions"))}
    if name not in _HASHES or not isinstance(wanted, bytes) or not left_out or b"" in left_out:
        return None
    if binding.get("merkle") is not None or not _may_hash(source):
        return None
    digest, at, outside = hashlib.new(name), 0, 0
    for box in walk_boxes(source, 0, source.size):
        at = box.end
        named = source.bytes_at(box.body, min(16, box.end - box.body))
        if box.kind in left_out and (box.kind != b"uuid" or named == C2PA):
            outside += 0 if (box.start, box.end) == span else box.end - box.start
        else:
            digest.update(box.start.to_bytes(8))
            _update(digest, source, box.start, box.end)
    _update(digest, source, at, source.size)
    if digest.digest() != wanted:
        return False
    return True if outside <= _MOST_OUTSIDE_BOXES else None


def _box_left_out(exclusion: Any, c2pa: bytes) -> bytes:
    """Give the kind of box that a hash leaves out; empty where it leaves out anything else."""
    if not isinstance(exclusion, dict):
        return b""
    path, others = exclusion.get("xpath"), dict(exclusion)
    data = others.pop("data", None)
    if any(others[key] is not None for key in others if key != "xpath"):
        return b""
    if path == "/uuid" and data == [{"offset": 8, "value": c2pa}]:
        return b"uuid"
    return _BOXES_LEFT_OUT.get(path, b"") if isinstance(path, str) and data is None else b""


def _may_hash(source: Source) -> bool:
    """Count the bytes of a file that is to be hashed, unless it is too big."""
    if source.size > MOST_HASHED:
        source.bounds.gaps.append(
            f"with more than {MOST_HASHED // 1_000_000} MB its Content Credentials are not checked"
        )
        return False
    source.bounds.hashed(source.size)
    return True


def _hole(exclusion: Any) -> tuple[int, int]:
    """Give the first byte that a hash leaves out, and the one behind; (-1, -1) for nonsense."""
    if isinstance(exclusion, dict):
        start, length = exclusion.get("start"), exclusion.get("length")
        if isinstance(start, int) and isinstance(length, int):
            return start, start + length
    return -1, -1


def _update(digest: Any, source: Source, at: int, end: int) -> None:
    for piece in source.pieces(at, end):
        digest.update(piece)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _split(url: Any) -> tuple[str, str]:
    """Split the reference of an assertion into its manifest's label, if it has one, and its own."""
    if not isinstance(url, str):
        return "", ""
    match = re.fullmatch(r"self#jumbf=(?:/c2pa/([^/]+)/)?c2pa\.assertions/([^/]+)", url)
    return (match[1] or "", match[2]) if match else ("", "")


def _manifest_label(url: Any) -> str:
    match = re.fullmatch(r"self#jumbf=/c2pa/([^/]+)", url) if isinstance(url, str) else None
    return match[1] if match else ""
