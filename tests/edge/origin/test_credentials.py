"""Content Credentials: what the active manifest says, of files that the official library signed."""

from __future__ import annotations

import hashlib
import json
import struct

import pytest

from aiart_edge import origin
from aiart_edge.origin.bounds import Bounds, Stopped
from aiart_edge.origin.cbor import decode
from aiart_edge.origin.verification import verify
from aiart_edge.origin.wording import sentence
from tests.edge.origin import files
from tests.edge.origin.credentials import action, sign

JPEG = "image/jpeg"
CREATED = action("c2pa.created", "trainedAlgorithmicMedia")
OPENED = action("c2pa.opened")


@pytest.fixture(scope="module")
def generated() -> bytes:
    """A JPEG that a model made, signed."""
    return sign(files.draw("JPEG"), JPEG, [CREATED])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF"])
def test_a_generators_credentials_are_read_and_belong_to_the_file(kind: str) -> None:
    signed = sign(files.draw(kind), f"image/{kind.lower()}", [CREATED])
    found = origin.read(signed)
    assert (found.says, found.by) == ("ai", "ChatGPT (OpenAI)")
    assert found.marks[0].certainty == "declared"
    assert found.marks[0].bound is True


def test_credentials_in_jpeg_xl_are_read_and_belong_to_the_file() -> None:
    signed = sign(files.jpeg_xl(), "image/jxl", [CREATED])
    assert [origin.read(end).marks[0].bound for end in (signed, signed + b"\0")] == [True, False]


@pytest.fixture(scope="module")
def boxes() -> bytes:
    """An AVIF that a model made, signed."""
    return sign(files.draw("AVIF"), "image/avif", [CREATED])


def test_boxes_are_bound_by_a_hash_of_their_own(boxes: bytes) -> None:
    found = origin.read(boxes)
    assert (found.says, found.marks[0].bound) == ("ai", True)


def test_boxes_are_found_changed_where_the_official_library_finds_them_so(boxes: bytes) -> None:
    contents = [boxes + b"\0\0\0\x08free", boxes + b"\0", boxes.replace(b"mdat", b"free")]
    for at in range(boxes.index(b"meta"), len(boxes), 20):
        contents.append(boxes[:at] + bytes([boxes[at] ^ 1]) + boxes[at + 1 :])
    read = [(content, origin.read(content).marks) for content in contents]
    said = [(marks[0].bound, verify(content).binding) for content, marks in read if marks]
    assert all(ours is official for ours, official in said)
    assert (True, True) in said
    assert said.count((False, False)) > len(contents) // 2


def test_a_picture_within_boxes_that_the_hash_leaves_out_is_not_bound(boxes: bytes) -> None:
    """The official library accepts it: a file may have free space, and point into it."""
    content = boxes + struct.pack(">I", 2_000) + b"free" + bytes(1_992)
    assert verify(content).binding is True
    assert origin.read(content).marks[0].bound is None


def test_a_hash_that_leaves_out_parts_of_boxes_is_not_checked(
    boxes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiart_edge.origin.c2pa._BOXES_LEFT_OUT", {"/ftyp": b"ftyp"})
    assert origin.read(boxes).marks[0].bound is None


@pytest.mark.parametrize(("kind", "bound"), [("JPEG", True), ("PNG", True), ("GIF", True),
                                             ("WEBP", False), ("TIFF", False)])  # fmt: skip
def test_an_update_that_binds_nothing_is_bound_by_what_it_updates(kind: str, bound: bool) -> None:
    """The official library breaks what it updates where the container counts its own bytes."""
    media = f"image/{kind.lower()}"
    signed = sign(files.draw(kind), media, [CREATED])
    updated = sign(signed, media, [], generator="Archive", update=True)
    found = origin.read(updated)
    assert found.marks[0].bound is verify(updated).binding is bound
    assert (found.says, found.by) == ("ai" if bound else "nothing", "ChatGPT (OpenAI)")
    changed = bytearray(updated)
    changed[-3] ^= 1
    assert origin.read(bytes(changed)).says == "nothing"


def test_an_update_in_a_box_of_its_own_is_a_gap(boxes: bytes) -> None:
    found = origin.read(sign(boxes, "image/avif", [], update=True))
    assert (found.says, found.marks[0].bound, found.complete) == ("ai", None, False)
    assert found.gaps == ("an update of its Content Credentials is not read",)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF"])
def test_credentials_of_a_changed_file_say_nothing(kind: str) -> None:
    signed = bytearray(sign(files.draw(kind), f"image/{kind.lower()}", [CREATED]))
    found = origin.read(bytes(signed) + b"\0")
    assert (found.says, found.marks[0].bound) == ("nothing", False)
    assert found.as_dict()["marks"][0]["bound"] is False


def test_credentials_grafted_onto_another_picture_say_nothing(generated: bytes) -> None:
    _, segments = split(generated)
    human = files.draw("JPEG", quality=31)
    for at in (2, 20):  # before and behind the segment JFIF, where it was
        grafted = human[:at] + b"".join(segments) + human[at:]
        assert origin.read(grafted).says == "nothing"
    assert "of another or of a changed file" in str(origin.read(grafted).as_dict()["where"])


def test_a_binding_that_was_changed_to_fit_says_nothing(generated: bytes) -> None:
    """The hash of the file is replaced; that of the assertion, in the claim, no longer fits."""
    at = generated.index(b"dhashX ") + 7
    changed = generated[:at] + hashlib.sha256(b"other").digest() + generated[at + 32 :]
    assert origin.read(changed).says == "nothing"


@pytest.mark.parametrize(
    ("relationship", "actions", "says"),
    [
        ("parentOf", [OPENED], "ai"),
        ("parentOf", [OPENED, action("c2pa.converted"), action("c2pa.resized")], "ai"),
        ("parentOf", [OPENED, action("c2pa.edited")], "partly-ai"),
        ("parentOf", [OPENED, action("c2pa.cropped")], "partly-ai"),
        ("parentOf", [OPENED, action("c2pa.edited", "trainedAlgorithmicMedia")], "ai"),
        ("componentOf", [action("c2pa.created", "digitalCreation")], "partly-ai"),
        ("componentOf", [action("c2pa.edited")], "partly-ai"),
        ("inputTo", [action("c2pa.created", "digitalCreation")], "partly-ai"),
    ],
)
def test_ingredients_hand_on_what_their_relationship_allows(
    generated: bytes, relationship: str, actions: list[dict[str, str]], says: str
) -> None:
    ingredients = [(relationship, generated)]
    signed = sign(files.draw("JPEG"), JPEG, actions, generator="Editor", ingredients=ingredients)
    found = origin.read(signed)
    assert (found.says, found.by) == (says, "ChatGPT (OpenAI)")


def test_a_statement_is_handed_on_over_several_files(generated: bytes) -> None:
    for _ in range(3):
        generated = sign(files.draw("JPEG"), JPEG, [OPENED], ingredients=[("parentOf", generated)])
    assert origin.read(generated).says == "ai"


@pytest.mark.parametrize(
    ("actions", "says"),
    [
        ([action("c2pa.created", "digitalCapture")], "camera"),
        ([action("c2pa.created", "digitalCreation")], "person"),
        ([action("c2pa.created", "compositeWithTrainedAlgorithmicMedia")], "partly-ai"),
        (
            [
                action("c2pa.created", "digitalCapture"),
                action("c2pa.edited", "compositeWithTrainedAlgorithmicMedia"),
            ],
            "edited-with-ai",
        ),
        ([action("c2pa.created", "algorithmicMedia")], "nothing"),
    ],
)
def test_other_source_types_say_what_they_mean(actions: list[dict[str, str]], says: str) -> None:
    signed = sign(files.draw("JPEG"), JPEG, actions, generator="Some editor")
    assert origin.read(signed).says == says


def test_a_generator_that_leaves_its_source_type_out_is_likely() -> None:
    found = origin.read(sign(files.draw("JPEG"), JPEG, [action("c2pa.created", "empty")]))
    assert (found.says, found.marks[0].certainty) == ("ai", "likely")


def test_an_assertion_that_the_claim_does_not_list_does_not_count() -> None:
    """Its label is changed where the claim names it; the assertion stays where it is."""
    signed = sign(files.draw("JPEG"), JPEG, [CREATED], generator="Some editor")
    assert origin.read(signed).says == "ai"
    at = signed.rindex(b"c2pa.assertions/c2pa.actions")
    unlisted = signed[:at] + signed[at:].replace(b"/c2pa.actions", b"/c2pa.octions", 1)
    assert [mark.says for mark in origin.read(unlisted).marks] == ["nothing"]


def test_a_watermark_that_is_claimed_is_mentioned() -> None:
    soft = {"alg": "com.example.mark", "blocks": [{"scope": {}, "value": "1"}]}
    signed = sign(
        files.draw("JPEG"),
        JPEG,
        [action("c2pa.created", "digitalCreation")],
        assertions=[{"label": "c2pa.soft-binding", "data": soft}],
    )
    marks = {mark.kind: mark for mark in origin.read(signed).marks}
    assert marks["c2pa-soft-binding"].by == "com.example.mark"
    assert marks["c2pa"].says == "person"


def test_credentials_of_a_file_that_is_too_big_are_not_checked(
    generated: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiart_edge.origin.c2pa.MOST_HASHED", 1_000)
    found = origin.read(generated)
    assert (found.says, found.marks[0].bound, found.complete) == ("ai", None, False)
    _, segments = split(generated)
    assert origin.read(files.jpeg(*segments)).says == "nothing"  # they stand in another place


@pytest.mark.parametrize(
    ("actions", "damage", "said"),
    [
        ([CREATED], b"", "the file says: made with AI (ChatGPT (OpenAI)), by Content Credentials, "
         "not verified"),
        ([CREATED], b"x", "the file has Content Credentials of another or of a changed file"),
        ([action("c2pa.edited")], b"", "the file has Content Credentials by Some editor, which "
         "leave open how it was made"),
    ],
)  # fmt: skip
def test_a_sentence_tells_what_credentials_say(
    actions: list[dict[str, str]], damage: bytes, said: str
) -> None:
    generator = "ChatGPT" if actions == [CREATED] else "Some editor"
    signed = sign(files.draw("JPEG"), JPEG, actions, generator=generator)
    assert sentence(origin.read(signed + damage)) == said


def split(signed: bytes) -> tuple[bytes, list[bytes]]:
    """Take the segments of Content Credentials out of a JPEG."""
    at, plain, segments = 2, signed[:2], []
    while signed[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(signed[at + 2 : at + 4])
        if signed[at + 1] == 0xEB:
            segments.append(signed[at:end])
        else:
            plain += signed[at:end]
        at = end
    return plain + signed[at:], segments


def box(kind: bytes, content: bytes, size: int | None = None) -> bytes:
    return struct.pack(">I", len(content) + 8 if size is None else size) + kind + content


def named(label: bytes, *content: bytes, size: int | None = None) -> bytes:
    return box(b"jumb", box(b"jumd", bytes(16) + b"\3" + label + b"\0") + b"".join(content), size)


def cbor(value: object) -> bytes:
    """Encode what a manifest needs, small."""
    if isinstance(value, bytes):
        return bytes([0x58, len(value)]) + value
    if isinstance(value, str):
        return bytes([0x78, len(value)]) + value.encode()
    if isinstance(value, list):
        return bytes([0x80 + len(value)]) + b"".join(map(cbor, value))
    assert isinstance(value, dict)
    pairs = b"".join(cbor(key) + cbor(item) for key, item in value.items())
    return bytes([0xA0 + len(value)]) + pairs


def manifest(actions: bytes | None = None, kind: bytes = b"cbor", **sizes: int) -> bytes:
    """A store with one manifest that says it was generated, without signature and binding."""
    content = cbor({"actions": [CREATED]}) if actions is None else actions
    inner = box(b"jumd", bytes(16) + b"\3c2pa.actions\0") + box(kind, content)
    reference = {
        "url": "self#jumbf=c2pa.assertions/c2pa.actions",
        "hash": hashlib.sha256(inner).digest(),
    }
    claim = cbor({"alg": "sha256", "claim_generator": "test", "assertions": [reference]})
    assertions = named(b"c2pa.assertions", box(b"jumb", inner))
    parts = named(b"urn:uuid:1", assertions, named(b"c2pa.claim", box(b"cbor", claim)))
    return named(b"c2pa", parts, size=sizes.get("size"))


def png_with_store(store: bytes) -> bytes:
    return files.png(files.png_chunk(b"caBX", store))


def packets(store: bytes, *numbers: int, size: int = 100) -> list[bytes]:
    """Segments of JPEG that each hold a part of a store, in the order of these numbers."""
    parts = {1: store[:size]}
    rest = store[size:]
    for number in range(2, max(numbers) + 1):
        part, rest = (rest[:size], rest[size:]) if number < max(numbers) else (rest, b"")
        parts[number] = store[:8] + part
    return [
        files.jpeg_segment(0xEB, b"JP\0\1" + struct.pack(">I", number) + parts[number])
        for number in numbers
    ]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(png_with_store(manifest()), id="as it should be"),
        pytest.param(png_with_store(manifest(size=0)), id="a box up to the end"),
        pytest.param(
            png_with_store(
                struct.pack(">I", 1) + b"jumb" + struct.pack(">Q", len(manifest()) + 8)
                + manifest()[8:]
            ),
            id="a box with a long size",
        ),
        pytest.param(files.jpeg(*packets(manifest(), 1, 2, 3)), id="in packets"),
        pytest.param(files.jpeg(*packets(manifest(), 3, 1, 2)), id="in packets out of order"),
        pytest.param(files.jpeg(*packets(manifest(), 1, 2, 2, 3)), id="a packet twice"),
        pytest.param(
            png_with_store(
                manifest(b"\xbf" + cbor("actions") + b"\x9f" + cbor(CREATED) + b"\xff\xff")
            ),
            id="CBOR of indefinite length",
        ),
        pytest.param(
            png_with_store(manifest(json.dumps({"actions": [CREATED]}).encode(), b"json")),
            id="JSON",
        ),
    ],
)  # fmt: skip
def test_a_store_is_read_however_it_is_written(content: bytes) -> None:
    found = origin.read(content)
    assert (found.says, found.gaps) == ("ai", ())


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(files.jpeg(*packets(manifest(), 1, 3)), id="a packet is missing"),
        pytest.param(png_with_store(manifest(size=3)), id="a box smaller than its head"),
        pytest.param(png_with_store(manifest(size=10_000)), id="a box beyond the end"),
        pytest.param(
            png_with_store(named(b"c2pa", named(b"urn:1", box(b"brob", b"\0" * 9)))),
            id="a compressed manifest",
        ),
    ],
)
def test_a_store_that_cannot_be_read_is_a_gap(content: bytes) -> None:
    found = origin.read(content)
    assert (found.says, found.complete) == ("nothing", False)


@pytest.mark.parametrize(
    ("item", "value"),
    [
        ("1864", 100),
        ("20", -1),
        ("f93c00", 1.0),
        ("f5", True),
        ("c074323031332d30332d32315432303a30343a30305a", "2013-03-21T20:04:00Z"),
        ("5f42010243030405ff", b"\1\2\3\4\5"),
        ("7f657374726561646d696e67ff", "streaming"),
        ("9f0102ff", [1, 2]),
        ("bf6161019f02ff61629f03ffff", None),
        ("a201020304", {"1": 2, "3": 4}),
    ],
)
def test_cbor_is_decoded_as_the_standards_examples(item: str, value: object) -> None:
    if value is None:
        with pytest.raises(Stopped):
            decode(bytes.fromhex(item), Bounds())
    else:
        assert decode(bytes.fromhex(item), Bounds()) == value


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(b"\x81" * 40 + b"\0", id="too deep"),
        pytest.param(b"\x9b" + b"\xff" * 8, id="more items than bytes"),
        pytest.param(b"\xbb" + b"\x7f" * 8, id="more pairs than bytes"),
        pytest.param(b"\x5b" + b"\xff" * 8, id="a longer string than bytes"),
        pytest.param(b"\x9f" * 20, id="never ended"),
        pytest.param(b"\xa1\x80\0", id="a list as a key"),
        pytest.param(b"\x7f\x41\0\xff", id="bytes in a text"),
        pytest.param(b"\x1c", id="a reserved length"),
        pytest.param(b"\xfc", id="a reserved value"),
        pytest.param(b"\x1f", id="a number of indefinite length"),
        pytest.param(b"\x82\xff", id="an end in a list of known length"),
        pytest.param(b"\xbf\x61a\xff", id="a key without a value"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_cbor_that_is_out_of_step_stops_the_walk(item: bytes) -> None:
    with pytest.raises(Stopped):
        decode(item, Bounds())
