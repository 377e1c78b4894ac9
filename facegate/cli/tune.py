"""`facegate tune`: choose τ from labeled pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facegate.cli.output import (
    JsonOption,
    ModelOption,
    console,
    percent,
    plain,
    print_json,
    progress,
    remark,
    write_atomically,
)

if TYPE_CHECKING:
    from facegate.bootstrap import FaceGate
    from facegate.domain.calibration import Calibration
    from facegate.domain.decisions import Threshold
    from facegate.domain.tails import ScoreTails

SHOWN = 5
"""Most alike pictures of different people that are listed; wrong labels are among the first."""


def tune(
    root: Annotated[
        Path,
        typer.Argument(
            help="Folder with a folder per person; or the pictures' root, with --pairs.",
            show_default=False,
        ),
    ],
    pairs: Annotated[
        Path | None, typer.Option("--pairs", help="List of labeled pairs (LFW's form or CSV).")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Measure and show τ, but leave the one in force.")
    ] = False,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Write the ROC and the score histograms as PNG.")
    ] = None,
    calibrate: Annotated[
        bool,
        typer.Option(
            "--calibrate",
            help="Also fit the probability that two faces are one person's, shown with --json.",
        ),
    ] = False,
    prior: Annotated[
        float,
        typer.Option(
            "--prior", min=0, max=1, help="Share of mated comparisons that --calibrate assumes."
        ),
    ] = 0.5,
    toml: Annotated[
        Path | None,
        typer.Option("--toml", help="Write the threshold and its tails as tables of a model card."),
    ] = None,
    model: ModelOption = "",
    as_json: JsonOption = False,
) -> None:
    """Find the threshold with the best F1 and put it in force for the network in use.

    The score tails are kept with it, so that `facegate threshold set` can choose other thresholds.
    """
    from facegate.bootstrap import start
    from facegate.evaluation.calibration import calibrate as fit_calibration
    from facegate.evaluation.lookalikes import look_alikes, look_alikes_of_pairs
    from facegate.evaluation.pairs import people_in, read_pairs
    from facegate.evaluation.plots import roc_png
    from facegate.evaluation.rates import upper_limit
    from facegate.evaluation.tails import measure_tails
    from facegate.services.measure import (
        encode_pictures,
        pictures_of,
        tune_on_pairs,
        tune_on_people,
    )
    from facegate.services.thresholds import card_fragment

    gate = start(model)
    model_id = gate.embedder_card.model_id
    if pairs is None:
        people = people_in(root)
        files = [path for paths in people.values() for path in paths]
        encoded = encode_pictures(gate.reader, progress(files, len(files), "Encoding"))
        words = f"{root.name}: {len(people)} people, {len(encoded.embeddings)} pictures, all pairs"
        found, mated, non_mated = tune_on_people(encoded, people, model_id, words, gate.clock)
        alike = look_alikes(encoded.embeddings, people, SHOWN)
    else:
        listed = read_pairs(pairs, root)
        files = pictures_of(listed)
        encoded = encode_pictures(gate.reader, progress(files, len(files), "Encoding"))
        words = f"{pairs.name}: {len(listed)} pairs"
        found, mated, non_mated = tune_on_pairs(encoded, listed, model_id, words, gate.clock)
        alike = look_alikes_of_pairs(encoded.embeddings, listed, SHOWN)
    alike = [one for one in alike if one.similarity >= found.tau]
    tails = measure_tails(
        mated,
        non_mated,
        model_id=model_id,
        data=words,
        faces=len(encoded.embeddings),
        now=found.created_at,
        also_at=[found.tau],
    )
    curve = fit_calibration(mated, non_mated, prior) if calibrate else None
    if not dry_run:
        with gate.store.transaction() as work:
            work.thresholds.add(found, tails, curve)
            work.events.add(gate.clock(), "tune", "", f"tau {found.tau:.4f} for {model_id}")
            work.commit()
    if plot is not None:
        write_atomically(plot, roc_png(mated, non_mated, found.tau, words))
    if toml is not None:
        write_atomically(toml, card_fragment(found, tails).encode("utf-8"))
    if as_json:
        print_json(
            {
                **_as_dict(found),
                "failed_to_acquire": len(encoded.failed),
                "stored": not dry_run,
                "look_alikes": [one.as_dict() for one in alike],
                "tails": {
                    **tails.as_dict(),
                    "least_supported_fmr": upper_limit(0, tails.non_mated),
                },
                "calibration": None if curve is None else curve.as_dict(),
            }
        )
        return
    _print(found, tails, curve)
    if alike:
        remark("Are these really different people? One wrong label raises every strict threshold.")
        for two in alike:
            remark(f"  {two.similarity:.3f}  {two.path_a}  {two.path_b}")
    if encoded.failed:
        remark(f"{len(encoded.failed)} pictures had no face or could not be read.")
    console().print("Nothing was changed." if dry_run else _in_force(gate))


def _in_force(gate: FaceGate) -> str:
    """What the door uses now: a target goes before the tuned baseline."""
    threshold = gate.threshold()
    if str(threshold.target) == "f1":
        return "It is in force from now on."
    return f"In force is the target {threshold.target}: τ = {threshold.tau:.4f}."


def _print(found: Threshold, tails: ScoreTails, curve: Calibration | None) -> None:
    from facegate.evaluation.rates import upper_limit
    from facegate.evaluation.words import odds

    out = console()
    out.print(f"[bold]τ = {found.tau:.4f}[/bold] for {found.model_id}, F1 {found.f1:.4f}")
    for title, one in (("FMR ", found.fmr), ("FNMR", found.fnmr)):
        out.print(
            f"{title} {percent(one.value)}: {one.errors} of {one.trials} pairs, "
            f"95 % interval {percent(one.low)} to {percent(one.high)}"
        )
    out.print(f"[dim]{plain(found.data)}[/dim]")
    least = odds(upper_limit(0, tails.non_mated))
    out.print(
        f"These {tails.non_mated:,} pairs of different people, of {tails.faces:,} faces, support "
        f"an FMR of {least} at best (95 %, rule of three)."
    )
    if curve is not None:
        out.print(
            f"Probabilities by {curve.method}, log loss {curve.log_loss:.4f}, for a prior of "
            f"{curve.prior:.4g}; shown by `verify --json` and `identify --json`."
        )


def _as_dict(found: Threshold) -> dict[str, Any]:
    from facegate.evaluation.verification import rate_dict

    return {
        "tau": found.tau,
        "margin": found.margin,
        "model": found.model_id,
        "method": found.method,
        "f1": found.f1,
        "fmr": rate_dict(found.fmr),
        "fnmr": rate_dict(found.fnmr),
        "data": found.data,
        "created_at": found.created_at.isoformat(),
    }
