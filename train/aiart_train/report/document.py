"""A document of tables, plots and thumbnails, as Markdown and as one HTML file."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Literal

Theme = Literal["light", "dark"]


@dataclass(frozen=True)
class Table:
    """A table of text.

    Args:
        head: of the columns.
        rows: a cell per column each.
        wide: whether it has so many columns that it needs the whole width of the page. Default
            False.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    wide: bool = False


@dataclass(frozen=True)
class Plot:
    """A plot.

    Args:
        name: of its file, without the ending.
        caption: how to read it.
        draw: a PNG file of it, for a page of that theme.
    """

    name: str
    caption: str
    draw: Callable[[Theme], bytes]


@dataclass(frozen=True)
class Thumbnail:
    """A small picture; Markdown shows its caption alone.

    Args:
        caption: below it.
        jpeg: a JPEG file.
    """

    caption: str
    jpeg: bytes


@dataclass(frozen=True)
class Section:
    """A part of a document; what it lacks is left out.

    Args:
        title: of the section.
        text: a paragraph. Default none.
        lines: of a list. Default none.
        tables: Default none.
        plots: Default none.
        thumbnails: Default none.
    """

    title: str
    text: str = ""
    lines: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    plots: tuple[Plot, ...] = ()
    thumbnails: tuple[Thumbnail, ...] = ()


@dataclass(frozen=True)
class Document:
    """A document; all its text is plain, and escaped where it is written.

    Args:
        title: of the document.
        subtitle: below it.
        lead: what a hurried reader takes away.
        tiles: the most important figures, each with what it is.
        sections: the rest.
    """

    title: str
    subtitle: str
    lead: str
    tiles: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]


def plot_files(document: Document) -> dict[str, bytes]:
    """Draw the plots that the Markdown shows.

    Args:
        document: with plots.

    Returns:
        The content of each file, by its name.
    """
    return {
        _file_name(plot): plot.draw("light")
        for section in document.sections
        for plot in section.plots
    }


def to_markdown(document: Document) -> str:
    """Write a document as Markdown.

    Args:
        document: of the thumbnails, the captions are listed.

    Returns:
        Markdown; `plot_files` lie beside it.
    """
    blocks = [f"# {_plain(document.title)}"]
    if document.subtitle:
        blocks.append(_plain(document.subtitle))
    blocks.append(f"**{_plain(document.lead)}**")
    for section in document.sections:
        blocks.append(f"## {_plain(section.title)}")
        if section.text:
            blocks.append(_plain(section.text))
        lines = (*section.lines, *(thumbnail.caption for thumbnail in section.thumbnails))
        if lines:
            blocks.append("\n".join(f"- {_plain(line)}" for line in lines))
        for table in section.tables:
            blocks.append(table_to_markdown(table))
        for plot in section.plots:
            blocks.append(
                f"![{_plain(plot.caption)}]({_file_name(plot)})\n\n{_plain(plot.caption)}"
            )
    return "\n\n".join(blocks) + "\n"


def table_to_markdown(table: Table) -> str:
    """Write a table as Markdown.

    Args:
        table: of text.

    Returns:
        Markdown, without a line break at its end.
    """
    lines = (table.head, ("---",) * len(table.head), *table.rows)
    return "\n".join(f"| {' | '.join(map(_plain, line))} |" for line in lines)


def to_html(document: Document) -> str:
    """Write a document as one HTML file that asks nothing of the network.

    Args:
        document: the thumbnails too.

    Returns:
        HTML, with style and pictures inside; it follows the reader's light or dark mode.
    """
    tiles = "".join(
        f"<div><b>{escape(value)}</b><span>{escape(name)}</span></div>"
        for name, value in document.tiles
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{escape(document.title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<header>
<h1>{escape(document.title)}</h1>
<p class="quiet">{escape(document.subtitle)}</p>
<p class="lead">{escape(document.lead)}</p>
<div class="tiles">{tiles}</div>
</header>
{"".join(map(_section, document.sections))}</body>
</html>
"""


def _section(section: Section) -> str:
    text = f"<p>{escape(section.text)}</p>\n" if section.text else ""
    lines = "".join(f"<li>{escape(line)}</li>\n" for line in section.lines)
    plots = "".join(map(_figure, section.plots))
    thumbnails = "".join(map(_thumbnail, section.thumbnails))
    return (
        f"<section>\n<h2>{escape(section.title)}</h2>\n{text}"
        + (f"<ul>\n{lines}</ul>\n" if lines else "")
        + "".join(map(_table, section.tables))
        + (f'<div class="plots">\n{plots}</div>\n' if plots else "")
        + (f'<div class="thumbnails">\n{thumbnails}</div>\n' if thumbnails else "")
        + "</section>\n"
    )


def _table(table: Table) -> str:
    def line(cells: tuple[str, ...], tag: str) -> str:
        return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>\n"

    rows = "".join(line(row, "td") for row in table.rows)
    kind = "table wide" if table.wide else "table"
    return (
        f'<div class="{kind}"><table>\n<thead>{line(table.head, "th")}</thead>\n'
        f"<tbody>{rows}</tbody>\n</table></div>\n"
    )


def _figure(plot: Plot) -> str:
    caption = escape(plot.caption)
    light, dark = (_data_uri(plot.draw(theme), "png") for theme in ("light", "dark"))
    return (
        f'<figure><picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img src="{light}" alt="{caption}"></picture>'
        f"<figcaption>{caption}</figcaption></figure>\n"
    )


def _thumbnail(thumbnail: Thumbnail) -> str:
    caption = escape(thumbnail.caption)
    source = _data_uri(thumbnail.jpeg, "jpeg")
    return f'<figure><img src="{source}" alt=""><figcaption>{caption}</figcaption></figure>\n'


def _data_uri(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _file_name(plot: Plot) -> str:
    return f"{plot.name}.png"


def _plain(text: str) -> str:
    """Escape what Markdown would take for its own, on one line.

    An underscore between letters or digits means nothing to it, and many file names have one.
    """
    special = r"[\\`*\[\]<>|]|(?<![^\W_])_|_(?![^\W_])"
    return re.sub(special, r"\\\g<0>", " ".join(text.splitlines()))


_STYLE = """
:root { color-scheme: light dark; --page: #f3f5f7; --card: #fff; --ink: #1f2630; --quiet: #5c6773;
  --line: #dfe3e8; --accent: #2563c9 }
@media (prefers-color-scheme: dark) { :root { --page: #12161b; --card: #1b2028; --ink: #e3e8ee;
  --quiet: #98a4b1; --line: #39414d; --accent: #6ea8fe } }
* { box-sizing: border-box }
body { max-width: 62rem; margin: 0 auto; padding: 2rem 1rem 4rem; background: var(--page);
  color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif }
h1 { margin: 0; font-size: 1.9rem; line-height: 1.2; letter-spacing: -.02em }
h2 { margin: 0 0 .5rem; font-size: 1.2rem }
p { max-width: 46rem; margin: 0 0 1rem }
.quiet, figcaption, .tiles span { color: var(--quiet) }
.lead { margin: 1.2rem 0; font-size: 1.2rem }
.tiles { display: grid; gap: .8rem; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)) }
.tiles div, section { background: var(--card); border: 1px solid var(--line); border-radius: 12px }
.tiles div { padding: .8rem 1rem }
.tiles b { display: block; color: var(--accent); font-size: 1.7rem; line-height: 1.3 }
.tiles span { display: block; font-size: .87rem; line-height: 1.35 }
section { margin-top: 1.2rem; padding: 1.2rem }
.table { overflow-x: auto; margin-bottom: 1rem }
table { width: 100%; border-collapse: collapse; font-size: .93rem }
th, td { padding: .4rem 1.2rem .4rem 0; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; overflow-wrap: anywhere; font-variant-numeric: tabular-nums }
th { color: var(--quiet); font-weight: 500; font-size: .87rem; overflow-wrap: normal }
th:last-child, td:last-child { padding-right: 0 }
td:first-child { min-width: 5.5rem }
section:has(.wide) { --width: min(100rem, 100vw - 2rem); width: var(--width);
  margin-left: calc(50% - var(--width) / 2) }
.wide th, .wide td { padding-right: .9rem; overflow-wrap: normal; white-space: nowrap }
.wide table { font-size: .82rem }
figure { margin: 0 }
figcaption { margin-top: .4rem; font-size: .87rem; line-height: 1.4; overflow-wrap: anywhere }
.plots { display: grid; gap: 1.4rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)) }
.plots img { display: block; width: 100%; max-width: 32rem; height: auto; margin: auto }
.thumbnails { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(8rem, 1fr)) }
.thumbnails img { display: block; width: 100%; aspect-ratio: 1; object-fit: contain;
  background: var(--page); border-radius: 8px }
.thumbnails figcaption { font-size: .75rem }
@media (max-width: 36rem) { section { padding: 1rem } table { font-size: .85rem }
  th { font-size: .78rem } th, td { padding-right: .7rem } }
"""
