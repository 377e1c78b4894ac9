from __future__ import annotations

import dataclasses
import errno
import os
from datetime import timedelta
from pathlib import Path

import pytest
from fakes import NOW
from receipts_made import Ticking, draft, trail

from facegate.domain.anchors import Anchor
from facegate.domain.receipts import Part, Receipt
from facegate.errors import ReceiptError, UnknownSubject
from facegate.services.anchor_file import read_anchors
from facegate.services.audit import AuditRules, AuditTrail
from facegate.services.audit_report import verify_store
from facegate.store.unit_of_work import SqlStore


@pytest.fixture
def store(tmp_path: Path) -> SqlStore:
    return SqlStore(f"sqlite:///{tmp_path / 'facegate.db'}")


def faults(store: SqlStore, folder: Path) -> list[str]:
    return [one.sentence for one in verify_store(store, folder / "anchors.jsonl").faults]


def test_the_first_receipt_and_every_few_more_are_anchored(store: SqlStore, tmp_path: Path) -> None:
    mine = trail(store, tmp_path)
    for number in range(7):
        mine.append(draft(number))
    anchors = read_anchors(tmp_path / "anchors.jsonl")
    assert [one.sequence for one in anchors if one] == [1, 4, 7]
    assert faults(store, tmp_path) == []
    assert (tmp_path / "anchors.jsonl").stat().st_mode & 0o777 == 0o600


def test_after_a_while_one_receipt_is_enough(store: SqlStore, tmp_path: Path) -> None:
    rules = {"anchor_every": 1000, "anchor_after": timedelta(minutes=30)}
    mine = trail(store, tmp_path, **rules)
    mine.append(draft())
    mine.append(draft(1))
    assert len(read_anchors(tmp_path / "anchors.jsonl")) == 1, "the first begins the chain"
    mine._clock.at += timedelta(minutes=30)  # type: ignore[attr-defined]
    mine.settle()
    assert len(read_anchors(tmp_path / "anchors.jsonl")) == 2
    mine._clock.at += timedelta(days=9)  # type: ignore[attr-defined]
    mine.settle()
    mine.settle(at_end=True)
    assert len(read_anchors(tmp_path / "anchors.jsonl")) == 2, "nothing new, no new anchor"


def test_at_the_end_all_is_anchored(store: SqlStore, tmp_path: Path) -> None:
    """A gate that is started again every hour must not go without anchors."""
    clock = Ticking()
    for number in range(3):
        mine = trail(store, tmp_path, anchor_every=1000)
        mine._clock = clock
        mine.append(draft(2 * number))
        mine.append(draft(2 * number + 1))
        mine.settle(at_end=True)
    anchors = read_anchors(tmp_path / "anchors.jsonl")
    assert [one.sequence for one in anchors if one] == [1, 2, 4, 6]
    assert faults(store, tmp_path) == []


def test_on_demand_an_anchor_is_written_once(store: SqlStore, tmp_path: Path) -> None:
    mine = trail(store, tmp_path)
    assert mine.anchor() is None
    mine.append(draft())
    first = mine.anchor()
    assert first == mine.anchor()
    assert first is not None
    assert (first.number, first.sequence) == (1, 1)


def test_a_full_disk_for_anchors_is_a_warning_and_no_obstacle(
    store: SqlStore, tmp_path: Path
) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("needs /dev/full")
    mine = AuditTrail(store, Ticking(), AuditRules(full, anchor_every=1))
    receipt = mine.append(draft())
    assert receipt.sequence == 1
    assert "No space left" in mine.warning
    with pytest.raises(ReceiptError, match="No space left"):
        mine.anchor()
    with store.snapshot() as work:
        assert work.receipts.anchors() == [], "nothing is noted that was not written"


def test_a_disk_that_fills_in_the_middle_of_a_line_leaves_whole_lines(
    store: SqlStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = trail(store, tmp_path, anchor_every=1)
    mine.append(draft(0))
    before = (tmp_path / "anchors.jsonl").read_bytes()
    write = os.write

    def half(descriptor: int, data: bytes) -> int:
        write(descriptor, data[:20])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", half)
        mine.append(draft(1))
    assert mine.warning
    assert (tmp_path / "anchors.jsonl").read_bytes() == before
    mine._clock.at += timedelta(minutes=5)  # type: ignore[attr-defined]
    mine.append(draft(2))
    assert not mine.warning
    assert faults(store, tmp_path) == []


def test_a_line_torn_by_a_power_cut_is_mended(store: SqlStore, tmp_path: Path) -> None:
    mine = trail(store, tmp_path, anchor_every=1)
    mine.append(draft(0))
    with (tmp_path / "anchors.jsonl").open("ab") as file:
        file.write(b'{"anchor":2,"anch')
    assert faults(store, tmp_path) != []
    mine.append(draft(1))
    assert faults(store, tmp_path) == []


def test_an_anchor_that_could_not_be_noted_is_noted_next_time(
    store: SqlStore, tmp_path: Path
) -> None:
    mine = trail(store, tmp_path, anchor_every=1000)
    with store.transaction() as work:
        work.receipts.append(draft(0))
        work.commit()
    with store.snapshot() as work:
        sequence, hash_ = work.receipts.head()
        lost = Anchor(1, NOW, work.receipts.store_id(), sequence, hash_, "0" * 64)
    (tmp_path / "anchors.jsonl").write_text(lost.line())
    assert "not noted in the database" in faults(store, tmp_path)[0]
    assert mine.anchor() == lost
    assert faults(store, tmp_path) == []


def test_a_deleted_anchor_file_is_noticed_for_ever(store: SqlStore, tmp_path: Path) -> None:
    mine = trail(store, tmp_path, anchor_every=1)
    mine.append(draft(0))
    (tmp_path / "anchors.jsonl").unlink()
    assert "not in the anchor file" in faults(store, tmp_path)[0]
    mine.append(draft(1))
    assert any("not in the anchor file" in one for one in faults(store, tmp_path))


def test_pictures_are_kept_only_where_the_operator_says_so(store: SqlStore, tmp_path: Path) -> None:
    receipt = trail(store, tmp_path, keep_pictures=False).append(draft(pictures=2))
    assert receipt.picture_count == 0
    with store.snapshot() as work:
        assert work.receipts.pictures(1) == []
    assert trail(store, tmp_path).append(draft(pictures=2)).picture_count == 2


def test_old_pictures_are_purged_and_the_chain_says_so(store: SqlStore, tmp_path: Path) -> None:
    mine = trail(store, tmp_path, picture_days=1)
    for number in range(3):
        mine.append(draft(number, pictures=2))
    mine._clock.at = NOW + timedelta(days=1, minutes=1, seconds=30)  # type: ignore[attr-defined]
    mine._clock.at -= timedelta(minutes=1)  # type: ignore[attr-defined]
    entry = mine.purge()
    assert entry is not None
    assert entry.erased == {Part.PICTURES: ((1, 2),)}
    with store.snapshot() as work:
        assert [len(work.receipts.pictures(number)) for number in (1, 2, 3)] == [0, 0, 2]
    assert faults(store, tmp_path) == []
    assert trail(store, tmp_path, picture_days=0).purge() is None
    mine._purge_at = None
    mine._clock.at += timedelta(days=9)  # type: ignore[attr-defined]
    mine.settle()
    with store.snapshot() as work:
        assert work.receipts.with_pictures() == []


def test_an_erased_person_is_gone_from_every_byte_and_the_chain_holds(
    store: SqlStore, tmp_path: Path
) -> None:
    mine = trail(store, tmp_path)
    face = b"\x89PNG-the-face-of-zoe"
    for number in range(6):
        mine.append(draft(number, pictures=2))
    mine.append(dataclasses.replace(draft(8), pictures=(face, face)))
    words = "Ben waited for Zoë 李, the second person"
    mine.append(draft(1, subject_id=8, subject_name="Ben", explanation=words, rule="two"))
    mine.append(draft(1, subject_id=8, subject_name="Ben", explanation="not Zoë 李x", rule=""))
    entry = mine.erase_person("Zoë 李")
    assert entry.erased[Part.PERSON] == ((1, 1), (3, 3), (5, 5), (7, 7))
    assert entry.erased[Part.WORDS] == ((1, 1), (3, 3), (5, 5), (7, 8))
    assert entry.erased[Part.PICTURES] == ((1, 1), (3, 3), (5, 5), (7, 7))
    with store.snapshot() as work:
        ben = work.receipts.get(8)
        assert isinstance(ben, Receipt)
        assert (ben.draft.subject_name, ben.draft.explanation) == ("Ben", "")
        assert work.receipts.filter(subject="Zoë 李") == []
    assert faults(store, tmp_path) == []
    store.close()
    left = b"".join(file.read_bytes() for file in tmp_path.glob("facegate.db*"))
    assert face not in left
    # The third receipt of Ben's names somebody else, so it stays.
    assert left.count("Zoë 李".encode()) + left.count(rb"Zo\u00eb \u674e") == 1


def test_everybody_who_had_the_name_is_erased_under_all_names(
    store: SqlStore, tmp_path: Path
) -> None:
    mine = trail(store, tmp_path)
    mine.append(draft(subject_name="Ana"))
    mine.append(draft(subject_name="Ana-Maria"))
    mine.append(draft(1, explanation="Ana-Maria was not there"))
    entry = mine.erase_person("Ana")
    assert entry.erased[Part.PERSON] == ((1, 2),)
    assert entry.erased[Part.WORDS] == ((1, 3),)
    with pytest.raises(UnknownSubject):
        mine.erase_person("Ana")


def test_enrolled_people_without_receipts_can_be_erased(store: SqlStore, tmp_path: Path) -> None:
    with store.transaction() as work:
        work.subjects.add("Ana", NOW)
        work.commit()
    assert trail(store, tmp_path).erase_person("Ana").erased == {}
    assert faults(store, tmp_path) == []
