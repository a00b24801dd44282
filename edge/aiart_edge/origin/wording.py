"""What a file says of itself, in a sentence for a person."""

from __future__ import annotations

from aiart_edge.origin.statement import PIXELS, Certainty, Mark, Origin, Says

FOOTER = "What a file says can be forged or removed. It is no proof, and silence says nothing."

_STATEMENTS: dict[Says, str] = {
    "ai": "made with AI",
    "partly-ai": "made with AI in part",
    "edited-with-ai": "edited with AI",
    "camera": "taken with a camera",
    "person": "made by a person",
}
_VERBS: dict[Certainty, str] = {"declared": "says", "likely": "seems to say", "hint": "hints"}
_SILENT = {
    "c2pa-elsewhere": "the file says nothing; its Content Credentials lie elsewhere",
    "c2pa-soft-binding": "the file says nothing; it claims to carry a watermark",
}


def sentence(origin: Origin) -> str:
    """Say what a file says of itself.

    Args:
        origin: of the file.

    Returns:
        A phrase, never an accusation: what stands in a file can be forged and removed.
    """
    first = origin.strongest
    if first and first.says != "nothing":
        by = f" ({origin.by})" if origin.by else ""
        credentials = _credentials(origin) if first.kind == "c2pa" else ""
        verb = _VERBS[first.certainty]
        if first.where.startswith(PIXELS):
            verb = f"{verb}, in its pixels"
        said = f"the file {verb}: {_STATEMENTS[first.says]}{by}{credentials}"
        return said if origin.complete else f"{said}; it was not read to its end"
    if origin.gaps:
        return f"the file was not read to its end: {origin.gaps[0]}"
    return _silence(first, origin.by) if first else "the file says nothing"


def _credentials(origin: Origin) -> str:
    """Say what is known of Content Credentials: their signature, the signer, and his standing."""
    found = origin.verified
    if found is None or found["signature"] is None:
        return ", by Content Credentials, not verified"
    if not found["signature"]:
        return ", by Content Credentials whose signature does not hold"
    signer = found["signer"] or "an unknown signer"
    standing = {True: "trusted here", False: "not on this device's list"}.get(found["trust"])
    expired = "with a certificate that had expired" if found["expired"] else None
    notes = ", ".join(note for note in (standing, expired) if note)
    return f", by Content Credentials whose signature by {signer} holds ({notes})"


def _silence(mark: Mark, by: str | None) -> str:
    if mark.bound is False:
        return "the file has Content Credentials of another or of a changed file"
    if mark.kind == "c2pa":
        signed = f" by {by}" if by else ""
        return f"the file has Content Credentials{signed}, which leave open how it was made"
    return _SILENT[mark.kind]
