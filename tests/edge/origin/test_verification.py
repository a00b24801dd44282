"""Verifying Content Credentials: binding, signature, signer and trust, each on its own."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from aiart_edge import MissingExtra, PictureError
from aiart_edge.origin.verification import verify
from tests.edge.origin import files
from tests.edge.origin.credentials import action, certificates, sign

Command = Callable[..., Result]
CREATED = [action("c2pa.created", "trainedAlgorithmicMedia")]


@pytest.fixture(scope="module")
def signed() -> bytes:
    return sign(files.draw("JPEG"), "image/jpeg", CREATED)


def test_a_good_signature_by_nobody_that_is_known(signed: bytes) -> None:
    found = verify(signed)
    assert (found.binding, found.signature, found.expired) == (True, True, False)
    assert (found.signer, found.trust) == ("aiart's tests", False)


def test_a_signer_is_trusted_for_whom_an_anchor_vouches(signed: bytes) -> None:
    assert verify(signed, certificates()[0]).trust is True


def test_a_changed_file_leaves_the_signature_as_good_as_it_was(signed: bytes) -> None:
    found = verify(signed + b"x")
    assert (found.binding, found.signature) == (False, True)


def test_a_changed_claim_breaks_the_signature(signed: bytes) -> None:
    found = verify(signed.replace(b"ChatGPT", b"Chatgpt"))
    assert found.signature is False


def test_boxes_that_hash_otherwise_are_checked_too() -> None:
    assert verify(sign(files.draw("AVIF"), "image/avif", CREATED)).binding is True


def test_a_path_and_a_file_give_the_same(signed: bytes, tmp_path: Path) -> None:
    (tmp_path / "ai.jpg").write_bytes(signed)
    assert verify(tmp_path / "ai.jpg") == verify(io.BytesIO(signed)) == verify(signed)
    with pytest.raises(PictureError):
        verify(tmp_path / "missing.jpg")


def test_a_file_without_credentials_gives_nothing() -> None:
    assert verify(files.draw("PNG")) == (None, None, None, None, None)


def test_the_command_tells_each_on_its_own(
    aiart_edge: Command, signed: bytes, tmp_path: Path
) -> None:
    (tmp_path / "ai.jpg").write_bytes(signed)
    (tmp_path / "plain.jpg").write_bytes(files.draw("JPEG"))
    anchors = tmp_path / "anchors.pem"
    anchors.write_text(certificates()[0])
    command = ("origin", "--verify", tmp_path / "ai.jpg", tmp_path / "plain.jpg")
    assert (
        "signature by aiart's tests holds (not on this device's list)"
        in aiart_edge(*command).stdout
    )
    result = aiart_edge(*command, "--jsonl", "--trust-anchors", anchors)
    first, second = (json.loads(line)["origin"]["verified"] for line in result.stdout.splitlines())
    assert first == {
        "binding": True,
        "signature": True,
        "signer": "aiart's tests",
        "trust": True,
        "expired": False,
    }
    assert second is None


def test_anchors_without_verifying_are_wrong_usage(aiart_edge: Command, tmp_path: Path) -> None:
    (tmp_path / "anchors.pem").touch()
    result = aiart_edge("origin", "--trust-anchors", tmp_path / "anchors.pem", tmp_path)
    assert result.exit_code == 2


def test_a_missing_extra_is_one_line(
    aiart_edge: Command, one_line: Callable[[Result], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    assert "c2pa" in one_line(aiart_edge("origin", "--verify", "picture.jpg"))
    with pytest.raises(MissingExtra):
        verify(b"")


def test_the_module_imports_without_the_extra() -> None:
    script = "import sys, aiart_edge.origin.verification; print('c2pa' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
