"""The description of the service for machines: a function of the schema of records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PROBLEMS = {
    "400": "The form is broken.",
    "401": "The token is missing or wrong.",
    "403": "The request comes from a page of elsewhere.",
    "408": "The body comes too slowly.",
    "415": "The body is neither a picture nor a form, or has a Content-Encoding.",
    "421": "The service has another name.",
    "500": "The network does not run.",
    "503": "Too many pictures are waiting.",
}
_FRAME_PROBLEMS = {
    "404": "There is no camera.",
    "503": "The camera shows nothing.",
}


def describe_api(schema: Mapping[str, Any], version: str) -> dict[str, Any]:
    """Describe the service.

    Args:
        schema: of a record, `record.schema.json`.
        version: of aiart.

    Returns:
        A document of OpenAPI 3.1.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "aiart",
            "version": version,
            "description": "Tells AI-made art from human art. A verdict is a signal, not proof.",
        },
        "paths": {
            "/v1/classify": {"post": _asking("Classify pictures", "Record")},
            "/v1/explain": {"post": _asking("Classify pictures, and say where", "Explained")},
            "/v1/model": {"get": _getting("What the network says of itself", {"type": "object"})},
            "/v1/camera": {"get": _getting("Whether there is a camera", {"type": "object"})},
            "/v1/camera/frame": {"get": _showing()},
            "/openapi.json": {"get": _getting("This description", {"type": "object"})},
            "/healthz": {
                "get": {**_getting("Whether it runs", {"type": "object"}), "security": []}
            },
            "/metrics": {"get": _getting("Counts", {"type": "string"}, "text/plain")},
        },
        "components": {
            "schemas": {
                "Record": _without_path(schema),
                "Explained": _EXPLAINED,
                "Problem": _PROBLEM,
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


_PROBLEM = {
    "type": "object",
    "properties": {"error": {"type": "string", "minLength": 1}},
    "required": ["error"],
}
_EXPLAINED = {
    "description": "A record; of a picture that has a verdict, with where the evidence lies.",
    "allOf": [{"$ref": "#/components/schemas/Record"}],
    "properties": {
        "explanation": {
            "type": "object",
            "properties": {
                "method": {
                    "enum": ["exact", "occlusion"],
                    "description": "Read off the network, or found by covering parts.",
                },
                "evidence": {
                    "type": "array",
                    "items": {"type": "array", "items": {"type": "number"}},
                    "description": "Each place's share of logit, rows from the top of the picture.",
                },
                "intercept": {"type": "number", "description": "What has no place."},
                "logit": {
                    "type": "number",
                    "description": "Of AI: the sum of evidence and intercept.",
                },
            },
            "required": ["method", "evidence", "intercept", "logit"],
        },
        "said": {"type": "string", "description": "What the file says of itself, in words."},
    },
    "if": {"required": ["verdict"]},
    "then": {"required": ["explanation", "said"]},
}


def _without_path(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Let a record have no path, since a request may name none."""
    left = {name: value for name, value in schema.items() if not name.startswith("$")}
    path = {
        "type": ["string", "null"],
        "description": "The name of the part's file; null where it has none.",
    }
    return {**left, "properties": {**schema["properties"], "path": path}}


def _asking(summary: str, name: str) -> dict[str, Any]:
    record = {"$ref": f"#/components/schemas/{name}"}
    part = {"type": "string", "contentMediaType": "image/*"}
    form = {
        "type": "object",
        "properties": {"file": {"type": "array", "items": part, "minItems": 1}},
        "required": ["file"],
        "additionalProperties": False,
    }
    several = {"type": "array", "items": record, "minItems": 2}
    return {
        "summary": summary,
        "requestBody": {
            "required": True,
            "content": {"image/*": {}, "multipart/form-data": {"schema": form}},
        },
        "responses": {
            "200": _answer(
                "Of one picture its record; of several an array, in which some may have error",
                {"anyOf": [record, several]},
            ),
            "413": _answer(
                "The picture, or the request, is too big",
                {"anyOf": [record, {"$ref": "#/components/schemas/Problem"}]},
            ),
            "422": _answer("The picture cannot be read", record),
            **_problems(*_PROBLEMS),
        },
    }


def _getting(summary: str, schema: Mapping[str, Any], kind: str = "application/json") -> Any:
    return {
        "summary": summary,
        "responses": {"200": _answer(summary, schema, kind), **_problems("401", "403", "421")},
    }


def _showing() -> Any:
    problem = {"$ref": "#/components/schemas/Problem"}
    problems = {status: _answer(text, problem) for status, text in _FRAME_PROBLEMS.items()}
    shown = _getting("What the camera shows now", {}, "image/jpeg")
    return {**shown, "responses": {**shown["responses"], **problems}}


def _answer(text: str, schema: Mapping[str, Any], kind: str = "application/json") -> Any:
    return {"description": text, "content": {kind: {"schema": schema}}}


def _problems(*statuses: str) -> dict[str, Any]:
    problem = {"$ref": "#/components/schemas/Problem"}
    return {status: _answer(_PROBLEMS[status], problem) for status in statuses}
