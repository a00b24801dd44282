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
from aiart_train.report.document import Document, Section, Table, to_markdown

UNKNOWN = "unknown"  # the hub's word for a licence that nobody names

_TASK = "image-classification"

# By how the names of a file's figures begin; the strictest first.
_MEASURED_ON = {
    "crossval": "pictures that the networks of a cross-validation had not seen",
    "test": "the test part",
    "validation": "the validation part",
}
# By how they end: in words, and as the hub calls what is a result of the network.
_FIGURES = {
    "n": ("pictures", None),
    "ai_n": ("of AI art", None),
    "human_n": ("of human art", None),
    "accuracy": ("right, of all", "accuracy"),
    "auc": ("AUC", "roc_auc"),
    "coverage": ("get a verdict", "coverage"),
    "covered_accuracy": ("verdicts that are right", "covered_accuracy"),
    "human_called_ai": ("human art called ai", "human_called_ai"),
    "in_sample": ("verdicts in sample, which flatters: 1 for yes", None),
    "keras_accuracy": ("right, of all, by the Keras model", None),
    "chance": ("p of its being no better than chance", None),
    "agreement": ("answered as by the Keras model", None),
    "mean_drift": ("mean difference of p(ai) to it", None),
    "largest_drift": ("largest difference of p(ai) to it", None),
    "p_value": ("p of McNemar's test between them", None),
}
_OF_VERDICTS = {"coverage", "covered_accuracy", "human_called_ai"}
_DIGITS = 4


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
            {"type": metric, "value": round(figures[name], _DIGITS), "name": words}
            for name, (words, metric) in _FIGURES.items()
            if metric and name in figures and name not in left_out
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
    rows = tuple(
        (words, *(_figure(figures, name) for figures in measured.values()))
        for name, (words, _) in _FIGURES.items()
        if any(name in figures for figures in measured.values())
    )
    head = ("", *(_MEASURED_ON[part] for part in measured))
    return Section("What was measured", tables=(Table(head, rows),))


def _figure(figures: Mapping[str, float], name: str) -> str:
    """Write a figure, with its 95% interval where the file has it."""
    if name not in figures:
        return "-"
    value, low, high = (
        f"{round(figures.get(key, 0), _DIGITS):,}" for key in (name, f"{name}_low", f"{name}_high")
    )
    return f"{value} ({low} to {high})" if f"{name}_low" in figures else value


def _unsaid(licence: str) -> tuple[str, ...]:
    return (
        *(["the licence of the network"] if licence == UNKNOWN else []),
        "whose pictures it learnt from, and how licensed: the file has their hash alone",
        "on what kinds of art it fails",
        "what it must not be used for",
    )
