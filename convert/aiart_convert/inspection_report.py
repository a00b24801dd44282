"""An inspection as tables for a person."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from aiart_convert.inspection import Inspection, Tensor


def inspection_tables(found: Inspection) -> str:
    """Lay out an inspection for a person.

    Args:
        found: what stands in a file.

    Returns:
        Lines of text.
    """
    kinds = found.quantization
    weights = ", ".join(f"{dtype} {size:,}" for dtype, size in kinds.weights.items())
    parts = [
        f"{found.size:,} bytes; constants by type: {weights or 'none'}",
        f"tensors: {kinds.per_tensor} with one scale, {kinds.per_channel} with one per channel, "
        f"{kinds.none} with none",
        _table(
            ("operator", "version", "count"),
            ((one.name, str(one.version), str(one.count)) for one in found.operators),
        ),
        _table(
            ("layer", "bytes", "output"),
            ((one.operator, f"{one.size:,}", _short(one.output)) for one in found.layers),
        ),
        _table(
            ("tensor", "shape", "type", "scale", "zero point", "name"),
            (
                (one.role, str(list(one.shape)), one.dtype, *_quantized(one), _short(one.name))
                for one in found.tensors
            ),
        ),
        f"TFLite Metadata: {json.dumps(found.metadata, indent=1) if found.metadata else 'none'}",
        f"aiart.json: {json.dumps(found.aiart, indent=1) if found.aiart else 'none'}",
    ]
    return "\n\n".join(parts)


def _quantized(tensor: Tensor) -> tuple[str, str]:
    if len(tensor.scales) > 1:
        return f"per channel ({len(tensor.scales)})", _span(tensor.zero_points)
    return "".join(f"{scale:.6g}" for scale in tensor.scales), _span(tensor.zero_points)


def _short(name: str) -> str:
    return name.partition(";")[0]  # the converter joins the names of all that it fused


def _span(values: Sequence[int]) -> str:
    return " to ".join(str(value) for value in sorted({min(values), max(values)})) if values else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
