"""Content Credentials as the official library signs them, with a certificate that is made here."""

from __future__ import annotations

import datetime
import io
from collections.abc import Sequence
from functools import cache
from typing import Any

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.edge.origin.files import SOURCE_TYPE


@cache
def certificates() -> tuple[str, str, str]:
    """Make an authority, a certificate signed by it, and the certificate's key, as PEM."""
    now = datetime.datetime.now(datetime.UTC)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [
        x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "aiart's tests"),
                x509.NameAttribute(NameOID.COMMON_NAME, name),
            ]
        )
        for name in ("authority", "signer")
    ]
    made = []
    for number in range(2):
        builder = (
            x509.CertificateBuilder()
            .subject_name(names[number])
            .issuer_name(names[0])
            .public_key(keys[number].public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=2))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=number == 0, path_length=None), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(keys[number].public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[0].public_key()),
                critical=False,
            )
            .add_extension(
                x509.KeyUsage(
                    digital_signature=True,
                    key_cert_sign=number == 0,
                    crl_sign=number == 0,
                    content_commitment=False,
                    key_encipherment=False,
                    data_encipherment=False,
                    key_agreement=False,
                    encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
        )
        if number:
            usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
            builder = builder.add_extension(usage, critical=False)
        made.append(builder.sign(keys[0], hashes.SHA256()))
    authority, signer = (cert.public_bytes(serialization.Encoding.PEM).decode() for cert in made)
    key = keys[1].private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return authority, signer, key.decode()


def action(name: str, source_type: str | None = None) -> dict[str, Any]:
    made: dict[str, Any] = {"action": name}
    return made | ({"digitalSourceType": SOURCE_TYPE + source_type} if source_type else {})


def sign(
    picture: bytes,
    kind: str,
    actions: Sequence[dict[str, Any]],
    *,
    generator: str = "ChatGPT",
    ingredients: Sequence[tuple[str, bytes]] = (),
    assertions: Sequence[dict[str, Any]] = (),
    update: bool = False,
) -> bytes:
    """Sign a picture.

    Args:
        picture: its file.
        kind: its media type.
        actions: of the manifest.
        generator: of the claim.
        ingredients: a relationship and a file each, of the same kind.
        assertions: beside the actions.
        update: only add to the credentials that the picture has. Default false.
    """
    authority, signer, key = certificates()
    settings = c2pa.Settings.from_dict(
        {
            "verify": {"verify_after_sign": False, "remote_manifest_fetch": False},
            "builder": {"thumbnail": {"enabled": False}},
        }
    )
    manifest = {
        "claim_generator_info": [{"name": generator, "version": "1"}],
        "assertions": [
            {"label": "c2pa.actions", "data": {"actions": list(actions)}},
            *assertions,
        ],
    }
    with c2pa.Context(settings) as context, c2pa.Builder(manifest, context) as builder:
        if update:
            builder.set_intent(c2pa.C2paBuilderIntent.UPDATE)
        for relationship, file in ingredients:
            ingredient = {"title": "before", "relationship": relationship}
            builder.add_ingredient(ingredient, kind, io.BytesIO(file))
        info = c2pa.C2paSignerInfo(b"es256", (signer + authority).encode(), key.encode(), None)
        target = io.BytesIO()
        builder.sign(c2pa.Signer.from_info(info), kind, io.BytesIO(picture), target)
    return target.getvalue()
