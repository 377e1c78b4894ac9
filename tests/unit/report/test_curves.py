from __future__ import annotations

import re

import numpy as np
import pytest

from facegate.evaluation.non_mated import scan_pairs
from facegate.evaluation.rates import fmr_at, fnmr_at
from facegate.report.content import Drawing, Figures, Section
from facegate.report.curves import curves_section
from facegate.report.svg import HEIGHT, WIDTH, linear_axis, log_axis


def drawings(section: Section) -> dict[str, str]:
    """Markup of each figure, by title."""
    (block,) = section.blocks
    assert isinstance(block, Figures)
    found = {}
    for figure in block.figures:
        assert isinstance(figure.body, Drawing)
        assert figure.caption
        found[figure.title.split(":")[0]] = figure.body.markup
    return found


def scores(seed: int, mated: int = 300, non_mated: int = 500) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    same = np.clip(random.normal(0.6, 0.15, mated), -1, 1).astype(np.float32)
    different = np.clip(random.normal(0.05, 0.12, non_mated), -1, 1).astype(np.float32)
    return same, different


CASES = {
    "usual": scores(1),
    "apart": (np.full(20, 0.9, np.float32), np.full(20, 0.1, np.float32)),
    "all wrong": (np.full(20, 0.1, np.float32), np.full(20, 0.9, np.float32)),
    "all equal": (np.full(5, 0.5, np.float32), np.full(5, 0.5, np.float32)),
    "one each": (np.array([0.7], np.float32), np.array([0.2], np.float32)),
    "negative": (np.array([-0.5, -0.4], np.float32), np.array([-0.9, -0.95], np.float32)),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("tau", [0.45, -1.0, 1.0])
def test_all_curves_stay_inside_their_drawing(case: str, tau: float) -> None:
    same, different = CASES[case]
    for markup in drawings(curves_section(same, different, tau)).values():
        assert "nan" not in markup
        assert "inf" not in markup
        for path in re.findall(r' d="([^"]*)"', markup):
            for place in re.findall(r"[MHL](-?[\d.]+)", path):
                assert -0.05 <= float(place) <= WIDTH
            for place in re.findall(r"V(-?[\d.]+)", path):
                assert -0.05 <= float(place) <= HEIGHT


def test_curves_say_the_rates_at_tau_to_those_who_cannot_see() -> None:
    same, different = scores(2)
    found = drawings(curves_section(same, different, 0.3))
    fmr, fnmr = fmr_at(different, 0.3), fnmr_at(same, 0.3)
    assert 0 < fmr.errors < fmr.trials
    for title in ("DET", "ROC"):
        assert f"{fmr.errors} of {fmr.trials}" in found[title]
        assert f"{fnmr.errors} of {fnmr.trials}" in found[title]


def test_the_ring_stands_where_the_rates_are() -> None:
    same, different = scores(3)
    markup = drawings(curves_section(same, different, 0.3))["DET"]
    (ring,) = re.findall(r'<circle[^>]*cx="([\d.]+)" cy="([\d.]+)"', markup)
    x = log_axis(0.3 / len(different), 1, "")
    share = x.share(fmr_at(different, 0.3).value)
    assert float(ring[0]) == pytest.approx(62 + share * (WIDTH - 62 - 24), abs=0.1)


def test_people_seen_once_are_a_second_curve() -> None:
    same, different = scores(4)
    random = np.random.default_rng(5)
    faces = random.normal(size=(40, 8)).astype(np.float32)
    faces /= np.linalg.norm(faces, axis=1, keepdims=True)
    found = drawings(curves_section(same, different, 0.4, scan_pairs(faces, (0.4,))))
    for title in ("Errors against the threshold", "DET", "ROC"):
        assert "people seen once" in found[title]
    assert found["DET"].count("<circle") == 2


def test_drawings_have_no_colors_of_their_own() -> None:
    for markup in drawings(curves_section(*scores(6), 0.4)).values():
        assert "#" not in markup
        assert "style=" not in markup


def test_axes_have_round_ticks_inside() -> None:
    axis = linear_axis(-0.31, 0.97, "similarity")
    assert [value for value, _ in axis.ticks] == pytest.approx([-0.2, 0, 0.2, 0.4, 0.6, 0.8])
    assert [text for _, text in log_axis(3e-4, 1, "").ticks] == ["100 %", "10 %", "1 %", "0.1 %"]
    assert log_axis(1e-4, 1, "").share(1e-2) == pytest.approx(0.5)
    assert linear_axis(0, 2, "").share(5) == 1.0
