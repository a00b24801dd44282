"""What was counted, as Prometheus reads it."""

from __future__ import annotations

from aiart_edge.service.workers import Answer

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)


class Metrics:
    """Counts of what was answered."""

    def __init__(self) -> None:
        from prometheus_client import (  # noqa: PLC0415  an extra
            CollectorRegistry,
            Counter,
            Gauge,
            Histogram,
        )

        self._registry = CollectorRegistry()
        self._judged = self._unsure = 0
        self._verdicts = Counter(
            "aiart_pictures", "Pictures by verdict.", ["verdict"], registry=self._registry
        )
        self._errors = Counter(
            "aiart_errors", "Pictures without a verdict.", ["status"], registry=self._registry
        )
        self._seconds = Histogram(
            "aiart_seconds",
            "From when a picture is here to its answer.",
            buckets=_SECONDS,
            registry=self._registry,
        )
        share = Gauge(
            "aiart_unsure_share", "Of the verdicts, those that are unsure.", registry=self._registry
        )
        share.set_function(lambda: self._unsure / max(1, self._judged))
        for verdict in ("ai", "human", "unsure"):
            self._verdicts.labels(verdict)

    def count(self, answer: Answer, seconds: float) -> None:
        """Count an answer.

        Args:
            answer: on a picture.
            seconds: that it took.
        """
        self._seconds.observe(seconds)
        if answer.verdict is None:
            self._errors.labels(str(answer.status)).inc()
            return
        self._verdicts.labels(answer.verdict).inc()
        self._judged += 1
        self._unsure += answer.verdict == "unsure"

    def text(self) -> bytes:
        """Give the counts as Prometheus reads them."""
        from prometheus_client import generate_latest  # noqa: PLC0415  an extra

        return generate_latest(self._registry)
