from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import numpy as np
import pytest
from pages import check_page

from facegate.domain.decisions import Outcome
from facegate.errors import InputError
from facegate.evaluation.identification import SearchResult, identification_report
from facegate.evaluation.rates import rate
from facegate.evaluation.verification import rate_dict, verification_report
from facegate.report.content import Report
from facegate.report.html import render
from facegate.report.plots import plots_section
from facegate.report.results import MOST_ROWS, as_rate, results_section, words

NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)


def shown(value: Any) -> str:
    """The words that a page with this result has."""
    value = json.loads(json.dumps(value))
    page = render(Report("t", "", NOW, "", "", sections=(results_section(value, "Results"),)))
    return check_page(page).text.replace("\u00a0", " ")


def test_every_rate_of_an_identification_has_count_and_interval() -> None:
    results = [SearchResult("Ana", "Ana", Outcome.MATCH, "Ana")] * 37
    results += [SearchResult("Ben", "Ana", Outcome.UNKNOWN, None)] * 3
    results += [SearchResult(None, "Ana", Outcome.UNKNOWN, None)] * 29
    report = identification_report(results, enrolled=2, not_enrolled=0, tau=0.5, model_id="m@1")
    page = shown(report.as_dict())
    assert "FNIR 7.50 % 3 of 40 1.57 % to 20.39 %" in page
    assert "rank 1 92.50 % 37 of 40 79.61 % to 98.43 %" in page
    assert "FPIR 0.00 % none of 29 0.00 % to 11.94 %" in page
    assert "m@1" in page


def test_true_match_rates_are_named_by_their_false_match_rate() -> None:
    scores = np.linspace(0, 1, 400, dtype=np.float32)
    report = verification_report(
        scores, scores > 0.5, np.arange(400) % 2,
        tau=0.5, model_id="m@1", failed_pairs=3, failed_to_acquire=2, pictures=9,
    )  # fmt: skip
    page = shown(report.as_dict())
    assert "TMR at FMR 1 % 100.00 % 200 of 200 98.17 % to 100.00 %" in page
    for warning in report.warnings:
        assert warning in page


def test_groups_become_rows_of_one_table() -> None:
    groups = {
        "East Asian": {"fmr": rate_dict(rate(3, 500)), "faces": 40},
        "Latino_Hispanic": {"fmr": rate_dict(rate(0, 400)), "faces": 31},
    }
    page = shown({"by_race": groups})
    assert page.index("FMR faces") < page.index("East Asian 0.60 % 3 of 500; 0.12 % to 1.74 % 40")
    assert "Latino_Hispanic 0.00 % none of 400; 0.00 % to 0.92 % 31" in page


def test_lists_of_groups_keep_what_does_not_fit_a_row() -> None:
    rows = [
        {"size": 10, "fnir": rate_dict(rate(1, 26)), "at": [{"fpir": 0.01, "why": "few"}]},
        {"size": 80, "fnir": {**rate_dict(rate(2, 90)), "range_of_draws": [0.0, 0.05]}, "at": []},
    ]
    page = shown({"galleries": rows})
    mean = {"count": 0.4, "of": 26.0, "interval_95": [0.0, 0.16]}
    assert "1.54 % 0.4 of 26 0.00 % to 16.00 %" in shown({"fnir": mean})
    assert "10 3.85 % 1 of 26" in page
    assert "range of draws 0.00 % to 5.00 %" in page
    assert "size 10" in page
    assert "few" in page


@pytest.mark.parametrize(
    ("value", "count"),
    [
        ({"errors": 1, "trials": 4, "low": 0.01, "high": 0.8}, (1, 4)),
        ({"value": 0.25, "count": 1, "of": 4, "interval_95": [0.01, 0.8]}, (1, 4)),
        ({"value": 0.1, "count": 0.4, "of": 26.0, "interval_95": [0.0, 0.2]}, (0.4, 26)),
        ({"errors": 5, "trials": 4, "low": 0.0, "high": 1.0}, None),
        ({"errors": -1, "trials": 4, "low": 0.0, "high": 1.0}, None),
        ({"errors": True, "trials": 4, "low": 0.0, "high": 1.0}, None),
        ({"errors": 1, "trials": 4, "low": None, "high": 1.0}, None),
        ({"errors": 1, "trials": 4}, None),
        ({"count": 1, "of": 4, "interval_95": [0.1]}, None),
        ({}, None),
        (7, None),
    ],
)
def test_rates_are_known_by_their_figures(value: Any, count: tuple[float, float] | None) -> None:
    found = as_rate(value)
    assert (found and (found.errors, found.trials)) == count


@pytest.mark.parametrize(
    "value",
    [
        None, 3, "text", [], {}, [[]], [1, [2, {"a": []}]], {"": None}, {"a": {"b": {}}},
        {"title": "<b>"}, [{"a": 1}, 2], [{}, {}], {"x": float("nan")}, {"warnings": [1, 2]},
        {"notes": {"a": 1}}, {"1e-400": 1}, {"9e-99": 2}, [{"a": [1, 2]}, {"a": {"b": 1}}],
        {"interval": [1, 2, 3]}, {"<script>": "<script>"},
        {"group": {"a": {"group": 1}, "b": {"group": 2}}},
    ],
)  # fmt: skip
def test_any_document_makes_a_page(value: Any) -> None:
    shown(value)


def test_deep_documents_end_somewhere() -> None:
    value: Any = "bottom"
    for _ in range(60):
        value = {"inner": [value, 1]}
    assert "inner" in shown(value)


def test_what_is_cut_is_said() -> None:
    rows = [{"place": number} for number in range(MOST_ROWS + 25)]
    page = shown({"rows": rows})
    assert "… and 25 more." in page


def test_sections_say_what_they_are() -> None:
    assert results_section({"rank_1": None}, "a.json").title == "Identification (a.json)"
    assert results_section({"title": "By <age>"}, "a.json").title == "By <age>"
    assert results_section({"x": 1}, "a.json").title == "Results (a.json)"


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n...", "image/png"),
        (b"\xff\xd8\xff...", "image/jpeg"),
        (b'<?xml version="1.0"?>\n<svg><script>alert(1)</script></svg>', "image/svg+xml"),
    ],
)
def test_plots_are_told_by_their_bytes_and_shown_as_images(data: bytes, media_type: str) -> None:
    section = plots_section([("a<b>.png", data)])
    page = check_page(render(Report("t", "", NOW, "", "", sections=(section,))))
    (image,) = (attrs for tag, attrs in page.tags if tag == "img")
    assert str(image["src"]).startswith(f"data:{media_type};base64,")


def test_what_is_no_plot_is_refused() -> None:
    for data in (b"", b"<html><svg>", b"MZ", b"<?xml ?><html>"):
        with pytest.raises(InputError):
            plots_section([("a.png", data)])


def test_keys_become_words() -> None:
    assert words("fnir_at_tau") == "FNIR at τ"
    assert words("interval_95_people") == "95 % interval people"
    assert words("1e-04") == "0.01\u00a0%"
    assert words("East Asian") == "East Asian"
