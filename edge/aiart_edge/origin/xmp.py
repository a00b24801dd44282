"""XMP (ISO 16684-1): the properties of a packet, by namespace and never by prefix."""

from __future__ import annotations

from collections.abc import Iterator
from xml.parsers import expat

from aiart_edge.origin.bounds import LONGEST_TEXT, Bounds, Stopped

# The names under which the markers know these namespaces, whatever prefix a file gives them.
NAMESPACES = {
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": "Iptc4xmpExt",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://ns.adobe.com/tiff/1.0/": "tiff",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://purl.org/dc/terms/": "dcterms",
    "http://www.tc260.org.cn/ns/AIGC/1.0/": "TC260",
}
_DEEPEST = 64
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_IN_JPEG = b"http://ns.adobe.com/xap/1.0/\0"  # before a packet; Canva writes it in PNG, too
_META = "adobe:ns:meta/ "
_LISTS = {f"{_RDF} {name}" for name in ("Alt", "Bag", "Seq", "li")}


class _Reader:
    """Keeps the properties that stand directly in a top-level rdf:Description.

    What is deeper belongs to something else: to an ingredient, to a step of a history.
    """

    def __init__(self, bounds: Bounds) -> None:
        self.found: list[tuple[str, str]] = []
        self._bounds = bounds
        self._path: list[str] = []
        self._text: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._bounds.step()
        self._path.append(name)
        if len(self._path) > _DEEPEST:
            raise Stopped(f"its XMP is deeper than {_DEEPEST}")
        packet = self._packet()
        if packet == [f"{_RDF} RDF", f"{_RDF} Description"]:
            for attribute, value in attributes.items():
                self._keep(attribute, value)
        elif len(packet) == 3:  # noqa: PLR2004
            self._text = []
            self._keep(name, attributes.get(f"{_RDF} resource", ""))

    def data(self, text: str) -> None:
        if self._property():
            self._text.append(text)

    def end(self, _name: str) -> None:
        packet = self._packet()
        if self._property() and (len(packet) == 3 or packet[-1] == f"{_RDF} li"):  # noqa: PLR2004
            self._keep(packet[2], "".join(self._text).strip())
            self._text = []
        self._path.pop()

    def refuse(self, *_: object) -> None:
        raise Stopped("its XMP has a document type, which could expand without end")

    def _packet(self) -> list[str]:
        """Give the path from rdf:RDF on, which stands at the root or in x:xmpmeta."""
        return self._path[1:] if self._path[0].startswith(_META) else self._path

    def _property(self) -> str:
        """Give the property that the text at hand is a value of."""
        packet = self._packet()
        plain = packet[:2] == [f"{_RDF} RDF", f"{_RDF} Description"]
        return packet[2] if plain and len(packet) > 2 and _LISTS.issuperset(packet[3:]) else ""  # noqa: PLR2004

    def _keep(self, name: str, value: str) -> None:
        namespace, _, local = name.rpartition(" ")
        if value and (prefix := NAMESPACES.get(namespace)):
            self.found.append((f"xmp:{prefix}:{local}", value))


def read_properties(packet: bytes, bounds: Bounds) -> Iterator[tuple[str, str]]:
    """Read the properties of the known namespaces.

    Args:
        packet: of XMP, in UTF-8.
        bounds: of the file.

    Yields:
        Names, as `xmp:dc:title`, and values; of a list each of its values.
    """
    if len(packet) > LONGEST_TEXT:
        bounds.gaps.append(f"its XMP is longer than {LONGEST_TEXT // 1_000} kB")
        return
    reader = _Reader(bounds)
    parser = expat.ParserCreate("utf-8", " ")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.data
    parser.StartDoctypeDeclHandler = reader.refuse
    try:
        parser.Parse(packet.removeprefix(_IN_JPEG).strip(b"\0 \r\n\t"), True)
    except expat.ExpatError:
        bounds.gaps.append("its XMP is broken")
    except Stopped as stopped:
        bounds.gaps.append(str(stopped))
    yield from reader.found
