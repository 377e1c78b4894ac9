"""An anchor file that is lost is begun anew, knowingly, and that is told for ever."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import NOW
from receipts_made import draft

from facegate.errors import InputError
from facegate.services.audit import AuditRules, AuditTrail
from facegate.services.audit_report import VerifyReport, verify_store
from facegate.services.export_receipts import export_jsonl, verify_export
from facegate.store.unit_of_work import SqlStore


class Chain:
    """Receipts in a real database, anchored after every second one."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "anchors.jsonl"
        self.store = SqlStore(f"sqlite:///{folder / 'a.db'}")
        self.trail = AuditTrail(self.store, lambda: NOW, AuditRules(self.file, anchor_every=2))

    def add(self, count: int) -> None:
        for _ in range(count):
            self.trail.append(draft())

    def verify(self) -> VerifyReport:
        return verify_store(self.store, self.file)


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    made = Chain(tmp_path)
    made.add(6)
    assert made.verify().intact
    return made


def lose(chain: Chain) -> None:
    chain.file.unlink()


def damage(chain: Chain) -> None:
    lines = chain.file.read_text().splitlines(keepends=True)
    chain.file.write_text(lines[0] + "nonsense\n" + lines[2])


def replace_by_folder(chain: Chain) -> None:
    chain.file.unlink()
    chain.file.mkdir()


def cut(chain: Chain) -> None:
    chain.file.write_text(chain.file.read_text().splitlines(keepends=True)[0])


def lose_and_go_on(chain: Chain) -> None:
    chain.file.unlink()
    chain.add(4)


@pytest.mark.parametrize("loss", [lose, damage, replace_by_folder, cut, lose_and_go_on])
def test_a_renewed_file_is_no_fault_any_more_but_is_told_of(chain: Chain, loss: object) -> None:
    loss(chain)  # type: ignore[operator]
    there = chain.file.exists()
    entry, kept = chain.trail.renew_anchors()
    assert entry.lost_anchors >= 3
    assert (kept is not None) is there
    assert kept is None or kept.exists()
    chain.add(5)
    report = chain.verify()
    assert report.intact, report.faults
    assert [one.sequence for one in report.renewals] == [entry.sequence]
    (remark,) = [text for text in report.remarks if "begun anew" in text]
    assert f"receipt {entry.sequence}" in remark
    assert f"1 to {entry.lost_anchors}" in remark
    assert report.anchored > entry.sequence
    with chain.store.snapshot() as work:
        assert work.events.recent(1)[0].kind == "anchors renewed"
    export = chain.folder / "receipts.jsonl"
    with export.open("w") as out:
        export_jsonl(chain.store, out, lambda: NOW)
    exported = verify_export(export, chain.file)
    assert exported.intact, exported.faults
    assert any("begun anew" in text for text in exported.remarks)


def test_it_may_happen_again(chain: Chain) -> None:
    lose(chain)
    chain.trail.renew_anchors()
    chain.add(5)
    damage(chain) if len(chain.file.read_text().splitlines()) > 2 else lose(chain)
    chain.trail.renew_anchors()
    chain.add(3)
    report = chain.verify()
    assert report.intact, report.faults
    assert len(report.renewals) == 2


def test_a_whole_file_is_not_renewed(chain: Chain) -> None:
    with pytest.raises(InputError):
        chain.trail.renew_anchors()
    assert not chain.verify().renewals
    (chain.folder / "new").mkdir()
    fresh = Chain(chain.folder / "new")
    with pytest.raises(InputError):
        fresh.trail.renew_anchors()


def test_what_is_lost_after_a_renewal_is_a_fault_again(chain: Chain) -> None:
    lose(chain)
    chain.trail.renew_anchors()
    chain.add(4)
    whole = chain.file.read_text()
    lose(chain)
    assert not chain.verify().intact
    chain.file.write_text(whole.splitlines(keepends=True)[1])
    assert not chain.verify().intact
    chain.file.write_text(whole)
    assert chain.verify().intact


def test_a_renewal_hides_no_change_of_what_anchors_still_say(chain: Chain) -> None:
    """Old lines that are still there are held against the chain."""
    old = chain.file.read_text()
    lose(chain)
    chain.trail.renew_anchors()
    chain.file.write_text(old.replace('"sequence":2', '"sequence":3'))
    assert not chain.verify().intact


def test_a_renewal_that_is_taken_out_of_the_chain_is_missed(chain: Chain) -> None:
    lose(chain)
    entry, _ = chain.trail.renew_anchors()
    with chain.store.transaction() as work:
        connection = work.receipts._connection
        connection.exec_driver_sql("DROP TRIGGER refuse_delete_receipts")
        connection.exec_driver_sql("DELETE FROM receipts WHERE sequence = ?", (entry.sequence,))
        work.commit()
    assert not chain.verify().intact
