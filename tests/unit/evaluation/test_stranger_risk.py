from __future__ import annotations

import dataclasses

import pytest
from fakes import threshold

from facegate.domain.decisions import Rate
from facegate.evaluation.rates import rate
from facegate.evaluation.stranger_risk import StrangerRisk
from facegate.evaluation.words import counted, odds, odds_range, two_digits


def risk(people: int, templates: int, fmr: Rate, fnmr: Rate) -> StrangerRisk:
    return StrangerRisk(people, templates, dataclasses.replace(threshold(), fmr=fmr, fnmr=fnmr))


def test_the_meter_in_words() -> None:
    one = risk(412, 618, rate(28, 155_773_600), rate(170, 2_994))
    low, high = one.interval
    assert low < one.fpir < high
    assert one.fpir == pytest.approx(618 * 28 / 155_773_600, rel=1e-3)
    assert one.stranger_sentence() == (
        "With 412 people enrolled (618 templates), a stranger is let in about 1 time in 9,000 "
        "(95 %: 1 in 6,200 to 1 in 14,000); your data can support at most 1 in 84,000."
    )
    assert one.refusal_sentence() == (
        "About 1 in 18 of enrolled people's tries is refused (FNMR 5.68%: 170 of 2,994 pairs; "
        "95 %: 1 in 15 to 1 in 21)."
    )


def test_nobody_and_one_person() -> None:
    assert risk(0, 0, rate(1, 99), rate(1, 99)).stranger_sentence() == (
        "Nobody enabled is enrolled with the network in use, so nobody is let in."
    )
    one = risk(1, 1, rate(1, 20_000), rate(1, 99))
    assert one.stranger_sentence().startswith(
        "With 1 person enrolled (1 template), a stranger is let in about 1 time in 20,000 (95 %: "
    )


def test_no_error_seen_is_no_claim_beyond_the_rule_of_three() -> None:
    one = risk(2, 10, rate(0, 3_000), rate(0, 30))
    assert one.stranger_sentence() == (
        "With 2 people enrolled (10 templates), no measured stranger is let in (3,000 pairs "
        "compared); your data can support at most 1 in 100 (95 %, rule of three)."
    )
    assert one.refusal_sentence() == (
        "No try of an enrolled person is refused in 30 pairs; your data can support at most 1 in "
        "11 (95 %, rule of three)."
    )
    assert one.as_dict()["fpir"] == 0


def test_frequent_errors_are_told_in_hundredths() -> None:
    one = risk(900, 1_000, rate(5, 2_000), rate(221, 759))
    assert "a stranger is let in about 92 times in 100 (95 %: " in one.stranger_sentence()
    assert one.refusal_sentence() == (
        "About 29 in 100 of enrolled people's tries are refused (FNMR 29.12%: 221 of 759 pairs; "
        "95 %: 26 to 32 in 100)."
    )


def test_as_dict_has_the_counts_and_the_words() -> None:
    one = risk(3, 5, rate(4, 10_000), rate(2, 100)).as_dict()
    assert (one["people"], one["templates"], one["target"]) == (3, 5, "f1")
    assert one["fpir"] == pytest.approx(5 * 4e-4, rel=1e-2)
    assert (one["fmr"]["of"], one["fnmr"]["of"]) == (10_000, 100)
    assert len(one["sentences"]) == 2


@pytest.mark.parametrize(
    ("number", "rounded"),
    [(1.2, 1), (9.6, 10), (10.4, 10), (17.6, 18), (99.4, 99), (994, 990), (9_034, 9_000),
     (13_950, 14_000), (996_000, 1_000_000)],
)  # fmt: skip
def test_two_digits(number: float, rounded: int) -> None:
    assert two_digits(number) == rounded


@pytest.mark.parametrize(
    ("chance", "words"),
    [(0, "0 in 100"), (0.0999, "1 in 10"), (0.1, "10 in 100"), (0.994, "99 in 100"),
     (0.9999, "more than 99 in 100"), (1.0, "100 in 100"), (1e-6, "1 in 1,000,000")],
)  # fmt: skip
def test_odds(chance: float, words: str) -> None:
    assert odds(chance) == words


def test_ranges_of_odds() -> None:
    assert odds_range(1 / 14_000, 1 / 6_100) == "1 in 6,100 to 1 in 14,000"
    assert odds_range(0.05, 0.3) == "30 in 100 to 1 in 20"
    assert odds_range(0.26, 0.32) == "26 to 32 in 100"
    assert odds_range(0.999, 0.9999) == "more than 99 to more than 99 in 100"


def test_counted() -> None:
    assert counted(0, "person", "people") == "0 people"
    assert counted(1, "person", "people") == "1 person"
    assert counted(1_200, "person", "people") == "1,200 people"
