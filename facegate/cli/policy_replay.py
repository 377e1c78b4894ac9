"""`facegate policy replay`: what other rules would have done with the visits of the past."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facegate.cli.door_clocks import DoorClocks
from facegate.cli.output import JsonOption, console, plain, print_json, table
from facegate.cli.policy_options import complete_door, parse_since, read_policy_file

if TYPE_CHECKING:
    from facegate.domain.receipts import ReceiptDraft
    from facegate.domain.replay import ReplayRow, ReplaySummary
    from facegate.ports.store import UnitOfWork


def replay_past(
    since: Annotated[str, typer.Option("--since", help="How far back: 30d, 12h, 2w.")] = "30d",
    tau: Annotated[
        float | None, typer.Option("--tau", min=-1, max=1, help="Another threshold.")
    ] = None,
    door: Annotated[
        str, typer.Option("--door", help="Only this door.", autocompletion=complete_door)
    ] = "",
    policy_file: Annotated[
        Path | None, typer.Option("--policy", help="Other rules: a file of `policy export`.")
    ] = None,
    show_all: Annotated[bool, typer.Option("--all", help="Also what would not change.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Judge the visits of the past by the present rules, or others, or another threshold.

    Rules are followed from the first visit on, with lock-outs and anti-passback. Whoever passed
    then is taken to have typed the right PIN. A lower threshold leaves visits without an answer:
    receipts do not name whom it did not accept.
    """
    from facegate.bootstrap import start
    from facegate.domain.replay import replay, summarize

    gate = start()
    begin = gate.clock() - parse_since(since)
    with gate.store.snapshot() as work:
        policy = work.policy.load()
        present = policy.doors
        if policy_file is not None:
            policy = replace(read_policy_file(policy_file, policy), revision=policy.revision)
        drafts = list(_past(work, begin))
        if door and policy.door(door) is None and door not in {draft.door for draft in drafts}:
            work.doors.by_name(door)
    rows = [row for row in replay(drafts, policy, tau) if not door or row.door == door]
    summary = summarize(rows)
    listed = [row for row in rows if show_all or row.changed]
    if as_json:
        print_json({**_summary_dict(summary), "rows": [_row_dict(row) for row in listed]})
    else:
        # An explanation speaks of the clock of the rules that were tried.
        _print(listed, summary, DoorClocks([*present, *policy.doors]))


def _past(work: UnitOfWork, begin: datetime) -> Iterator[ReceiptDraft]:
    for receipt in work.receipts.since(begin):
        yield receipt.draft


def _row_dict(row: ReplayRow) -> dict[str, Any]:
    return {
        "at": row.at.isoformat(),
        "door": row.door,
        "subject": row.subject_name or None,
        "then": row.then.value,
        "now": row.now.value if row.now is not None else None,
        "text": row.text,
    }


def _summary_dict(summary: ReplaySummary) -> dict[str, Any]:
    return {
        "visits": summary.visits,
        "newly_granted": summary.opened,
        "newly_denied": summary.refused,
        "other_reason": summary.other_reason,
        "unknown": summary.unknown,
        "changes": [
            {"then": then.value, "now": now.value, "count": count}
            for (then, now), count in sorted(summary.changes.items(), key=lambda one: -one[1])
        ],
    }


def _print(rows: list[ReplayRow], summary: ReplaySummary, clocks: DoorClocks) -> None:
    doors = [row.door for row in rows]
    mixed = clocks.common(doors) is None
    shown = table(clocks.heading(doors), "door", "person", "then", "now", "why")
    for row in rows:
        now = row.now.value if row.now is not None else "?"
        when = clocks.shown(row.at, row.door, offset=mixed)
        shown.add_row(
            when, plain(row.door), plain(row.subject_name), row.then.value, now, plain(row.text)
        )
    if rows:
        console().print(shown)
    console().print(
        f"Of {summary.visits} visits, {summary.opened} would newly pass, {summary.refused} would "
        f"newly be refused, {summary.other_reason} would be refused for another reason, and "
        f"{summary.unknown} cannot be told."
    )
