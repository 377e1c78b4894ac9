from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pages import check_page

from facegate.errors import ShapeError
from facegate.report.content import (
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
    Statement,
    Table,
)
from facegate.report.html import render, text

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onload='alert(1)",
    "</title></style></section>",
    "&lt;b&gt; & `<b>`",
    "Zoë Ünal 王小明 محمد",
    "a\u202egpj.exe",
    "tab\there\x00\x1b[31m",
    "undecodable \udcff name",
)
PNG = Picture(b"\x89PNG", "image/png", "a face")


def page_with(word: str) -> Report:
    """A page that has a word in every place there is."""
    pair = FacePair(0.5, word, Face(word, PNG), Face(word, None))
    blocks = (
        Prose(word),
        Note(word),
        Points((word, word)),
        Facts(((word, word),), word),
        Table((word, word), ((word, word),), frozenset({1}), word),
        Figures((Figure(word, Picture(b"x", "image/svg+xml", word), word),)),
        PairGallery(word, word, (pair,)),
    )
    return Report(
        word,
        word,
        NOW,
        word,
        word,
        (Statement(word, word),),
        (word,),
        (Section(word, word, blocks),),
    )


@pytest.mark.parametrize("word", HOSTILE)
def test_hostile_words_stay_words_everywhere(word: str) -> None:
    page = render(page_with(word))
    parsed = check_page(page)
    harmless = check_page(render(page_with("harmless")))
    added = {"code", "wbr"}  # which words may bring: backticks, and places to break a name
    assert [tag for tag, _ in parsed.tags if tag not in added] == [
        tag for tag, _ in harmless.tags if tag not in added
    ]
    page.encode("utf-8")
    assert "\x00" not in page
    assert "\u202e" not in page


def test_unicode_names_are_shown_as_they_are() -> None:
    parsed = check_page(render(page_with("Zoë 王小明")))
    assert parsed.text.count("Zoë 王小明") >= 15


@given(st.text())
def test_text_never_makes_markup(value: str) -> None:
    page = check_page(f"<p>default-src 'none'{text(value)}</p>")
    assert [tag for tag, _ in page.tags] == ["p"]


def test_the_same_report_gives_the_same_bytes_but_for_the_date() -> None:
    report = page_with("word")
    assert render(report) == render(report)
    later = render(
        Report(
            report.title, report.subtitle, NOW + timedelta(days=1), report.made_by, report.privacy,
            report.statements, report.limits, report.sections,
        )
    )  # fmt: skip
    assert later != render(report)
    assert later.replace("3 January 2026", "2 January 2026") == render(report)


def test_a_page_works_without_scripts_in_both_themes_and_on_paper() -> None:
    page = render(page_with("word"))
    assert "prefers-color-scheme:dark" in page
    assert "@media print" in page
    assert 'name="viewport"' in page
    assert '<html lang="en">' in page


def test_an_empty_report_is_a_page() -> None:
    check_page(render(Report("", "", NOW, "", "")))


def test_rows_must_fit_their_headings() -> None:
    with pytest.raises(ShapeError):
        Table(("a", "b"), (("1",),))


def test_only_image_types_become_pictures() -> None:
    with pytest.raises(ShapeError):
        Picture(b"<script>", "text/html", "")
