from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facegate.domain.keypad import KeypadEntry


@pytest.mark.parametrize(
    ("line", "claimed", "number", "pin"),
    [
        ("482915", "", None, "482915"),
        (" 482915# \n", "", None, "482915"),
        ("17*482915#", "17", 17, "482915"),
        ("17 482915", "17", 17, "482915"),
        ("Ana 482915", "Ana", None, "482915"),
        ("Ana  Maria\t482915", "Ana Maria", None, "482915"),
        ("17*", "17", 17, ""),
        ("*482915", "*", None, "482915"),
        ("1*2*3", "1*2", None, "3"),
        ("٣*482915", "٣", None, "482915"),
        ("9999999999*1", "9999999999", None, "1"),
    ],
)
def test_lines_of_a_keypad(line: str, claimed: str, number: int | None, pin: str) -> None:
    entry = KeypadEntry.from_line(line)
    assert entry is not None
    assert (entry.claimed, entry.number, entry.pin) == (claimed, number, pin)


@pytest.mark.parametrize("line", ["", "  \n", "#", " # "])
def test_empty_lines_are_nothing(line: str) -> None:
    assert KeypadEntry.from_line(line) is None


@given(st.text(max_size=300))
def test_no_line_raises_or_is_shown(line: str) -> None:
    entry = KeypadEntry.from_line(line)
    assert repr(entry) in {"None", "KeypadEntry()"}
