from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facegate.domain.names import near_names


@pytest.mark.parametrize(
    ("typed", "near"),
    [
        ("ana", ["Ana"]),
        ("Eilen Collins", ["Eileen Collins"]),
        ("eileen", ["Eileen Collins"]),
        ("ÖZIL", ["Özil"]),
        ("Zoe", []),
    ],
)
def test_near_names_are_found(typed: str, near: list[str]) -> None:
    assert near_names(typed, ["Ana", "Eileen Collins", "Grace Hopper", "Özil"]) == near


@given(st.text(max_size=20), st.lists(st.text(max_size=20), max_size=20))
def test_near_names_are_names_that_there_are(typed: str, known: list[str]) -> None:
    found = near_names(typed, known)
    assert set(found) <= set(known)
    assert len(found) == len(set(found)) <= 3
