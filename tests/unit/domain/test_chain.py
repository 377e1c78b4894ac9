from __future__ import annotations

import dataclasses
import json
import math
import secrets
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from fakes import NOW
from hypothesis import given
from hypothesis import strategies as st
from receipts_made import draft

from facegate.domain import chain
from facegate.domain.canonical import canonical_text, microseconds, moment, read_canonical
from facegate.domain.reasons import Reason
from facegate.domain.receipts import Erasure, Part, Receipt, finite
from facegate.errors import ReceiptError
from facegate.services.export_receipts import verify_export

GOLDEN = Path(__file__).resolve().parents[2] / "golden"

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def reopened(sealed: chain.Sealed) -> Receipt:
    texts = {part: one.text for part, one in sealed.parts.items()}
    found = chain.opened(1, "0" * 64, "1" * 64, sealed.text, texts)
    assert isinstance(found, Receipt)
    return found


@given(values)
def test_canonical_text_is_a_fixed_point(value: object) -> None:
    text = canonical_text(value)
    assert text.isascii()
    assert canonical_text(read_canonical(text)) == text


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_float32_survives_bit_by_bit(value: float) -> None:
    back = read_canonical(canonical_text({"x": np.float32(value)}))["x"]
    assert np.float32(back).tobytes() == np.float32(value).tobytes()


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)))
def test_moments_survive_to_the_microsecond(at: datetime) -> None:
    zoned = at.replace(tzinfo=timezone(timedelta(hours=5)))
    assert moment(microseconds(zoned)) == zoned


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, np.float32("nan")])
@pytest.mark.parametrize("where", ["similarity", "tau", "pad", "operating_point", "elapsed_s"])
def test_nan_and_infinity_are_never_written(bad: float, where: str) -> None:
    value = {"deep": [{"x": bad}]} if where in {"pad", "operating_point"} else bad
    with pytest.raises(ReceiptError, match="finite"):
        chain.seal(draft(**{where: value}))


def test_finite_gives_what_a_receipt_can_hold() -> None:
    assert [finite(value) for value in (0.5, math.inf, math.nan, None)] == [0.5, None, None, None]


def test_nan_in_evidence_and_constants_in_text_are_refused() -> None:
    bad = dataclasses.replace(draft().evidence[0], quality={"score": math.nan})
    with pytest.raises(ReceiptError):
        chain.seal(draft(evidence=(bad,)))
    with pytest.raises(ValueError, match="NaN"):
        read_canonical('{"x":NaN}')


def test_a_decision_comes_back_whole() -> None:
    made = draft(2, pictures=2)
    found = reopened(chain.seal(made))
    assert found.draft == dataclasses.replace(made, pictures=())
    assert found.picture_count == 2
    assert not found.erased
    assert math.copysign(1, found.draft.evidence[0].quality["yaw_deg"]) == -1


def test_undecodable_bytes_and_nulls_become_text_that_every_database_holds() -> None:
    found = reopened(chain.seal(draft(source="file\udcff\0", subject_name="a\ud800")))
    assert found.draft.source == "file\ufffd\ufffd"
    assert found.draft.subject_name == "a\ufffd"


def test_the_hashed_text_names_nobody() -> None:
    text = json.dumps(json.loads(chain.seal(draft()).text), ensure_ascii=False)
    for name in ("Zoë", "李", "18:00", "subject", "staff", str(2**53 - 1)):
        assert name not in text


def test_equal_people_have_different_commitments() -> None:
    first, second = chain.seal(draft()), chain.seal(draft())
    for part in (Part.PERSON, Part.WORDS):
        assert first.parts[part].text == second.parts[part].text
        assert first.parts[part].commitment != second.parts[part].commitment


def test_what_was_erased_reads_as_nobody() -> None:
    sealed = chain.seal(draft())
    found = chain.opened(
        1, "0" * 64, "1" * 64, sealed.text, {Part.WORDS: sealed.parts[Part.WORDS].text}
    )
    assert isinstance(found, Receipt)
    assert found.erased == {Part.PERSON}
    assert (found.draft.subject_id, found.draft.subject_name) == (None, "")
    assert found.draft.best_template_id is None
    assert found.draft.rule


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"format":1,"kind":"decision"}', "\0"])
def test_damaged_text_is_a_plain_error(text: str) -> None:
    with pytest.raises(ReceiptError, match="damaged"):
        chain.opened(4, "0" * 64, "1" * 64, text, {})


def test_a_newer_format_says_so() -> None:
    with pytest.raises(ReceiptError, match="newer"):
        chain.opened(4, "0" * 64, "1" * 64, '{"format":2}', {})


def test_pictures_need_their_evidence_and_times_their_zone() -> None:
    with pytest.raises(ReceiptError, match="picture"):
        chain.seal(draft(pictures=1))
    with pytest.raises(ReceiptError, match="zone"):
        chain.seal(draft(at=NOW.replace(tzinfo=None)))
    with pytest.raises(ReceiptError, match="bytes"):
        chain.seal(draft(pad={"x": b"raw"}))


@given(st.sets(st.integers(1, 60)))
def test_ranges_hold_exactly_the_numbers(numbers: set[int]) -> None:
    ranges = chain.as_ranges(numbers)
    assert {n for first, last in ranges for n in range(first, last + 1)} == numbers
    assert all(a[1] + 1 < b[0] for a, b in pairwise(ranges))


def test_an_erasure_comes_back_whole() -> None:
    sealed = chain.seal_erasure(NOW, "why", {Part.PERSON: {1, 2, 3, 9}, Part.PICTURES: ()})
    found = chain.opened(10, "0" * 64, "1" * 64, sealed.text, {})
    assert isinstance(found, Erasure)
    assert (found.at, found.why) == (NOW, "why")
    assert found.erased == {Part.PERSON: ((1, 3), (9, 9))}


def test_chains_of_different_databases_begin_differently() -> None:
    assert chain.genesis("a") != chain.genesis("b")
    first = chain.entry_hash(chain.genesis("a"), 1, "x")
    assert first != chain.entry_hash(chain.genesis("a"), 2, "x")
    with pytest.raises(ValueError, match="SHA-256"):
        chain.entry_hash("00", 1, "x")


# Golden: format 1, fixed for ever. Never write these files again.


def test_receipts_of_format_1_verify_for_ever() -> None:
    report = verify_export(GOLDEN / "receipts_1.jsonl", GOLDEN / "anchors_1.jsonl")
    assert report.faults == []
    assert (report.entries, report.anchors, report.last) == (5, 2, 5)
    assert report.last_hash == "58842c31838e7deaa2fbc3b01df8d185b3e8216e601744e0a134c8b9edb3bcd7"


def test_format_1_is_written_as_it_always_was(monkeypatch: pytest.MonkeyPatch) -> None:
    salts = iter(bytes([number]) * 32 for number in range(1, 9))
    monkeypatch.setattr(secrets, "token_bytes", lambda _: next(salts))
    lines = (GOLDEN / "receipts_1.jsonl").read_text().splitlines()[1:]
    for number in (0, 1):
        sealed = chain.seal(draft(number))
        golden = json.loads(lines[number])
        assert sealed.text == canonical_text(golden["entry"])
        found = chain.entry_hash(golden["previous"], number + 1, sealed.text)
        assert found == golden["hash"]
    assert draft(0).reason is Reason.GRANTED
