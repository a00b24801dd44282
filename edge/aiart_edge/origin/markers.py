"""The table of markers: what a file can say of itself, and where that is known from.

A marker is added by adding a row, and a test. Rows ask fields, which have one name whatever file
they stand in: `png:<keyword>` for the texts of PNG, `exif:<tag>`, `xmp:<prefix>:<property>` (the
prefix of `xmp.NAMESPACES`, whatever the file calls it), `iptc:<dataset>`, `jpeg:comment` and
`gif:comment`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiart_edge.origin.statement import Certainty, Field, Mark, Says

_SAME_NAME = 2  # fields of one name that are looked at
_LONGEST_NAME = 80  # characters of what made a picture
_LONGEST_LABEL = 16_000  # characters of an AIGC label

# The last part of an IPTC digital source type, https://cv.iptc.org/newscodes/digitalsourcetype/,
# retired ones too. What is not here says neither: algorithmicMedia and compositeSynthetic need no
# model, algorithmicallyEnhanced is denoising.
SOURCE_TYPES: Mapping[str, Says] = {
    "trainedAlgorithmicMedia": "ai",
    "compositeWithTrainedAlgorithmicMedia": "partly-ai",
    "digitalCapture": "camera",
    "computationalCapture": "camera",
    "negativeFilm": "camera",
    "positiveFilm": "camera",
    "print": "person",
    "minorHumanEdits": "person",
    "humanEdits": "person",
    "digitalArt": "person",
    "digitalCreation": "person",
}

# What writes Content Credentials: a pattern of the claim generator's name, what it says where its
# actions leave that open, and its name. Adobe, Canva, Google and Microsoft sign human work, too.
GENERATORS: Sequence[tuple[str, Says, str]] = (
    (r"^ChatGPT\b", "ai", "ChatGPT (OpenAI)"),
    (r"^OpenAI\b", "ai", "OpenAI"),
    (r"(?i)^dall[-_.]?e\b", "ai", "DALL-E (OpenAI)"),
    (r"(?i)^adobe[_ ]firefly", "partly-ai", "Adobe Firefly"),
    (r"^Black Forest Labs\b", "ai", "FLUX (Black Forest Labs)"),
    (r"^Dreamina\b", "ai", "Dreamina (ByteDance)"),
    (r"^Stability[ _]AI\b", "ai", "Stability AI"),
    (r"^Google C2PA\b", "nothing", "Google"),
    (r"(?i)^microsoft", "nothing", "Microsoft"),
    (r"(?i)^canva\b", "nothing", "Canva"),
)


@dataclass(frozen=True)
class Needs:
    """What a marker asks of a field.

    Args:
        fields: names, one of which must be there.
        fits: says whether its text is the marker's.
        expects: what `fits` looks for, for a person.
    """

    fields: tuple[str, ...]
    fits: Callable[[str], bool]
    expects: str


@dataclass(frozen=True)
class Marker:
    """A row of the table.

    Args:
        kind: its name.
        says: what it says of the picture.
        certainty: see `Mark`.
        needs: what must all be there.
        known_from: where it is known from.
        by: what made the picture, or the fields that name it, in a row. Default nobody.
    """

    kind: str
    says: Says
    certainty: Certainty
    needs: tuple[Needs, ...]
    known_from: str
    by: str | tuple[str, ...] | None = None


def _is(*texts: str) -> Callable[[str], bool]:
    return lambda text: text.strip() in texts


def _holds(pattern: str) -> Callable[[str], bool]:
    return lambda text: bool(re.search(pattern, text))  # compiled when first asked


def _present(text: str) -> bool:
    return bool(text.strip())


def _number(text: str) -> bool:
    return text.isdigit() and int(text) > 0


def _json_with(*keys: str) -> Callable[[str], bool]:
    """Ask for an object with keys, without parsing it: it may be long, cut, or not quite JSON.

    A key that is quoted in a string has a backslash before its last quote, and does not fit.
    """
    patterns = [rf'"{key}"\s{{0,9}}:' for key in keys]
    return lambda text: (
        text.lstrip().startswith("{") and all(re.search(pattern, text) for pattern in patterns)
    )


def _settings(text: str) -> bool:
    """Ask for the settings of Stable Diffusion's web interfaces, as A1111 writes them."""
    if not re.search(r"\bSteps: \d", text):
        return False
    return sum(f"{name}: " in text for name in ("Sampler", "Scheduler", "CFG scale", "Seed")) > 1


def _sampled(text: str) -> bool:
    """Ask for a ComfyUI graph in which something is sampled, not only scaled or converted."""
    return _graph(text) and bool(
        re.search(r'"(?:class_)?type"\s{0,9}:\s{0,9}"[^"\\]{0,80}[Ss]ampler', text)
    )


def _graph(text: str) -> bool:
    return _json_with("class_type")(text) or _json_with("nodes", "links")(text)


def _label(number: int) -> Callable[[str], bool]:
    def fits(text: str) -> bool:
        label = read_aigc_label(text)
        return label is not None and str(label.get("Label")) == str(number)

    return fits


_LABEL_FIELDS = (
    "ContentProducer",
    "ProduceID",
    "ContentPropagator",
    "PropagateID",
    "ServiceProvider",
)


def read_aigc_label(text: str) -> dict[str, Any] | None:
    """Read a label of GB 45438-2025.

    Args:
        text: JSON, also HTML-escaped, also in an object whose key is AIGC.

    Returns:
        Its fields, or None where it is no such label.
    """
    if len(text) > _LONGEST_LABEL or "Label" not in text:
        return None
    try:
        label = json.loads(text.replace("&quot;", '"').strip("\0 \r\n\t"))
    except (ValueError, RecursionError):
        return None
    if isinstance(label, dict) and isinstance(label.get("AIGC"), dict):
        label = label["AIGC"]
    if not isinstance(label, dict) or "Label" not in label:
        return None
    return label if any(name in label for name in _LABEL_FIELDS) else None


_UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_COMMENTS = ("exif:UserComment", "gif:comment", "jpeg:comment")
_SOURCE_TYPE = "xmp:Iptc4xmpExt:DigitalSourceType"
_AIGC = ("xmp:TC260:AIGC", "png:AIGC", "jpeg:AIGC", "exif:UserComment", "exif:ImageDescription")
_CREATORS = ("xmp:xmp:CreatorTool", "exif:Software", "png:Software", "png:Source")
_IPTC = "IPTC Photo Metadata Standard 2025.1"
_SD_PARSERS = "sd-parsers 0.6, its extractors"
_CATALOGUE = "the catalogue of wiltodelta/remove-ai-watermarks"


def _source_type(name: str, says: Says) -> Marker:
    return Marker(
        f"iptc-{name}",
        says,
        "declared",
        (Needs((_SOURCE_TYPE,), _holds(rf"(?:^|[/:]){name}\s*$"), f"`.../{name}`"),),
        f"{_IPTC}, and its list of digital source types",
        ("xmp:Iptc4xmpExt:AISystemUsed",),
    )


def _aigc(number: int, certainty: Certainty, meaning: str) -> Marker:
    return Marker(
        f"aigc-label-{number}",
        "ai",
        certainty,
        (Needs(_AIGC, _label(number), f'JSON with `"Label": "{number}"` ({meaning})'),),
        "GB 45438-2025, its implicit label",
    )


MARKERS: Sequence[Marker] = (
    *(_source_type(name, says) for name, says in SOURCE_TYPES.items()),
    Marker(
        "iptc-ai-system",
        "ai",
        "declared",
        (Needs(("xmp:Iptc4xmpExt:AISystemUsed",), _present, "any text"),),
        _IPTC,
        ("xmp:Iptc4xmpExt:AISystemUsed",),
    ),
    Marker(
        "google-made",
        "partly-ai",
        "declared",
        (
            Needs(
                ("xmp:photoshop:Credit", "iptc:Credit"),
                _is("Made with Google AI"),
                "`Made with Google AI`, and nothing else",
            ),
        ),
        f"{_CATALOGUE}; Google says so of edits, too",
        "Google AI",
    ),
    Marker(
        "google-edited",
        "edited-with-ai",
        "declared",
        (
            Needs(
                ("xmp:photoshop:Credit", "iptc:Credit"),
                _is("Edited with Google AI"),
                "`Edited with Google AI`, and nothing else",
            ),
        ),
        "Google's announcement of what Google Photos shows of AI edits, October 2024",
        "Google AI",
    ),
    Marker(
        "midjourney",
        "ai",
        "declared",
        (
            Needs(
                ("png:Description", "exif:ImageDescription", "xmp:dc:description"),
                _holds(rf"\bJob ID: {_UUID}\s*$"),
                "`Job ID: <uuid>` at the end",
            ),
        ),
        "originals of Midjourney's web page",
        "Midjourney",
    ),
    Marker(
        "webui",
        "ai",
        "declared",
        (
            Needs(
                ("png:parameters", *_COMMENTS),
                _settings,
                "`Steps: <n>` and two of `Sampler: `, `Scheduler: `, `CFG scale: `, `Seed: `",
            ),
        ),
        f"AUTOMATIC1111, modules/infotext_utils.py; {_SD_PARSERS}",
        "Stable Diffusion (webui)",
    ),
    Marker(
        "fooocus",
        "ai",
        "declared",
        (
            Needs(
                ("png:parameters", *_COMMENTS),
                _json_with("base_model", "metadata_scheme"),
                "JSON with `base_model` and `metadata_scheme`",
            ),
        ),
        f"Fooocus, modules/meta_parser.py; {_SD_PARSERS}",
        "Fooocus",
    ),
    Marker(
        "fooocus-scheme",
        "ai",
        "declared",
        (
            Needs(
                ("png:parameters", "exif:UserComment"),
                _json_with("base_model"),
                "JSON with `base_model`",
            ),
            Needs(("png:fooocus_scheme", "exif:MakerNote"), _is("fooocus"), "`fooocus`"),
        ),
        f"Fooocus, modules/meta_parser.py; {_SD_PARSERS}",
        "Fooocus",
    ),
    Marker(
        "swarmui",
        "ai",
        "declared",
        (
            Needs(
                ("png:parameters", *_COMMENTS),
                _json_with("sui_image_params"),
                "JSON with `sui_image_params`",
            ),
        ),
        "SwarmUI, docs/Image Metadata Format.md",
        "SwarmUI",
    ),
    Marker(
        "comfyui",
        "ai",
        "declared",
        (
            Needs(
                ("png:prompt", "exif:Make", "exif:ImageDescription", "exif:Model"),
                lambda text: _sampled(text.removeprefix("prompt:").removeprefix("Prompt:")),
                "JSON with `class_type`, one of them a sampler",
            ),
        ),
        f"ComfyUI, nodes.py and its extra nodes; {_SD_PARSERS}",
        "ComfyUI",
    ),
    Marker(
        "comfyui-workflow",
        "ai",
        "likely",
        (
            Needs(
                ("png:workflow", "exif:ImageDescription", "exif:Make"),
                lambda text: _sampled(text.removeprefix("workflow:").removeprefix("Workflow:")),
                "JSON with `nodes` and `links`, one of them a sampler",
            ),
        ),
        "ComfyUI, nodes.py",
        "ComfyUI",
    ),
    Marker(
        "comfyui-graph",
        "edited-with-ai",
        "likely",
        (
            Needs(
                ("png:prompt", "png:workflow"),
                lambda text: _graph(text) and not _sampled(text),
                "JSON with `class_type`, or `nodes` and `links`: it may only scale a photograph",
            ),
        ),
        "ComfyUI, nodes.py",
        "ComfyUI",
    ),
    Marker(
        "invokeai",
        "ai",
        "declared",
        (
            Needs(
                ("png:invokeai_metadata", "png:invokeai_graph", "png:sd-metadata"),
                lambda text: text.lstrip().startswith("{"),
                "JSON",
            ),
        ),
        f"InvokeAI, its image service; {_SD_PARSERS}",
        "InvokeAI",
    ),
    Marker(
        "invokeai-dream",
        "ai",
        "declared",
        (Needs(("png:Dream",), _holds(r'^".*" -s ?\d+ -S ?\d+'), '`"..." -s <n> -S <n>`'),),
        f"InvokeAI 1 and 2; {_SD_PARSERS}",
        "InvokeAI",
    ),
    Marker(
        "novelai",
        "ai",
        "declared",
        (
            Needs(("png:Software",), _is("NovelAI"), "`NovelAI`"),
            Needs(
                ("png:Source",),
                _holds(r"^(?:Stable Diffusion|NovelAI Diffusion)\b"),
                "begins `Stable Diffusion` or `NovelAI Diffusion`",
            ),
        ),
        f"naipng 1.0; {_SD_PARSERS}",
        "NovelAI",
    ),
    Marker(
        "draw-things",
        "ai",
        "declared",
        (
            Needs(("xmp:xmp:CreatorTool",), _is("Draw Things"), "`Draw Things`"),
            Needs(("xmp:exif:UserComment",), _json_with("steps"), "JSON with `steps`"),
        ),
        _CATALOGUE,
        "Draw Things",
    ),
    Marker(
        "firefly",
        "partly-ai",
        "likely",
        (Needs(("xmp:xmp:CreatorTool",), _holds(r"^(?:Adobe )?Firefly\b"), "begins `Firefly`"),),
        _CATALOGUE,
        "Adobe Firefly",
    ),
    Marker(
        "ideogram",
        "ai",
        "declared",
        (Needs(("exif:Make",), _is("Ideogram AI"), "`Ideogram AI`"),),
        _CATALOGUE,
        "Ideogram",
    ),
    Marker(
        "grok",
        "ai",
        "declared",
        (
            Needs(
                ("exif:ImageDescription",),
                _holds(r"^Signature: [A-Za-z0-9+/=]{64,}$"),
                "`Signature: ` and at least 64 characters of base64",
            ),
            Needs(("exif:Artist",), _holds(rf"^{_UUID}$"), "a UUID"),
        ),
        _CATALOGUE,
        "Grok (xAI)",
    ),
    *(
        Marker(
            f"tool-{kind}",
            "ai",
            "likely",
            (Needs(_CREATORS, _is(*names), " or ".join(f"`{name}`" for name in names)),),
            _CATALOGUE,
            by,
        )
        for kind, by, names in (
            ("reve", "Reve", ("reve.com", "Reve")),
            ("luma", "Luma AI", ("Luma AI", "Luma Dream Machine")),
            ("aphrodite", "Aphrodite AI", ("Aphrodite AI",)),
            ("leonardo", "Leonardo.Ai", ("Leonardo.Ai", "Leonardo AI")),
            ("nightcafe", "NightCafe", ("NightCafe", "NightCafe Creator")),
        )
    ),
    _aigc(1, "declared", "generated"),
    _aigc(2, "hint", "possibly generated"),
    _aigc(3, "hint", "suspected"),
    Marker(
        "hugging-face-job",
        "ai",
        "hint",
        (Needs(("png:hf-job-id",), _holds(rf"^{_UUID}$"), "a UUID"),),
        _CATALOGUE,
        "a job at Hugging Face",
    ),
    Marker(
        "c2pa-elsewhere",
        "nothing",
        "hint",
        (Needs(("xmp:dcterms:provenance",), _holds(r"^https?://"), "an address, not fetched"),),
        "C2PA 2.2, 11.5: embedding a reference to an external manifest",
    ),
    Marker(
        "camera",
        "camera",
        "hint",
        (
            Needs(("exif:Make",), _holds(r"^[A-Za-z]"), "a name"),
            Needs(("exif:Model",), _present, "a name"),
            *(
                Needs((f"exif:{name}",), _number, "a number")
                for name in ("ExposureTime", "FNumber", "ISOSpeedRatings", "FocalLength")
            ),
        ),
        "EXIF 3.0",
        ("exif:Make", "exif:Model"),
    ),
    Marker(
        "drawing-program",
        "person",
        "hint",
        (
            Needs(
                _CREATORS[:3],
                _holds(
                    r"^(?:CLIP STUDIO PAINT|Procreate|Krita|PaintTool SAI|"
                    r"MediBang Paint|FireAlpaca|ibisPaint|MyPaint)\b"
                ),
                "begins with the name of a painting program",
            ),
        ),
        "files that these programs wrote",
        _CREATORS[:3],
    ),
)

KEYWORDS = frozenset(
    name.removeprefix("png:")
    for marker in MARKERS
    for needs in marker.needs
    for name in needs.fields
    if name.startswith("png:")
)


def find_marks(fields: Sequence[Field]) -> Iterator[Mark]:
    """Find the markers that stand in a file.

    Args:
        fields: of the file.

    Yields:
        A mark for each row of the table that fits.
    """
    named: dict[str, list[Field]] = {}
    for field in fields:
        same = named.setdefault(field.name, [])
        if len(same) < _SAME_NAME:
            same.append(field)
    for marker in MARKERS:
        found = [_fit(needs, named) for needs in marker.needs]
        first = found[0]
        if first and all(found):
            by = _name(marker.by, named)
            yield Mark(marker.says, marker.kind, first.where, marker.certainty, by)


def source_type_says(value: object) -> Says:
    """Say what an IPTC digital source type means, whichever way it is written.

    Args:
        value: an address, a code such as `digsrctype:digitalCapture`, or its last part.
    """
    last = value.replace(":", "/").rpartition("/")[2] if isinstance(value, str) else ""
    return SOURCE_TYPES.get(last, "nothing")


def name_generator(claim_generator: str) -> str | None:
    """Give the name under which people know what wrote Content Credentials."""
    known = (name for pattern, _, name in GENERATORS if re.search(pattern, claim_generator))
    return next(known, claim_generator[:_LONGEST_NAME] or None)


def _fit(needs: Needs, named: Mapping[str, list[Field]]) -> Field | None:
    fields = (field for name in needs.fields for field in named.get(name, ()))
    return next((field for field in fields if needs.fits(field.text)), None)


def _name(by: str | tuple[str, ...] | None, named: Mapping[str, list[Field]]) -> str | None:
    if by is None or isinstance(by, str):
        return by
    texts = [text for name in by if name in named and (text := named[name][0].text.strip())]
    if len(texts) > 1 and texts[1].lower().startswith(texts[0].lower().split()[0]):
        texts = texts[1:]  # Canon, Canon EOS 5D
    return " ".join(texts)[:_LONGEST_NAME] or None
