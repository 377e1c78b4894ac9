"""`facegate audit show`: one receipt with all that led to the decision."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facegate.cli.door_clocks import DoorClocks
from facegate.cli.output import (
    JsonOption,
    console,
    percent,
    plain,
    print_json,
    write_atomically,
)

if TYPE_CHECKING:
    from facegate.domain.receipts import Erasure, Evidence, Receipt

Sequence = Annotated[
    int, typer.Argument(metavar="SEQ", help="Number of a receipt.", show_default=False)
]


def show(
    sequence: Sequence,
    picture: Annotated[
        Path | None, typer.Option("--picture", help="Write the kept frame, with the face marked.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show one receipt. Scores are for operators, never for visitors."""
    from facegate.bootstrap import start
    from facegate.domain.receipts import Erasure

    with start().store.snapshot() as work:
        entry = work.receipts.get(sequence)
        pictures = work.receipts.pictures(sequence)
        clocks = DoorClocks(work.doors.list())
    if isinstance(entry, Erasure):
        _show_erasure(entry, as_json=as_json)
        return
    if picture is not None:
        write_atomically(picture, _marked(entry, pictures))
    if as_json:
        print_json({**receipt_dict(entry), "pictures_kept": len(pictures)})
    else:
        _show(entry, len(pictures), clocks)


def who(receipt: Receipt) -> str:
    """The person of a receipt for people to read."""
    from facegate.domain.receipts import Part

    if Part.PERSON in receipt.erased:
        return "(erased)"
    return receipt.draft.subject_name or "-"


def erasure_counts(entry: Erasure) -> dict[str, int]:
    """How many receipts lost which part."""
    return {
        part.value: sum(last - first + 1 for first, last in ranges)
        for part, ranges in entry.erased.items()
    }


def receipt_dict(receipt: Receipt) -> dict[str, Any]:
    """A receipt as JSON has it."""
    from dataclasses import asdict

    fields = asdict(receipt.draft)
    del fields["pictures"]
    return {
        "sequence": receipt.sequence,
        **fields,
        "reason": receipt.draft.reason.value,
        "granted": receipt.draft.reason.value == "granted",
        "erased": sorted(part.value for part in receipt.erased),
        "previous_hash": receipt.previous_hash,
        "hash": receipt.hash,
    }


def _show(receipt: Receipt, kept: int, clocks: DoorClocks) -> None:
    draft, out = receipt.draft, console()
    granted = draft.reason.value == "granted"
    word = "[green]granted[/green]" if granted else "[yellow]denied[/yellow]"
    zone = clocks.zone(draft.door).key
    at = f"{clocks.shown(draft.at, draft.door, offset=True)} ({zone})"
    out.print(f"[bold]Receipt {receipt.sequence}[/bold]: {word}, {plain(draft.reason.sentence)}")
    rows: list[tuple[str, Any]] = [
        ("time", at),
        ("door", draft.door),
        ("camera", draft.source),
        ("who", who(receipt)),
        ("reason", draft.reason.value),
        ("rule", draft.rule),
        ("explanation", draft.explanation),
        ("similarity", _number(draft.similarity)),
        ("second person", _number(draft.second_similarity)),
        ("threshold τ", _number(draft.tau)),
        ("margin", _number(draft.margin)),
        ("τ comes from", _origin(draft.operating_point)),
        ("attack check", _attack_check(draft.pad)),
        ("networks", _mapping(draft.models)),
        ("visit", draft.visit),
        ("time taken", "" if draft.elapsed_s is None else f"{draft.elapsed_s:.2f} s"),
        ("erased", ", ".join(sorted(part.value for part in receipt.erased))),
        ("pictures", f"{kept} of {receipt.picture_count} kept" if receipt.picture_count else ""),
        ("hash", receipt.hash),
        ("hash before", receipt.previous_hash),
    ]
    for name, value in rows:
        if value:
            out.print(f"  {name:<14} {plain(value)}")
    for number, evidence in enumerate(draft.evidence, start=1):
        out.print(f"  frame {number:<8} {plain(_evidence(evidence))}")


def _show_erasure(entry: Erasure, *, as_json: bool) -> None:
    counts = erasure_counts(entry)
    if as_json:
        ranges = {part.value: found for part, found in entry.erased.items()}
        print_json(
            {
                "sequence": entry.sequence, "at": entry.at, "why": entry.why, "erased": ranges,
                "lost_anchors": entry.lost_anchors,
                "previous_hash": entry.previous_hash, "hash": entry.hash,
            }
        )  # fmt: skip
        return
    out = console()
    out.print(f"[bold]Receipt {entry.sequence}[/bold]: an erasure, because {plain(entry.why)}")
    if entry.lost_anchors:
        out.print(f"  anchors        1 to {entry.lost_anchors}")
    for part, count in counts.items():
        out.print(f"  {part:<14} of {count} receipt(s)")


def _marked(receipt: Receipt, pictures: list[bytes]) -> bytes:
    """The first kept frame with its face marked, as JPEG."""
    import numpy as np

    from facegate.domain.decisions import Outcome
    from facegate.errors import ReceiptError
    from facegate.vision.annotate import FaceMark, annotate
    from facegate.vision.images import decode_image

    if not pictures or not receipt.draft.evidence:
        raise ReceiptError(
            f"No picture of receipt {receipt.sequence} is kept.",
            hint="The setting keep_pictures decides about future ones.",
        )
    frame_bgr = decode_image(pictures[0], Path(f"picture of receipt {receipt.sequence}")).frame_bgr
    granted = receipt.draft.reason.value == "granted"
    label = f"{who(receipt)} {_number(receipt.draft.similarity)}".strip()
    mark = FaceMark(
        np.asarray(receipt.draft.evidence[0].bbox_xyxy, np.float32),
        np.zeros((0, 2), np.float32),
        Outcome.MATCH if granted else Outcome.UNKNOWN,
        label,
    )
    return annotate(frame_bgr, [mark])


def _evidence(one: Evidence) -> str:
    x1, y1, x2, y2 = one.bbox_xyxy
    told = [f"face at {x1:.0f},{y1:.0f} to {x2:.0f},{y2:.0f}"]
    told += [f"similarity {_number(one.similarity)}"] if one.similarity is not None else []
    told += [f"attack score {_number(one.pad_score)}"] if one.pad_score is not None else []
    told += [f"quality {one.quality['score']:.2f}"] if "score" in one.quality else []
    return ", ".join([*told, f"SHA-256 {one.frame_sha256[:12]}…"])


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _origin(point: Mapping[str, Any] | None) -> str:
    """Where a threshold comes from, in a line; what an old receipt lacks is left out."""
    if not point:
        return ""
    words = [str(point.get("target", ""))]
    if point.get("gallery_size"):
        words.append(f"{point['gallery_size']} templates")
    fmr = point.get("fmr")
    if isinstance(fmr, Mapping) and fmr.get("of"):
        low, high = fmr.get("interval_95") or (math.nan, math.nan)
        interval = f"95 %: {percent(low)} to {percent(high)}"
        words.append(f"FMR {fmr.get('count')} of {fmr['of']:,} ({interval})")
    return "; ".join([*words, str(point.get("note") or "")]).rstrip("; ")


def _attack_check(pad: Mapping[str, Any]) -> str:
    """What the attack check said, in a line."""
    if not pad:
        return ""
    words = f"{pad.get('policy', '')}: {pad.get('presentation', '')}"
    if pad.get("pad_score") is not None:
        words += f", score {pad['pad_score']:.3f} over {pad.get('frames')} frames"
    if pad.get("cues"):
        words += f", {', '.join(pad['cues'])}"
    challenge = pad.get("challenge")
    if isinstance(challenge, Mapping):
        asked = ", ".join(challenge.get("movements", ()))
        words += f"; challenge {asked}: {challenge.get('state')}"
    return words


def _mapping(values: Mapping[str, str]) -> str:
    """Roles and networks in one line."""
    return ", ".join(f"{name}: {value}" for name, value in values.items())
