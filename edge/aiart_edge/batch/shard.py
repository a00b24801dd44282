"""What becomes of the files of one shard: a record each, whichever process or machine makes it."""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiart_edge import origin
from aiart_edge.batch.encoding import encode
from aiart_edge.batch.store import is_url, read_object
from aiart_edge.errors import AccessError, PictureError
from aiart_edge.formats import HEAD
from aiart_edge.inputs import LeftOut, as_found, leave_out
from aiart_edge.output import Record, as_document

if TYPE_CHECKING:
    from aiart_edge.classifier import Classification, Classifier
    from aiart_edge.image import Reserve

_PAUSES = (0.0, 0.1, 0.4, 1.6)  # seconds before each try to reach a file

_File = io.BufferedReader | io.BytesIO

Turn = Callable[[], AbstractContextManager["Reserve"]]


@dataclass(frozen=True)
class Rules:
    """How all records of a batch are made.

    Args:
        load: loads the classifier.
        turn: lets a picture wait for the memory that it takes.
        results: the format of the files of results, see `encoding.encode`.
        hashed: with the SHA-256 of each file. Default false.
        origin: with what each file says of itself. Default true.
        anonymous: object stores need no keys. Default false.
    """

    load: Callable[[], Classifier]
    turn: Turn
    results: str
    hashed: bool = False
    origin: bool = True
    anonymous: bool = False


@dataclass(frozen=True)
class Task:
    """A shard to be done.

    Args:
        number: of the shard.
        names: of its files.
        etags: of each of them; empty where it is no object of a store.
        known: records that stand already, by their places among the names. Default none.
    """

    number: int
    names: Sequence[bytes]
    etags: Sequence[bytes]
    known: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)


def classify_shard(
    classifier: Classifier,
    task: Task,
    rules: Rules,
    tell: Callable[[int], object] = lambda _: None,
) -> bytes:
    """Make the records of a shard.

    A file that cannot be reached is tried three times more, when all others are done.

    Args:
        classifier: judges.
        task: the shard.
        rules: how.
        tell: is told the place of each file before it is read. Default: nobody is.

    Returns:
        The content of its file of results; nothing where none of its files could be reached.

    Raises:
        ModelFileError: the network does not run.
    """
    records = dict(task.known)
    left = [place for place in range(len(task.names)) if place not in records]
    for pause in _PAUSES:
        time.sleep(pause if left else 0)
        for place in left:
            tell(place)
            name, etag = os.fsdecode(task.names[place]), task.etags[place].decode()
            records[place] = _make_record(classifier, name, etag, rules)
        left = [place for place in left if is_unreached(records[place])]
    if all(map(is_unreached, records.values())):
        return b""
    return encode([records[place] for place in range(len(task.names))], rules.results)


def is_unreached(record: Mapping[str, Any]) -> bool:
    """Say whether a record tells of a file that could not be reached.

    Args:
        record: as it stands in the results.
    """
    return record.get("kind") == AccessError.kind


def failed(classifier: Classifier, error: PictureError) -> dict[str, Any]:
    """Make the record of a file that nobody can read.

    Args:
        classifier: that should have judged.
        error: what is wrong with the file, and its path.

    Returns:
        A record.
    """
    return as_document(Record(str(error.path), classifier.identity, error).as_dict())


def _make_record(classifier: Classifier, path: str, etag: str, rules: Rules) -> dict[str, Any]:
    record = Record(path, classifier.identity, LeftOut("other"))
    try:
        if is_url(path):
            record = _look_at_object(classifier, record, etag, rules)
        else:
            record = _look_at_file(classifier, record, rules)
    except PictureError as error:
        record = record._replace(outcome=type(error)(path, error.problem))
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        record = record._replace(outcome=AccessError(path, problem))
    return as_document(record.as_dict())


def _look_at_object(classifier: Classifier, record: Record, etag: str, rules: Rules) -> Record:
    content = io.BytesIO()
    for part in read_object(record.path, etag, anonymous=rules.anonymous):
        if not content.tell() and (left_out := leave_out(record.path, part[:HEAD])):
            return record._replace(outcome=left_out)
        content.write(part)
    return _read(classifier, record, content, rules)


def _look_at_file(classifier: Classifier, record: Record, rules: Rules) -> Record:
    """Say of a file what `classify` says of one that it found in a folder; open it once."""
    path = record.path
    if os.path.isdir(path) and not os.path.islink(path):  # noqa: PTH112, PTH114
        raise AccessError(path, "is a folder, which could not be searched for the list")
    os.lstat(path)
    if outcome := as_found(path).outcome:
        return record._replace(outcome=outcome)
    with open(path, "rb") as file:  # noqa: PTH123
        if left_out := leave_out(path, file.read(HEAD)):
            return record._replace(outcome=left_out)
        return _read(classifier, record, file, rules)


def _read(classifier: Classifier, record: Record, file: _File, rules: Rules) -> Record:
    if rules.hashed:
        file.seek(0)
        record = record._replace(sha256=hashlib.file_digest(file, "sha256").hexdigest())
    try:
        found = _classify(classifier, file, rules)
    except PictureError as error:
        return record._replace(outcome=type(error)(record.path, error.problem))
    record = record._replace(outcome=found)
    if rules.origin:
        try:
            record = record._replace(origin=origin.read(file, found.seen))
        except PictureError as error:  # it says why a file cannot be reached, nothing else
            raise AccessError(record.path, error.problem) from error
    return record


def _classify(classifier: Classifier, file: _File, rules: Rules) -> Classification:
    with rules.turn() as reserve:
        look = origin.look_at_pixels if rules.origin else None
        return classifier.classify(file, reserve=reserve, look=look)
