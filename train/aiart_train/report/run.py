"""The report of a run: metrics.json, report.md with plots beside it, and report.html alone."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiart_edge.decision import LABELS
from aiart_edge.files import write_atomically
from aiart_edge.image import decode
from aiart_train.data.split import SplitRow
from aiart_train.evaluation.calibration import Decisions
from aiart_train.evaluation.evaluate import (
    VERDICTS,
    DecisionMetrics,
    Metrics,
    answer,
    measure,
    measure_decisions,
    reliability,
    targets,
    wilson_interval,
)
from aiart_train.evaluation.robustness import Robustness
from aiart_train.learning.fit import History
from aiart_train.report.document import (
    Document,
    Plot,
    Section,
    Table,
    Thumbnail,
    plot_files,
    to_html,
    to_markdown,
)
from aiart_train.report.plots import (
    draw_confusion,
    draw_coverage,
    draw_history,
    draw_reliability,
    draw_roc,
)
from aiart_train.report.theme import Draw, render

METRICS = "metrics.json"
MARKDOWN = "report.md"
HTML = "report.html"

_MOST_MISTAKES = 12  # of each class
_THUMBNAIL = 160  # pixels


@dataclass(frozen=True, eq=False)
class Report:
    """Everything that a report shows.

    Args:
        title: of the report.
        pictures: what was scored, as in `pictures of the test part`.
        fitted_on: what the temperature and the unsure band were fitted on, as in `the validation
            part`.
        card: of the run; what it lacks is left out.
        history: figures after each epoch, or None.
        chosen_epoch: the epoch whose weights were kept, from 1, or None for the last.
        folder: the data folder.
        rows: the pictures.
        scores: float64 of shape [n, 2], p(ai) and p(human).
        decisions: made of the scores.
        robustness: of the same pictures, or empty.
        apart: patterns as of a shell; the pictures whose source matches one are told apart, too.
    """

    title: str
    pictures: str
    fitted_on: str
    card: dict[str, Any]
    history: History | None
    chosen_epoch: int | None
    folder: Path
    rows: Sequence[SplitRow]
    scores: NDArray[np.float64]
    decisions: Decisions
    robustness: tuple[Robustness, ...] = ()
    apart: tuple[str, ...] = ()

    @cached_property
    def parts(self) -> dict[str, tuple[Metrics, DecisionMetrics]]:
        """Figures of what is told apart, by its pattern."""
        found = {}
        for pattern in self.apart:
            rows = self.rows
            places = [n for n, row in enumerate(rows) if fnmatchcase(row.source, pattern)]
            of_part = [rows[place] for place in places]
            decisions = Decisions(
                self.decisions.p_ai[places],
                tuple(self.decisions.verdicts[place] for place in places),
                self.decisions.rules,
            )
            found[pattern] = (
                measure(of_part, self.scores[places]),
                measure_decisions(of_part, decisions),
            )
        return found

    @cached_property
    def metrics(self) -> Metrics:
        """Figures of the scores."""
        return measure(self.rows, self.scores)

    @cached_property
    def decision_metrics(self) -> DecisionMetrics:
        """Figures of the decisions."""
        return measure_decisions(self.rows, self.decisions)


def save_report(folder: Path, report: Report) -> None:
    """Write a report's files.

    Args:
        folder: to write into.
        report: what they show.

    Raises:
        OutputError: a file cannot be written.
        PictureError: a picture to be shown cannot be read.
    """
    document = compose(report)
    figures = {
        **asdict(report.metrics),
        "decisions": asdict(report.decision_metrics),
        "robustness": [asdict(figures) for figures in report.robustness],
        "apart": {
            pattern: {**asdict(metrics), "decisions": asdict(verdicts)}
            for pattern, (metrics, verdicts) in report.parts.items()
        },
    }
    write_atomically(folder / METRICS, (json.dumps(figures, indent=1) + "\n").encode())
    # A path may hold bytes that are no UTF-8: they become question marks.
    texts = {MARKDOWN: to_markdown(document), HTML: to_html(document)}
    for name, text in texts.items():
        write_atomically(folder / name, text.encode(errors="replace"))
    for name, content in plot_files(document).items():
        write_atomically(folder / name, content)


def compose(report: Report) -> Document:
    """Compose the document that both files show.

    Args:
        report: what it shows.

    Returns:
        The document.

    Raises:
        PictureError: a picture to be shown cannot be read.
    """
    metrics, verdicts = report.metrics, report.decision_metrics
    return Document(
        title=report.title,
        subtitle=_subtitle(report.card),
        lead=headline(report),
        tiles=(
            ("accuracy", f"{metrics.accuracy:.1%}"),
            ("balanced accuracy", _share(metrics.balanced_accuracy)),
            ("AUC", _number(metrics.auc)),
            ("of pictures get a verdict, the rest are unsure", f"{verdicts.coverage:.0%}"),
            ("of the verdicts are right", _share(verdicts.covered_accuracy)),
            ("of human art is called ai", _share(verdicts.human_called_ai)),
        ),
        sections=(
            _figures(report),
            _answers(report),
            _verdicts(report),
            *_apart(report),
            *_sources(report),
            *_robustness(report.robustness),
            *_mistakes(report),
            *_learning(report),
            _data(report.card),
            _origin(report.card),
        ),
    )


def headline(report: Report) -> str:
    """Say in two or three sentences how good it is.

    Args:
        report: what is known.

    Returns:
        The sentences, on one line.
    """
    metrics, verdicts = report.metrics, report.decision_metrics
    low, high = metrics.accuracy_interval
    commoner = max(figures.support for figures in metrics.classes.values()) / metrics.n
    text = (
        f"Of {metrics.n:,} {report.pictures}, {metrics.accuracy:.1%} are answered rightly "
        f"(95% interval {low:.1%} to {high:.1%}); always answering the commoner class would reach "
        f"{commoner:.1%}. "
    )
    if verdicts.covered_accuracy is None:
        return text + "Allowed to be unsure, it is unsure of every one."
    text += (
        f"Allowed to be unsure, it gives a verdict on {verdicts.coverage:.0%}, "
        f"and {verdicts.covered_accuracy:.1%} of the verdicts are right."
    )
    of_human = verdicts.verdicts[LABELS.index("human")]
    if total := sum(of_human):
        text += f" {of_human[VERDICTS.index('ai')]} of {total} human pictures are called AI art."
    return text


def _subtitle(card: dict[str, Any]) -> str:
    facts = [card["created"]] if "created" in card else []
    if "parameters" in card:
        facts.append(f"{card['parameters']:,} parameters")
    return ", ".join(facts)


def _figures(report: Report) -> Section:
    metrics, verdicts = report.metrics, report.decision_metrics
    low, high = metrics.accuracy_interval
    return Section(
        "Figures",
        f"Temperature and unsure band are fitted on {report.fitted_on}.",
        tables=(
            Table(
                ("figure", "value", "what it says"),
                (
                    (
                        "accuracy",
                        f"{metrics.accuracy:.1%} ({low:.1%} to {high:.1%})",
                        "right answers, with the 95% Wilson interval",
                    ),
                    (
                        "balanced accuracy",
                        _share(metrics.balanced_accuracy),
                        "mean of both recalls; 50% is chance",
                    ),
                    ("AUC", _number(metrics.auc), "how often AI art scores above human art"),
                    (
                        "TPR at 5% FPR",
                        _share(metrics.tpr_at_5_fpr),
                        "AI art found where 5% of human art may be accused",
                    ),
                    ("log loss", _number(metrics.loss), "in nats; 0.693 is a coin's"),
                    (
                        "Brier score",
                        f"{metrics.brier:.3f}, calibrated {verdicts.brier:.3f}",
                        "squared error of p(ai); 0.25 is a coin's",
                    ),
                    (
                        "ECE",
                        f"{metrics.ece:.3f}, calibrated {verdicts.ece:.3f}",
                        "how far p(ai) is from the share of AI art, in 15 bins",
                    ),
                    ("coverage", _share(verdicts.coverage), "pictures that get a verdict"),
                    (
                        "accuracy of the verdicts",
                        _share(verdicts.covered_accuracy),
                        "right among those",
                    ),
                    (
                        "human art called ai",
                        _share(verdicts.human_called_ai),
                        "the band is fitted to at most 5%",
                    ),
                    (
                        "AI art called human",
                        _share(verdicts.ai_called_human),
                        "the band is fitted to at most 5%",
                    ),
                ),
            ),
            Table(
                ("rule", "temperature", "human up to", "ai from"),
                tuple(
                    (str(number), _number(rule.temperature), _number(rule.low), _number(rule.high))
                    for number, rule in enumerate(verdicts.rules, start=1)
                ),
            ),
        ),
    )


def _answers(report: Report) -> Section:
    metrics = report.metrics
    plots = [
        _plot(
            "confusion",
            "Confusion matrix: a row per true class, a column per answer.",
            partial(draw_confusion, metrics=metrics),
        )
    ]
    if metrics.auc is not None:
        plots.append(
            _plot(
                "roc",
                "ROC curve: the further above the dotted line of chance, the better.",
                partial(draw_roc, rows=report.rows, scores=report.scores),
            )
        )
    per_class = Table(
        ("class", "precision", "recall", "F1", "pictures"),
        tuple(
            (
                label,
                _number(figures.precision),
                _number(figures.recall),
                _number(figures.f1),
                str(figures.support),
            )
            for label, figures in metrics.classes.items()
        ),
    )
    return Section(
        "Answers",
        "Where it has to answer, at p(ai) above 0.5.",
        tables=(per_class,),
        plots=tuple(plots),
    )


def _verdicts(report: Report) -> Section:
    metrics, rows, p_ai = report.decision_metrics, report.rows, report.decisions.p_ai
    plots = []
    if max(len(reliability(rows, one).counts) for one in (report.scores[:, 0], p_ai)) > 1:
        plots.append(
            _plot(
                "reliability",
                "Reliability: on the dotted line, p(ai) comes true as often as it says. "
                "The bars are 95% intervals.",
                partial(draw_reliability, rows=rows, scores=report.scores, p_ai=p_ai),
            )
        )
    if len(set(np.abs(p_ai - 0.5))) > 1:
        plots.append(
            _plot(
                "coverage",
                "Coverage: if only the surest are answered, how many are right? The verdicts need "
                "not lie on the curve, since each end of the unsure band is fitted to its own "
                "class.",
                partial(draw_coverage, rows=rows, p_ai=p_ai, metrics=metrics),
            )
        )
    counts = Table(
        ("true class", *(f"called {verdict}" for verdict in VERDICTS)),
        tuple((label, *map(str, row)) for label, row in zip(LABELS, metrics.verdicts, strict=True)),
    )
    return Section(
        "Verdicts and confidence",
        "Where it may be unsure.",
        tables=(counts,),
        plots=tuple(plots),
    )


def _apart(report: Report) -> tuple[Section, ...]:
    lines = tuple(
        (
            pattern,
            str(metrics.n),
            _share(metrics.accuracy),
            _share(metrics.balanced_accuracy),
            _number(metrics.auc),
            _share(metrics.tpr_at_5_fpr),
            " / ".join(_number(metrics.classes[label].recall) for label in LABELS),
            f"{_share(verdicts.coverage)}, {_share(verdicts.covered_accuracy)}",
            _share(verdicts.human_called_ai),
        )
        for pattern, (metrics, verdicts) in report.parts.items()
    )
    if not lines:
        return ()
    head = (
        *("sources", "pictures", "accuracy", "balanced accuracy", "AUC", "TPR at 5% FPR"),
        f"recall: {' / '.join(LABELS)}",
        *("verdicts: coverage, accuracy", "human art called ai"),
    )
    return (
        Section("Told apart", "Of the same scores and verdicts.", tables=(Table(head, lines),)),
    )


def _sources(report: Report) -> tuple[Section, ...]:
    right = answer(report.scores) == targets(report.rows)
    unsure = np.array([verdict == "unsure" for verdict in report.decisions.verdicts])
    keys = [(row.label, row.source) for row in report.rows]
    sources = sorted(set(keys))
    if len(sources) <= len(LABELS):  # the classes themselves, which other tables show
        return ()
    lines = []
    for source in sources:
        of_source = np.array([key == source for key in keys])
        n, count = int(of_source.sum()), int(right[of_source].sum())
        low, high = wilson_interval(count, n)
        lines.append(
            (
                *reversed(source),
                str(n),
                _share(count / n),
                f"{low:.1%} to {high:.1%}",
                _share(float(unsure[of_source].mean())),
            )
        )
    head = ("source", "class", "pictures", "recall", "95% interval", "unsure")
    table = Table(head, tuple(lines))
    return (Section("Sources", "Where the pictures come from.", tables=(table,)),)


def _robustness(robustness: tuple[Robustness, ...]) -> tuple[Section, ...]:
    if not robustness:
        return ()
    table = Table(
        ("pictures", "accuracy", "balanced accuracy", "verdicts that change"),
        tuple(
            (
                figures.name,
                _share(figures.accuracy),
                _share(figures.balanced_accuracy),
                _share(figures.flip_rate),
            )
            for figures in robustness
        ),
    )
    return (
        Section(
            "Robustness",
            "The same pictures, changed as the web changes them. Best is a column of the same "
            "accuracy, and no verdict that changes.",
            tables=(table,),
        ),
    )


def _mistakes(report: Report) -> tuple[Section, ...]:
    wrong = np.flatnonzero(answer(report.scores) != targets(report.rows))
    titles = {"human": "Human art it is surest is AI", "ai": "AI art it is surest is human"}
    sections = []
    for label, title in titles.items():
        surest = sorted(
            (position for position in wrong if report.rows[position].label == label),
            key=lambda position: report.scores[position, LABELS.index(label)],
        )[:_MOST_MISTAKES]
        if surest:
            thumbnails = tuple(_thumbnail(report, int(position)) for position in surest)
            sections.append(Section(title, thumbnails=thumbnails))
    return tuple(sections)


def _thumbnail(report: Report, position: int) -> Thumbnail:
    row = report.rows[position]
    image = decode(report.folder / row.path, at_least=2 * _THUMBNAIL)
    image.thumbnail((_THUMBNAIL, _THUMBNAIL))
    stream = io.BytesIO()
    image.save(stream, "JPEG")
    return Thumbnail(f"p(ai) {report.decisions.p_ai[position]:.2f}  {row.path}", stream.getvalue())


def _learning(report: Report) -> tuple[Section, ...]:
    if report.history is None or len(report.history["loss"]) == 1:  # which the figures tell
        return ()
    plots = tuple(
        _plot(
            name,
            f"{name.capitalize()} after each epoch.",
            partial(
                draw_history, history=report.history, name=name, chosen_epoch=report.chosen_epoch
            ),
        )
        for name in ("loss", "accuracy")
    )
    return (Section("How it learned", plots=plots),)


def _data(card: dict[str, Any]) -> Section:
    data = card["data"]
    facts = [("folder", data["folder"]), ("SHA-256", data["sha256"])]
    if "parts" in card:
        parts = ", ".join(f"{count} {part}" for part, count in card["parts"].items())
        facts.append(("pictures", f"{parts}; near-duplicates stay in one part"))
    broken = tuple(data.get("broken", ()))
    return Section(
        "Data",
        "Skipped, since they cannot be read:" if broken else "No file was skipped.",
        broken,
        (Table(("fact", "value"), tuple(facts)),),
    )


def _origin(card: dict[str, Any]) -> Section:
    facts = [("command", card["command"])] if "command" in card else []
    facts += [(f"recipe: {name}", _text(value)) for name, value in card["recipe"].items()]
    if "seed" in card:
        facts.append(("seed", str(card["seed"])))
    facts += list(card.get("versions", {}).items())
    return Section("How it was made", tables=(Table(("fact", "value"), tuple(facts)),))


def _plot(name: str, caption: str, draw: Draw) -> Plot:
    return Plot(name, caption, cache(partial(render, draw=draw)))  # two files show the light one


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _share(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.1%}"


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"
