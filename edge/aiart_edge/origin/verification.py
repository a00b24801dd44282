"""Verifying Content Credentials with the official library, where the extra `c2pa` brings it.

What it finds is kept apart: that the credentials belong to these bytes, that their signature holds,
who signed, and whether somebody whom this device trusts vouches for him. An expired certificate is
not a forgery, and a signer whom nobody knows may be an honest one. Nothing is fetched.
"""

from __future__ import annotations

import io
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from aiart_edge.errors import PictureError, require_extra

# The status codes of C2PA 2.2, 15.2.2, for the file's binding to its credentials.
_BINDINGS = ("dataHash", "bmffHash", "boxesHash")


class Verification(NamedTuple):
    """What verifying Content Credentials gave; None is for what could not be told.

    Args:
        binding: they belong to these bytes.
        signature: it holds.
        signer: the organisation that the certificate names.
        trust: an authority on the list vouches for the signer.
        expired: the certificate was not valid when it signed, or is not now and bears no time.
    """

    binding: bool | None
    signature: bool | None
    signer: str | None
    trust: bool | None
    expired: bool | None


def verify(
    source: str | os.PathLike[str] | bytes | BinaryIO, trust_anchors: str | None = None
) -> Verification:
    """Verify the Content Credentials of a file.

    Args:
        source: a path, the file's bytes, or a binary file.
        trust_anchors: certificates of authorities, PEM. Default: those that the library knows.

    Returns:
        What was found; nothing of it is a verdict.

    Raises:
        MissingExtra: the extra `c2pa` is not installed.
        PictureError: the file cannot be opened.
    """
    require_extra("c2pa", "c2pa")
    import c2pa  # noqa: PLC0415  this module is imported without it, too

    settings: dict[str, Any] = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
    if trust_anchors is not None:
        settings["trust"] = {"trust_anchors": trust_anchors}
    stream = io.BytesIO(_read(source))
    try:
        with (
            c2pa.Context(c2pa.Settings.from_dict(settings)) as context,
            c2pa.Reader(None, stream, context=context) as reader,
        ):
            results = reader.get_validation_results() or {}
            manifest = reader.get_active_manifest() or {}
    except c2pa.C2paError:  # there are none, or none that it can read
        return Verification(None, None, None, None, None)
    return _sum_up(results.get("activeManifest") or {}, manifest.get("signature_info") or {})


def _sum_up(results: Mapping[str, Any], info: Mapping[str, Any]) -> Verification:
    good, bad = (
        {one.get("code") for one in results.get(key, ())} for key in ("success", "failure")
    )
    return Verification(
        binding=_tell(
            good,
            bad,
            [f"assertion.{name}.match" for name in _BINDINGS],
            [f"assertion.{name}.mismatch" for name in _BINDINGS],
        ),
        signature=_tell(
            good,
            bad,
            ["claimSignature.validated"],
            ["claimSignature.mismatch", "claimSignature.missing"],
        ),
        signer=info.get("issuer"),
        trust=_tell(good, bad, ["signingCredential.trusted"], ["signingCredential.untrusted"]),
        expired=bool(bad & {"signingCredential.expired", "claimSignature.outsideValidity"}),
    )


def _tell(
    good: Collection[str], bad: Collection[str], match: Collection[str], mismatch: Collection[str]
) -> bool | None:
    if any(code in bad for code in mismatch):
        return False
    return True if any(code in good for code in match) else None


def _read(source: str | os.PathLike[str] | bytes | BinaryIO) -> bytes:
    if isinstance(source, bytes):
        return source
    try:
        if isinstance(source, str | os.PathLike):
            return Path(source).read_bytes()
        source.seek(0)
        return source.read()
    except OSError as error:
        raise PictureError(str(source), f"cannot be read ({error.strerror})") from error
