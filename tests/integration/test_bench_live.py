"""`facegate bench live`, run as people run it, for as short as it can be."""

from __future__ import annotations

from commands import facegate


def test_a_gate_is_measured_and_leaves_nothing_behind() -> None:
    ran = facegate("bench", "live", "--seconds", 12, "--pad", "off", "--json")
    assert ran.code == 0, ran.err
    figures = ran.json()
    assert 11 < figures["seconds"] < 20
    assert figures["frames"] > 0
    assert figures["frames"] + figures["dropped"] + figures["stale"] <= 30 * 20
    assert set(figures["reasons"]) <= {"granted"}, "the only visitor is enrolled"
    assert figures["decision_s"]["count"] == sum(figures["reasons"].values())
    assert len(figures["memory_mb"]) == 2, "of the seconds after the first ten"
    assert all(50 < value < 2000 for value in figures["memory_mb"])
    assert figures["cold_start_s"] > 0
    assert facegate("doors", "list", "--json").json() == []


def test_an_attack_check_that_is_none_is_refused() -> None:
    assert facegate("bench", "live", "--seconds", 5, "--pad", "sometimes").code == 2
