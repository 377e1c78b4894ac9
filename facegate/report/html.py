"""Turns a report into one HTML file that needs nothing beside itself.

Everything from outside (file names, titles, results) is escaped here and nowhere else. The page
also forbids the browser to load or run anything, should something slip through.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from html import escape
from typing import Any

from facegate.report.content import (
    Block,
    Drawing,
    Face,
    FacePair,
    Facts,
    Figure,
    Figures,
    Note,
    PairGallery,
    Picture,
    Points,
    Prose,
    Report,
    Section,
    Table,
)
from facegate.report.style import CSS
from facegate.report.words import moment

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'"


def render(report: Report) -> str:
    """The whole page. The same report gives the same text, byte for byte."""
    contents = "".join(
        f'<li><a href="#s{number}">{text(section.title)}</a></li>'
        for number, section in enumerate(report.sections, 1)
    )
    sections = "\n".join(
        _section(section, f"s{number}") for number, section in enumerate(report.sections, 1)
    )
    made = f"Made by {text(report.made_by)} on {text(moment(report.made_at))}."
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<title>{text(report.title)}</title>
<style>
{CSS}
</style>
</head>
<body>
<header>
<p class="brand">{made}</p>
<h1>{text(report.title)}</h1>
<p class="subtitle">{prose(report.subtitle)}</p>
<p class="privacy">{prose(report.privacy)}</p>
{_statements(report)}{_limits(report)}</header>
<nav aria-label="Contents"><ol>{contents}</ol></nav>
<main>
{sections}
</main>
<footer><p>{made} This file loads nothing and runs nothing: it can be read offline, printed and
archived.</p></footer>
</body>
</html>
"""


def prose(value: str) -> str:
    """Escape a sentence; backticks make code, and units stay with their number."""
    joined = text(value.replace(" %", "\u00a0%").replace("τ = ", "τ\u00a0=\u00a0"))
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", joined)


def text(value: str) -> str:
    """Escape text for content and attributes.

    Control characters, half characters of undecodable file names, and signs that turn the direction
    of writing (which can make a name read as another) become U+FFFD.
    """
    return escape("".join(c if c.isprintable() or c in "\n\u00a0" else "\ufffd" for c in value))


def _statements(report: Report) -> str:
    if not report.statements:
        return ""
    items = "".join(
        f'<li><span class="count">{text(one.count)}</span>{prose(one.sentence)}</li>'
        for one in report.statements
    )
    return f'<ul class="statements">{items}</ul>\n'


def _limits(report: Report) -> str:
    if not report.limits:
        return ""
    title = "What this measurement cannot show"
    return f'<div class="limits"><h2>{title}</h2>{_list(report.limits)}</div>\n'


def _section(section: Section, anchor: str) -> str:
    lead = f'<p class="lead">{prose(section.lead)}</p>\n' if section.lead else ""
    blocks = "\n".join(_block(block) for block in section.blocks)
    return f'<section id="{anchor}">\n<h2>{text(section.title)}</h2>\n{lead}{blocks}\n</section>'


def _block(block: Block) -> str:
    for kind, rendered in _RENDERERS:
        if isinstance(block, kind):
            return rendered(block)
    raise TypeError(f"{type(block).__name__} is no block of a report.")


def _list(items: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{prose(item)}</li>' for item in items)}</ul>"


def _facts(facts: Facts) -> str:
    title = f"<h3>{text(facts.title)}</h3>\n" if facts.title else ""
    rows = "".join(f"<dt>{text(name)}</dt><dd>{text(value)}</dd>" for name, value in facts.rows)
    return f"{title}<dl>{rows}</dl>" if rows else title


def _table(table: Table) -> str:
    def kind(place: int) -> str:
        return ' class="num"' if place in table.numeric else ""

    caption = f"<caption><span>{text(table.title)}</span></caption>" if table.title else ""
    head = "".join(
        f'<th scope="col"{kind(place)}>{text(name)}</th>'
        for place, name in enumerate(table.columns)
    )
    rows = []
    for row in table.rows:
        first = f'<th scope="row"{kind(0)}>{text(row[0])}</th>' if row else ""
        rest = "".join(
            f"<td{kind(place)}>{text(cell)}</td>" for place, cell in enumerate(row[1:], 1)
        )
        rows.append(f"<tr>{first}{rest}</tr>")
    body = "\n".join(rows)
    kinds = ["compact"] * table.compact + ["even"] * (
        len(table.columns) == len(table.numeric) + 1 < 6
    )
    style = f' class="{" ".join(kinds)}"' if kinds else ""
    return (
        f'<div class="scroll"><table{style}>{caption}<thead><tr>{head}</tr></thead>\n'
        f"<tbody>{body}</tbody></table></div>"
    )


def _figure(figure: Figure) -> str:
    body = figure.body.markup if isinstance(figure.body, Drawing) else _picture(figure.body)
    caption = f"<figcaption>{prose(figure.caption)}</figcaption>" if figure.caption else ""
    return f"<figure><h3>{text(figure.title)}</h3>{body}{caption}</figure>"


def _figures(figures: Figures) -> str:
    style = "figures small" if figures.small else "figures"
    return f'<div class="{style}">{"".join(map(_figure, figures.figures))}</div>'


def _picture(picture: Picture) -> str:
    data = base64.b64encode(picture.data).decode("ascii")
    return f'<img src="data:{picture.media_type};base64,{data}" alt="{text(picture.alt)}">'


def _gallery(gallery: PairGallery) -> str:
    lead = f'<p class="lead">{prose(gallery.lead)}</p>' if gallery.lead else ""
    pairs = "\n".join(_pair(pair) for pair in gallery.pairs)
    grid = f'<div class="pairs">{pairs}</div>' if pairs else ""
    return f"<h3>{text(gallery.title)}</h3>{lead}{grid}"


def _pair(pair: FacePair) -> str:
    return (
        f'<figure class="pair"><figcaption><strong>{pair.similarity:.3f}</strong> '
        f'{text(pair.verdict)}</figcaption><div class="faces">'
        f"{_face(pair.first)}{_face(pair.second)}</div></figure>"
    )


def _face(face: Face) -> str:
    crop = (
        '<div class="missing">cannot be shown</div>' if face.crop is None else _picture(face.crop)
    )
    return f'<div>{crop}<div class="name"><bdi>{_breakable(face.name)}</bdi></div></div>'


def _breakable(name: str) -> str:
    """A file name that may be broken where its words end."""
    return re.sub(r"([/_.-])(?=[^/_.-])", r"\1<wbr>", text(name))


_RENDERERS: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (Prose, lambda block: f"<p>{prose(block.text)}</p>"),
    (Note, lambda block: f'<p class="note">{prose(block.text)}</p>'),
    (Points, lambda block: _list(block.items)),
    (Facts, _facts),
    (Table, _table),
    (Figures, _figures),
    (PairGallery, _gallery),
)
