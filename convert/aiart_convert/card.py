"""The model card of a .tflite file: what it says of itself, for the pages of a model hub.

A card is a README.md as Hugging Face reads it (https://huggingface.co/docs/hub/model-cards): a head
in YAML, for its search and its tables of results, and Markdown for people. Nothing stands in it
that does not stand in the file, so it names what its publisher must add.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import yaml

from aiart_edge.errors import printable
from aiart_edge.model_file import ModelDescription, ModelFile
from aiart_edge.output import FIGURES, as_figure
from aiart_train.report.document import Document, Section, Table, to_markdown

UNKNOWN = "unknown"  # the hub's word for a licence that nobody names

_TASK = "image-classification"

# By how the names of a file's figures begin; the strictest first.
_MEASURED_ON = {
    "crossval": "pictures that the networks of a cross-validation had not seen",
    "test": "the test part",
    "validation": "the validation part",
}
# By how they end: what the hub calls those that are results of the network.
_METRICS = {
    "accuracy": "accuracy",
    "auc": "roc_auc",
    "coverage": "coverage",
    "covered_accuracy": "covered_accuracy",
    "human_called_ai": "human_called_ai",
}
_OF_VERDICTS = {"coverage", "covered_accuracy", "human_called_ai"}
_ENDS = ("_low", "_high")  # of a 95% interval


def model_card(model: ModelFile, licence: str = UNKNOWN) -> str:
    """Write the model card of a file.

    Args:
        model: read and verified.
        licence: the hub's identifier of the licence, which a file does not name. Default `unknown`.

    Returns:
        Markdown with a head in YAML.
    """
    head = yaml.safe_dump(_head(model.description, licence), sort_keys=False, allow_unicode=True)
    return f"---\n{head}---\n\n{to_markdown(_document(model, licence))}"


def _head(description: ModelDescription, licence: str) -> dict[str, Any]:
    """Name the strictest of the measurements alone: the hub shows no words of caution."""
    strictest = list(_measured(description.metrics).items())[:1]
    data = str(description.origin.get("data_sha256", UNKNOWN))[:12]
    return {
        "license": licence,
        "library_name": "tflite",
        "pipeline_tag": _TASK,
        "tags": ["aiart", "ai-generated-image-detection", "edge", description.precision],
        "model-index": [
            {
                "name": _title(description),
                "results": [_result(part, figures, data) for part, figures in strictest],
            }
        ],
    }


def _result(part: str, figures: Mapping[str, float], data: str) -> dict[str, Any]:
    left_out = _OF_VERDICTS if figures.get("in_sample") else ()
    return {
        "task": {"type": _TASK},
        "dataset": {
            "type": "imagefolder",
            "name": f"{_MEASURED_ON[part]}, data {data}",
            "split": part,
        },
        "metrics": [
            {"type": metric, "value": round(figures[name], 4), "name": FIGURES[name]}
            for name, metric in _METRICS.items()
            if name in figures and name not in left_out
        ],
    }


def _measured(metrics: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Sort a file's figures by what they were measured on."""
    parts: dict[str, dict[str, float]] = {part: {} for part in _MEASURED_ON}
    for key, value in metrics.items():
        part, _, name = key.partition("_")
        parts.get(part, {})[name] = value
    return {part: figures for part, figures in parts.items() if figures}


def _title(description: ModelDescription) -> str:
    return printable(f"{description.name} {description.precision}")


def _document(model: ModelFile, licence: str) -> Document:
    description, rule = model.description, model.description.decision
    return Document(
        title=_title(description),
        subtitle="Tells AI-made art from human art, with aiart on a Raspberry Pi.",
        lead="A verdict is a signal, not proof: never accuse anyone on the strength of one.",
        tiles=(),
        sections=(
            _facts(
                "What goes in and what comes out",
                {
                    "run by": f"aiart-edge classify PICTURE --model {printable(model.path.name)}",
                    "pixels": f"{description.input.height} x {description.input.width}, "
                    f"{description.input.resize}, RGB, 0 to 255",
                    "scores": "p(ai), p(human), before calibration",
                    "calibration": f"their logit is divided by {rule.temperature:.4g}",
                    "verdict": f"human up to p(ai) {rule.low:.3f}, ai from {rule.high:.3f}, "
                    "unsure between",
                    "network": f"{description.precision}, {len(model.network):,} bytes",
                    "its SHA-256": hashlib.sha256(model.network).hexdigest(),
                },
            ),
            _results(_measured(description.metrics)),
            _facts("Where it comes from", description.origin),
            Section("What its publisher must add", lines=_unsaid(licence)),
        ),
    )


def _facts(title: str, facts: Mapping[str, str]) -> Section:
    rows = tuple((name, value) for name, value in facts.items() if value)
    return Section(title, tables=(Table(("what", ""), rows),))


def _results(measured: Mapping[str, Mapping[str, float]]) -> Section:
    names = dict.fromkeys(name for figures in measured.values() for name in figures)
    rows = tuple(
        (FIGURES.get(name, name), *(_figure(figures, name) for figures in measured.values()))
        for name in names
        if not name.endswith(_ENDS)
    )
    head = ("", *(_MEASURED_ON[part] for part in measured))
    return Section("What was measured", tables=(Table(head, rows),))


def _figure(figures: Mapping[str, float], name: str) -> str:
    """Write a figure, with its 95% interval where the file has it."""
    if name not in figures:
        return "-"
    keys = (name, *(name + end for end in _ENDS))
    value, *interval = (as_figure(name, figures[key]) for key in keys if key in figures)
    return f"{value} ({' to '.join(interval)})" if interval else value


def _unsaid(licence: str) -> tuple[str, ...]:
    return (
        *(["the licence of the network"] if licence == UNKNOWN else []),
        "whose pictures it learnt from, and how licensed: the file has their hash alone",
        "on what kinds of art it fails",
        "what it must not be used for",
    )
