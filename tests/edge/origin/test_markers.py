"""Every row of the table of markers, in a file that has it and in files that nearly have it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from PIL.TiffImagePlugin import IFDRational

from aiart_edge import origin
from aiart_edge.origin.markers import MARKERS, SOURCE_TYPES
from docs.generate import ORIGIN, with_markers
from tests.edge.origin import files

UUID = "01234567-89ab-cdef-0123-456789abcdef"
SETTINGS = "a castle\nNegative prompt: blur\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42"
PROMPT = json.dumps({"3": {"inputs": {"seed": 1}, "class_type": "KSampler"}})
SCALING = json.dumps({"3": {"inputs": {}, "class_type": "ImageUpscaleWithModel"}})
WORKFLOW = json.dumps({"nodes": [{"id": 3, "type": "KSampler"}], "links": []})
LABEL = {"ContentProducer": "001191110000000000000000000000", "ProduceID": "1"}
XMP_NS = {"xmp": "http://ns.adobe.com/xap/1.0/", "exif": "http://ns.adobe.com/exif/1.0/"}
PHOTOSHOP = {"photoshop": "http://ns.adobe.com/photoshop/1.0/"}
MAKE, MODEL, DESCRIPTION, SOFTWARE, ARTIST = 0x010F, 0x0110, 0x010E, 0x0131, 0x013B
COMMENT = 0x9286
CAMERA = {
    0x829A: IFDRational(1, 100),
    0x829D: IFDRational(28, 10),
    0x8827: 200,
    0x920A: IFDRational(50, 1),
}


def comment(text: str, encoding: str = "utf-16-be") -> bytes:
    return files.jpeg_with_exif({}, {COMMENT: b"UNICODE\0" + text.encode(encoding)})


def label(number: int) -> str:
    return json.dumps({"Label": str(number), **LABEL})


def tool(name: str) -> bytes:
    return files.png_with({"Software": name})


EXAMPLES: dict[str, Callable[[], bytes]] = {
    **{
        f"iptc-{name}": lambda name=name: files.jpeg_with_xmp(
            files.xmp({"x:DigitalSourceType": files.SOURCE_TYPE + name}, {"x": files.IPTC_EXT})
        )
        for name in SOURCE_TYPES
    },
    "iptc-ai-system": lambda: files.jpeg_with_xmp(
        files.xmp({"i:AISystemUsed": "Muse 2"}, {"i": files.IPTC_EXT})
    ),
    "google-made": lambda: files.jpeg(
        files.jpeg_segment(0xED, b"Photoshop 3.0\0" + files.iptc_credit("Made with Google AI"))
    ),
    "google-edited": lambda: files.jpeg_with_xmp(
        files.xmp({"photoshop:Credit": "Edited with Google AI"}, PHOTOSHOP)
    ),
    "midjourney": lambda: files.png_with({"Description": f"a castle --v 6.1 Job ID: {UUID}"}),
    "webui": lambda: files.png_with({"parameters": SETTINGS}),
    "fooocus": lambda: files.png_with(
        {"parameters": json.dumps({"base_model": "juggernaut", "metadata_scheme": "fooocus"})}
    ),
    "fooocus-scheme": lambda: files.png_with(
        {"parameters": json.dumps({"base_model": "juggernaut"}), "fooocus_scheme": "fooocus"}
    ),
    "swarmui": lambda: files.png_with({"parameters": json.dumps({"sui_image_params": {}})}),
    "comfyui": lambda: files.png_with({"prompt": PROMPT}),
    "comfyui-workflow": lambda: files.png_with({"workflow": WORKFLOW}),
    "comfyui-graph": lambda: files.png_with({"prompt": SCALING}),
    "invokeai": lambda: files.png_with({"invokeai_metadata": '{"app_version": "4.2"}'}),
    "invokeai-dream": lambda: files.png_with({"Dream": '"a castle" -s 50 -S 123 -W 512'}),
    "novelai": lambda: files.png_with(
        {"Software": "NovelAI", "Source": "Stable Diffusion XL C1E1DE52"}
    ),
    "draw-things": lambda: files.jpeg_with_xmp(
        files.xmp(
            {"xmp:CreatorTool": "Draw Things", "exif:UserComment": "{&quot;steps&quot;: 8}"}, XMP_NS
        )
    ),
    "firefly": lambda: files.jpeg_with_xmp(
        files.xmp({"xmp:CreatorTool": "Adobe Firefly 1.0"}, XMP_NS)
    ),
    "ideogram": lambda: files.jpeg_with_exif({MAKE: "Ideogram AI"}),
    "grok": lambda: files.jpeg_with_exif({DESCRIPTION: f"Signature: {'Ab+/' * 20}", ARTIST: UUID}),
    "tool-reve": lambda: tool("reve.com"),
    "tool-luma": lambda: tool("Luma AI"),
    "tool-aphrodite": lambda: tool("Aphrodite AI"),
    "tool-leonardo": lambda: tool("Leonardo.Ai"),
    "tool-nightcafe": lambda: tool("NightCafe"),
    "aigc-label-1": lambda: files.png_with({"AIGC": label(1)}),
    "aigc-label-2": lambda: files.png_with({"AIGC": label(2)}),
    "aigc-label-3": lambda: files.png_with({"AIGC": label(3)}),
    "hugging-face-job": lambda: files.png_with({"hf-job-id": UUID}),
    "c2pa-elsewhere": lambda: files.jpeg_with_xmp(
        files.xmp(
            {"t:provenance": "https://cai-manifests.adobe.com/manifests/1"},
            {"t": "http://purl.org/dc/terms/"},
        )
    ),
    "camera": lambda: files.jpeg_with_exif({MAKE: "NIKON CORPORATION", MODEL: "NIKON Z 6"}, CAMERA),
    "drawing-program": lambda: tool("Krita 5.2"),
}

NEARLY = {
    "webui's words in a caption": files.png_with({"Comment": SETTINGS}),
    "one setting alone": files.png_with({"parameters": "Steps: 20, and a castle"}),
    "steps of something else": files.png_with({"parameters": "Seed: a. CFG scale: b"}),
    "a prompt that is no graph": files.png_with({"prompt": "a castle by the sea"}),
    "a graph quoted in a text": files.png_with({"prompt": '{"text": "\\"class_type\\": 1"}'}),
    "another's workflow": files.png_with({"workflow": '{"steps": []}'}),
    "a job's number within a caption": files.png_with(
        {"Description": f"like Job ID: {UUID}, they say"}
    ),
    "NovelAI without its source": files.png_with({"Software": "NovelAI"}),
    "a credit that tells of AI": files.jpeg_with_xmp(
        files.xmp({"photoshop:Credit": "Not Made with Google AI"}, PHOTOSHOP)
    ),
    "the credit's words in a title": files.jpeg_with_xmp(
        files.xmp({"dc:title": "Made with Google AI"}, {"dc": "http://purl.org/dc/elements/1.1/"})
    ),
    "the source type in another namespace": files.jpeg_with_xmp(
        files.xmp({"Iptc4xmpExt:DigitalSourceType": files.AI}, {"Iptc4xmpExt": "http://x.org/"})
    ),
    "an algorithm without a model": files.jpeg_with_xmp(
        files.xmp(
            {"i:DigitalSourceType": files.SOURCE_TYPE + "algorithmicMedia"}, {"i": files.IPTC_EXT}
        )
    ),
    "a signature without an artist": files.jpeg_with_exif(
        {DESCRIPTION: f"Signature: {'Ab+/' * 20}"}
    ),
    "a label without a producer": files.png_with({"AIGC": '{"Label": "1"}'}),
    "a label that is no JSON": files.png_with({"AIGC": '{"Label": "1", ContentProducer'}),
    "Canva's export": files.jpeg_with_xmp(files.xmp({"xmp:CreatorTool": "Canva"}, XMP_NS)),
    "a camera without exposure": files.jpeg_with_exif({MAKE: "Canon", MODEL: "Canon EOS 5D"}),
    "a tool's name in a sentence": files.png_with({"Software": "not Luma AI at all"}),
}


def test_the_document_shows_the_table_as_it_is() -> None:
    document = ORIGIN.read_text(encoding="utf-8")
    assert with_markers(document) == document


def test_every_row_has_an_example() -> None:
    assert EXAMPLES.keys() == {marker.kind for marker in MARKERS}


@pytest.mark.parametrize("marker", MARKERS, ids=lambda marker: marker.kind)
def test_a_file_with_a_marker_says_so(marker: origin.markers.Marker) -> None:
    found = origin.read(EXAMPLES[marker.kind]())
    assert (found.says, found.marks[0].kind) == (marker.says, marker.kind)
    assert found.marks[0].certainty == marker.certainty
    assert found.complete


@pytest.mark.parametrize("content", NEARLY.values(), ids=NEARLY)
def test_a_file_that_nearly_has_one_says_nothing(content: bytes) -> None:
    found = origin.read(content)
    assert (found.marks, found.gaps) == ((), ())


@pytest.mark.parametrize(
    ("content", "by"),
    [
        (EXAMPLES["camera"](), "NIKON Z 6"),
        (EXAMPLES["iptc-ai-system"](), "Muse 2"),
        (EXAMPLES["drawing-program"](), "Krita 5.2"),
        (files.jpeg_with_exif({MAKE: "SONY", MODEL: "DSC-RX100M4"}, CAMERA), "SONY DSC-RX100M4"),
    ],
)
def test_it_is_said_what_made_a_picture(content: bytes, by: str) -> None:
    assert origin.read(content).by == by


@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-16-le"])
def test_a_comment_is_read_in_either_order_of_bytes(encoding: str) -> None:
    assert origin.read(comment(SETTINGS, encoding)).by == "Stable Diffusion (webui)"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(files.jpeg_with_exif({DESCRIPTION: f'{{"AIGC": {label(1)}}}'}), id="EXIF"),
        pytest.param(files.jpeg(files.jpeg_segment(0xEB, b"AIGC" + label(1).encode())),
                     id="segment"),
        pytest.param(files.jpeg_with_xmp(files.xmp(
            {"T:AIGC": label(1).replace('"', "&amp;quot;")},
            {"T": "http://www.tc260.org.cn/ns/AIGC/1.0/"})), id="XMP attribute, escaped twice"),
        pytest.param(files.jpeg_with_xmp(files.xmp(
            {}, {"T": "http://www.tc260.org.cn/ns/AIGC/1.0/"},
            f"<T:AIGC>{label(1)}</T:AIGC>")), id="XMP element"),
    ],
)  # fmt: skip
def test_chinas_label_is_found_wherever_the_standard_puts_it(content: bytes) -> None:
    assert origin.read(content).marks[0].kind == "aigc-label-1"


def test_the_strongest_mark_decides_and_all_are_listed() -> None:
    found = origin.read(files.png_with({"AIGC": label(2), "parameters": SETTINGS}))
    assert [mark.kind for mark in found.marks] == ["webui", "aigc-label-2"]
    assert found.as_dict()["certainty"] == "declared"


def test_a_declared_person_outweighs_a_hint_of_ai() -> None:
    packet = files.xmp(
        {"i:DigitalSourceType": files.SOURCE_TYPE + "digitalCreation"}, {"i": files.IPTC_EXT}
    )
    content = files.png(
        files.png_text("AIGC", label(3)), files.png_international("XML:com.adobe.xmp", packet)
    )
    assert origin.read(content).says == "person"


def test_prompts_are_private() -> None:
    found = origin.read(files.png_with({"parameters": SETTINGS}))
    assert "castle" not in json.dumps(found.as_dict()) + repr(found)
    assert "castle" in json.dumps(found.as_dict(show_metadata=True))
