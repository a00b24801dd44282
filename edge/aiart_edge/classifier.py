"""The classifier: a picture in, a verdict out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiart_edge.decision import (
    LABELS,
    DecisionRule,
    Label,
    Verdict,
    calibrate,
    decide,
    find_doubt,
)
from aiart_edge.errors import PictureError
from aiart_edge.files import EMBEDDED_MODEL
from aiart_edge.image import Picture, read_pictures
from aiart_edge.model_file import ModelDescription
from aiart_edge.networks import Opener, Pool, find_foreign, find_own
from aiart_edge.program import count_cores

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from aiart_edge.evidence import Explainer, Explanation
    from aiart_edge.image import InputRule, Look, Reserve, Source
    from aiart_edge.memory import Budget

_DIGITS = 12  # of a SHA-256, that tell networks apart


@dataclass(frozen=True)
class Classification:
    """What the classifier says of one picture.

    Args:
        verdict: `ai`, `human` or `unsure`.
        p_ai: the calibrated probability that the picture was made by AI, 0 to 1.
        label: the likelier of the two, `ai` or `human`, however unsure.
        reason: why the picture cannot be judged, where that makes it `unsure`. Default none.
        seen: what `look` gave, where somebody looked; no part of the verdict. Default nothing.
        decided_by: name of the network that was asked last, where there are two. Default none.
    """

    verdict: Verdict
    p_ai: float
    label: Label
    reason: str | None = None
    seen: Any = field(default=None, repr=False)
    decided_by: str | None = None


class Classifier(AbstractContextManager["Classifier"]):
    """Tells AI-made art from human art with one model file.

        with Classifier.load() as classifier:
            classifier.classify("picture.jpg").verdict

    Several threads may use one classifier: each gets a copy of the network of its own, unless that
    is big.

    Args:
        open_network: gives a network, which takes raw pixels and gives two scores.
        description: the input rule and the decision rule that belong to it.
        sha256: of the network, in hex. Default: not known.
        open_explainer: gives the network that tells where it finds its evidence. Default: there is
            none.
        shared: threads share one copy, since each would cost too much. Default false.

    Attributes:
        description: as given.
        sha256: as given.
    """

    def __init__(
        self,
        open_network: Opener,
        description: ModelDescription,
        sha256: str = "",
        open_explainer: Callable[[], Explainer] | None = None,
        shared: bool = False,
    ) -> None:
        self._pool = Pool(open_network, shared=shared)
        self._explainers = Pool(open_explainer, 0, shared) if open_explainer else None
        self.description = description
        self.sha256 = sha256

    @property
    def identity(self) -> dict[str, str]:
        """What tells one network from another in a record: its name, version and SHA-256."""
        return {
            "model": self.description.name,
            "model_version": self.description.origin.get("aiart", ""),
            "model_sha256": self.sha256[:_DIGITS],
        }

    @classmethod
    def load(
        cls,
        path: Path | str = EMBEDDED_MODEL,
        *,
        threads: int | None = None,
        runtime: str = "auto",
        band: tuple[float, float] | None = None,
    ) -> Classifier:
        """Load a model file.

        Args:
            path: of a file that `aiart-convert` wrote; the name of an installed model, `strong`; or
                `cascade`, the embedded model and, where that is unsure, the strong one. Default:
                the embedded one.
            threads: of the runtime, at most one for each core. Default 1, and for a network of more
                than 16 MB, of which there is one copy alone, one for each core.
            runtime: `litert`, `tflite`, or `auto` for the first of them that is installed. Default
                `auto`.
            band: low and high, the calibrated p(ai) up to which a picture is `human` and from which
                it is `ai`. Default: the model file's.

        Returns:
            A classifier; close it, or use it in a `with` statement.

        Raises:
            ModelFileError: the file is missing, broken, altered or not one of ours.
            RuntimeUnavailable: no TFLite runtime that works is installed.
            ValueError: impossible threads or band, or an unknown runtime.
        """
        found = Path(path)
        if found != EMBEDDED_MODEL:
            from aiart_edge.named_models import CASCADE, find_model  # noqa: PLC0415

            if str(path) == CASCADE:
                from aiart_edge.cascade import load_cascade  # noqa: PLC0415

                return load_cascade(threads=threads, runtime=runtime, band=band)
            found = find_model(path)
        # Whoever can alter a model that is installed can alter this line.
        trusted = found == EMBEDDED_MODEL or found != Path(path)
        return cls(*find_own(found, threads=threads, runtime=runtime, band=band, trusted=trusted))

    @classmethod
    def load_foreign(
        cls,
        path: Path | str,
        *,
        labels: tuple[str, str],
        size: tuple[int, int] | None = None,
        logits: bool = False,
        threads: int = 1,
        runtime: str = "auto",
        band: tuple[float, float] = (0.5, 0.5),
    ) -> Classifier:
        """Load a .tflite file from elsewhere, which says nothing of itself.

        It runs in a process of its own, which it may crash without harm. It must take raw pixels,
        0 to 255, and give one score for each label.

        Args:
            path: the file.
            labels: of its two scores, in their order: `ai` and `human`.
            size: height and width of its pictures, in pixels. Default: what the file says; needed
                only where the network takes any.
            logits: its scores are logits, of which a softmax makes probabilities. Default false.
            threads: of the runtime. Default 1.
            runtime: see `load`. Default `auto`.
            band: see `load`. Default 0.5, 0.5: never unsure.

        Returns:
            A classifier; close it, or use it in a `with` statement.

        Raises:
            ModelFileError: the file is missing or damaged, takes pictures of another size, or the
                runtime refuses it or dies of it.
            RuntimeUnavailable: no TFLite runtime that works is installed.
            ValueError: impossible labels, threads or band, or an unknown runtime.
        """
        return cls(
            *find_foreign(
                Path(path),
                labels=labels,
                size=size,
                logits=logits,
                threads=threads,
                runtime=runtime,
                band=band,
            )
        )

    def scores(self, source: Source) -> NDArray[np.float32]:
        """Give the network's own scores, before calibration.

        Args:
            source: a picture, as `classify` takes it.

        Returns:
            float32 of shape [2], p(ai) and p(human).

        Raises:
            PictureError: the picture cannot be read.
        """
        return self.score(*read_pictures(source, self._inputs))

    def score(self, picture: Picture) -> NDArray[np.float32]:
        """Give the network's own scores of a picture that was read as it wants it; see `scores`."""
        return self._pool.scores(picture.pixels)

    def classify(
        self, source: Source, *, reserve: Reserve | None = None, look: Look | None = None
    ) -> Classification:
        """Give the verdict on a picture.

        Args:
            source: a file; the bytes of one; a binary file object, read from its start; a Pillow
                image; or an array, uint8 of shape [height, width, 3], RGB, or [height, width].
            reserve: see `image.read_picture`. Default: nobody is told.
            look: sees a file's picture before it is resized; see `image.read_picture`. Default:
                nobody looks.

        Returns:
            The verdict and the calibrated p(ai).

        Raises:
            PictureError: the picture cannot be read.
            ValueError: an array of another type or shape, or a closed classifier.
        """
        return self._judge(*read_pictures(source, self._inputs, reserve, look))

    def explain(
        self, source: Source, *, reserve: Reserve | None = None, look: Look | None = None
    ) -> Explanation:
        """Give the verdict on a picture, and where in it the evidence lies.

        A network whose head is linear in pooled maps says it exactly, in the same run; of any other
        it is found out by covering a part of the picture at a time.

        Args:
            source: a picture, as `classify` takes it.
            reserve: likewise.
            look: likewise.

        Returns:
            The same classification as `classify` gives, and each place's share of the logit of AI;
            with `cascade`, of that of the network which decided.

        Raises:
            PictureError: the picture cannot be read.
            ModelFileError: the file does not describe its network.
            ValueError: as of `classify`.
        """
        return self._explain(*read_pictures(source, self._inputs, reserve, look))

    def _explain(self, *pictures: Picture) -> Explanation:
        from aiart_edge.evidence import Explanation, occlude  # noqa: PLC0415  seldom wanted

        (picture,) = pictures
        if self._explainers:
            found = self._explainers.lend(lambda explainer: explainer.explain(picture.pixels))
        else:
            found = occlude(self._pool.scores, picture.pixels)
        classification = self._decide(found.scores, picture)
        return Explanation(classification, found.places, found.intercept, found.logit, found.method)

    @property
    def _inputs(self) -> tuple[InputRule, ...]:
        """How pictures are read."""
        return (self.description.input,)

    def _judge(self, *pictures: Picture) -> Classification:
        return self._decide(self.score(*pictures), *pictures)

    def _decide(self, scores: NDArray[np.float32], picture: Picture) -> Classification:
        rule = self.description.decision
        return conclude(float(calibrate(scores, rule.temperature)), rule, picture)

    def classify_many(
        self, sources: Iterable[Source], *, jobs: int | None = None, look: Look | None = None
    ) -> Iterator[Classification | PictureError]:
        """Give the verdicts on many pictures, in their order, as they come.

        A picture that cannot be read does not stop the others: its error is given, not raised. One
        whose decoding would take more memory than there is waits until others are done.

        Args:
            sources: pictures, as `classify` takes them; read as they are needed.
            jobs: how many pictures are worked on at once. Default: one for each core.
            look: as `classify` takes it.

        Yields:
            For each picture its classification, or its error.
        """
        jobs = jobs or count_cores()
        if jobs == 1:
            yield from (self._attempt(source, look) for source in sources)
            return
        from concurrent.futures import Future, ThreadPoolExecutor  # noqa: PLC0415  not for one job

        turn = self._budget.turn
        pending: deque[Future[Classification | PictureError]] = deque()
        with ThreadPoolExecutor(jobs) as pool:
            try:
                for source in sources:
                    pending.append(pool.submit(self._attempt, source, look, turn))
                    if len(pending) > 2 * jobs:
                        yield pending.popleft().result()
                while pending:
                    yield pending.popleft().result()
            finally:
                pool.shutdown(cancel_futures=True)

    def close(self) -> None:
        """Free the network's memory."""
        self._pool.close()
        if self._explainers:
            self._explainers.close()

    @cached_property
    def _budget(self) -> Budget:
        from aiart_edge.memory import Budget  # noqa: PLC0415  not for one job

        return Budget()

    def _attempt(
        self,
        source: Source,
        look: Look | None,
        turn: Callable[[], AbstractContextManager[Reserve | None]] = nullcontext,
    ) -> Classification | PictureError:
        try:
            with turn() as reserve:
                pictures = read_pictures(source, self._inputs, reserve, look)
            return self._judge(*pictures)
        except PictureError as error:
            # A new one: the traceback of this one holds what was decoded so far.
            return type(error)(error.path, error.problem)

    def __exit__(self, *_: object) -> None:
        self.close()


def conclude(p_ai: float, rule: DecisionRule, picture: Picture) -> Classification:
    """Make a classification of a probability.

    Args:
        p_ai: calibrated.
        rule: how it becomes a verdict.
        picture: as a network sees it.

    Returns:
        It, `unsure` with a reason where the picture shows too little.
    """
    doubt = find_doubt(picture)
    label = LABELS[0] if p_ai >= 0.5 else LABELS[1]  # noqa: PLR2004
    verdict = "unsure" if doubt else decide(p_ai, rule)
    return Classification(verdict, p_ai, label, doubt, picture.seen)
