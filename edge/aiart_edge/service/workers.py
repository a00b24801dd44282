"""The processes that decode and judge, and what becomes of one that takes too long, or dies.

A decoder may take minutes of a small file, or crash, and a thread cannot be ended. So each picture
is read in a process whose memory is limited, and which is killed after a while.
"""

from __future__ import annotations

import asyncio
import json
import resource
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from aiart_edge import origin
from aiart_edge.errors import AiartError, PictureError, RuntimeUnavailable
from aiart_edge.image import LARGEST_MEMORY, measure
from aiart_edge.memory import WORTH_GIVING_BACK, Budget, give_back
from aiart_edge.origin import wording
from aiart_edge.output import Record, as_document
from aiart_edge.worker import Worker, blame

if TYPE_CHECKING:
    from aiart_edge.classifier import Classification, Classifier
    from aiart_edge.image import Reserve

LIMIT = 10.0  # seconds for a picture, from when there is memory for it
MOST_PIXELS = 50_000_000

_START = 60.0  # seconds for a process
_ROOM = LARGEST_MEMORY + (256 << 20)  # bytes that a process may take beside its network
_NETWORK = 70 << 20  # bytes that it takes with its network
_SHARE_OF_NETWORKS = 2  # they take at most a half of what there is
_DIGITS = 6


class Question(NamedTuple):
    """What is to be said of a picture.

    Args:
        name: of its file; None where it has none.
        explain: with where the evidence lies.
    """

    name: str | None
    explain: bool


class Answer(NamedTuple):
    """What was said of it.

    Args:
        status: of HTTP.
        verdict: None where there is none.
        document: in JSON, the record that `classify --json` gives.
    """

    status: int
    verdict: str | None
    document: bytes

    @classmethod
    def of(cls, status: int, record: Record, name: str | None, **more: Any) -> Answer:
        """Make an answer, in the process that has the most time for it.

        Args:
            status: of HTTP.
            record: of the picture; its path does not count.
            name: of its file; None where it has none.
            **more: what stands beside the record.

        Returns:
            The answer.
        """
        document = as_document(record._replace(path=name or "-").as_dict())
        document |= {"path": name, **more}
        return cls(status, document.get("verdict"), json.dumps(document).encode())


class Crew:
    """Processes, each with a network of its own, and a thread here for each, which waits for it.

    Args:
        load: loads the classifier, in each process.
        identity: of it, `Classifier.identity`.
        jobs: how many processes.
        memory: bytes for what is being decoded.
    """

    def __init__(
        self,
        load: Callable[[], Classifier],
        identity: Mapping[str, str],
        jobs: int,
        memory: int,
    ) -> None:
        self._load = load
        self._identity = identity
        self._budget = Budget(memory)
        self._threads = ThreadPoolExecutor(jobs, "crew")
        self._idle: deque[_PictureWorker | None] = deque(_PictureWorker(load) for _ in range(jobs))

    async def answer(self, content: bytes | bytearray, question: Question) -> Answer:
        """Answer a question on a picture, when its turn has come.

        Args:
            content: of its file.
            question: what is to be said.

        Returns:
            What there is to say of it, however broken.

        Raises:
            AiartError: the network does not run.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._answer, content, question)

    def close(self) -> None:
        """End the processes, after what they are at."""
        self._threads.shutdown(cancel_futures=True)
        for worker in self._idle:
            _end(worker)

    def _answer(self, content: bytes | bytearray, question: Question) -> Answer:
        worker = self._idle.pop()  # there are as many as threads
        try:
            if worker is None or not worker.is_alive():  # it died of no picture
                _end(worker)
                worker = _PictureWorker(self._load)
            answer = worker.ask(content, question, self._budget)
        except BaseException:
            self._idle.appendleft(None)  # the last to be asked: another must start
            _end(worker)
            raise
        if answer is None:
            self._idle.appendleft(None)
            answer = Answer.of(422, Record("", self._identity, worker.obituary()), question.name)
            worker.end()
        else:
            self._idle.append(worker)
        return answer


def share_memory(available: int, jobs: int, bodies: int) -> tuple[int, int]:
    """Share memory between networks, what is being decoded, and what waits for it.

    Args:
        available: bytes for all of them.
        jobs: how many processes there should be at most.
        bodies: bytes that wait at most.

    Returns:
        How many processes there can be, and the bytes for what they decode.
    """
    jobs = max(1, min(jobs, available // _SHARE_OF_NETWORKS // _NETWORK))
    return jobs, max(0, available - jobs * _NETWORK - bodies)


def examine(classifier: Classifier, content: bytes, question: Question, reserve: Reserve) -> Answer:
    """Say of a picture what there is to say.

    Args:
        classifier: judges it.
        content: of its file.
        question: what is to be said.
        reserve: see `image.read_picture`.

    Returns:
        The answer.

    Raises:
        AiartError: the network does not run.
    """

    def answer(status: int, error: PictureError) -> Answer:
        return Answer.of(status, Record("", classifier.identity, error), question.name)

    try:
        width, height = measure(content)
        if width * height > MOST_PIXELS:
            problem = f"{width} x {height} pixels are more than {MOST_PIXELS:,}"
            return answer(413, PictureError("", problem))
        classification, more = _judge(classifier, content, question, reserve)
        said = origin.read(content, classification.seen)
    except PictureError as error:
        return answer(422, error)
    if more:
        more["said"] = wording.sentence(said)
    record = Record("", classifier.identity, classification, origin=said)
    return Answer.of(200, record, question.name, **more)


class _PictureWorker(Worker):
    """A process that reads pictures.

    Args:
        load: loads the classifier there.
    """

    def __init__(self, load: Callable[[], Classifier]) -> None:
        super().__init__(_serve, load)
        self._is_late = False
        self._is_ready = False

    def ask(self, content: bytes | bytearray, question: Question, budget: Budget) -> Answer | None:
        """Have it answer a question; None where it died of the picture, or took too long.

        Raises:
            AiartError: the network does not run.
        """
        if not self._is_ready:
            self._start()
        try:
            return self._ask(content, question, budget)
        except EOFError:
            return None

    def obituary(self) -> PictureError:
        """Say what it died of."""
        if self._is_late:
            return PictureError("", f"reading it takes longer than {LIMIT:.0f} seconds")
        return blame("", self.death())

    def _ask(self, content: bytes | bytearray, question: Question, budget: Budget) -> Answer:
        with budget.turn() as take:
            with self._limited(LIMIT):
                self.connection.send(question)
                self.connection.send_bytes(content)
                heard = self._hear()
            if isinstance(heard, int):  # how much memory it wants
                take(heard)
                with self._limited(LIMIT):
                    self.connection.send(None)
                    heard = self._hear()
        answer: Answer = heard
        return answer

    def _start(self) -> None:
        try:
            with self._limited(_START):
                self._hear()
        except EOFError as error:
            problem = "processes die of the network: aiart-edge doctor says more"
            raise RuntimeUnavailable(problem) from error
        self._is_ready = True

    def _hear(self) -> Any:
        heard = self.connection.recv()
        if isinstance(heard, AiartError):
            raise heard
        return heard

    @contextmanager
    def _limited(self, seconds: float) -> Iterator[None]:
        """Kill it after some seconds, whatever it is at."""
        timer = threading.Timer(seconds, self._end_late)
        timer.start()
        try:
            yield
        except OSError as error:
            raise EOFError from error
        finally:
            timer.cancel()

    def _end_late(self) -> None:
        self._is_late = True
        self.kill()


def _end(worker: _PictureWorker | None) -> None:
    if worker:
        worker.end()


def _serve(connection: Connection, load: Callable[[], Classifier]) -> None:
    """Answer questions, until there are no more."""
    try:
        with load() as classifier:
            _limit_memory()
            connection.send("ready")
            while True:
                question = connection.recv()
                content = connection.recv_bytes()
                with _reserving(connection) as reserve:
                    connection.send(examine(classifier, content, question, reserve))
    except AiartError as error:
        connection.send(error)


def _limit_memory() -> None:
    """Give the process room for a picture, and no more."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + _ROOM
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


@contextmanager
def _reserving(connection: Connection) -> Iterator[Reserve]:
    """Ask the parent for memory, and wait until it is there; afterwards give a large one back."""
    taken = 0

    def reserve(need: int) -> None:
        nonlocal taken
        taken = need
        connection.send(need)
        connection.recv()

    yield reserve
    if taken > WORTH_GIVING_BACK:
        give_back()


def _judge(
    classifier: Classifier, content: bytes, question: Question, reserve: Reserve
) -> tuple[Classification, dict[str, Any]]:
    look = origin.look_at_pixels
    if not question.explain:
        return classifier.classify(content, reserve=reserve, look=look), {}
    found = classifier.explain(content, reserve=reserve, look=look)
    explanation = {
        "method": found.method,
        "evidence": found.evidence.astype(float).round(_DIGITS).tolist(),
        "intercept": round(found.intercept, _DIGITS),
        "logit": round(found.logit, _DIGITS),
    }
    return found.classification, {"explanation": explanation}
