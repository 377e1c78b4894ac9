"""`facegate threshold`: what τ keeps, and what that means for the people enrolled."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from facegate.cli.output import JsonOption, console, percent, plain, print_json, remark

if TYPE_CHECKING:
    from facegate.bootstrap import FaceGate
    from facegate.evaluation.stranger_risk import StrangerRisk

MOSTLY_REFUSED = 0.5
"""A door that refuses most of the enrolled is of no use; there is something to mend."""

app = typer.Typer(help="See and set what the threshold shall keep.", no_args_is_help=True)


@app.command("show")
def show(
    target: Annotated[
        str, typer.Option("--target", help="Try out another target; nothing is changed.")
    ] = "",
    as_toml: Annotated[
        bool, typer.Option("--toml", help="Print the tuned tables for a model card.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the threshold in force, its evidence, and how often strangers get in."""
    from facegate.bootstrap import start
    from facegate.domain.targets import ThresholdTarget
    from facegate.services.thresholds import card_fragment, stranger_risk

    gate = start()
    if as_toml:
        with gate.store.snapshot() as work:
            tails = work.thresholds.tails(gate.embedder_card.model_id)
        sys.stdout.write(card_fragment(gate.baseline(), tails))
        return
    policy = gate.threshold_policy(ThresholdTarget.parse(target) if target else None)
    risk = stranger_risk(gate.store, policy)
    if as_json:
        print_json(
            {"model": policy.model_id, "baseline_tau": policy.baseline.tau, **risk.as_dict()}
        )
        return
    _print(risk)


@app.command("set")
def set_target(
    target: Annotated[
        str,
        typer.Argument(
            help="f1; fmr:1e-5, for each comparison; or fpir:0.001, for each search, however many "
            "people are enrolled.",
            show_default=False,
        ),
    ],
    below_f1: Annotated[
        bool,
        typer.Option("--below-f1", help="Allow a threshold below that of the best F1."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Set what the threshold shall keep, from the next search on.

    Refused (exit code 9) when the measured pairs are too few to support it.
    """
    from facegate.bootstrap import start
    from facegate.domain.targets import BELOW_F1, ThresholdTarget
    from facegate.errors import ConfigError, EvaluationError
    from facegate.evaluation.rates import upper_limit
    from facegate.evaluation.words import counted, rounded_up
    from facegate.services.thresholds import stranger_risk

    gate = start()
    wanted = ThresholdTarget.parse(f"{target}:{BELOW_F1}" if below_f1 else target)
    if gate.settings.threshold_target:
        raise ConfigError(
            f"The settings ask for {gate.settings.threshold_target}, which goes before this.",
            hint="Take threshold_target out of facegate.toml and the environment.",
        )
    policy = gate.threshold_policy(wanted)
    risk = stranger_risk(gate.store, policy)
    if not risk.threshold.supported:
        pairs = risk.threshold.fmr.trials
        fmr = upper_limit(0, pairs)
        hint = f"They support fmr:{rounded_up(fmr)}"
        if risk.templates:
            among = counted(risk.templates, "template", "templates")
            hint += f", or fpir:{rounded_up(risk.least_supported)} among {among}"
        raise EvaluationError(
            f"{counted(pairs, 'measured pair', 'measured pairs')} cannot support the target "
            f"{wanted}. Nothing was changed.",
            hint=f"{hint}. Tune with more people for more.",
        )
    with gate.store.transaction() as work:
        work.thresholds.set_target(wanted, gate.clock())
        work.events.add(gate.clock(), "target", "", f"{wanted} for {policy.model_id}")
        work.commit()
    if as_json:
        print_json(
            {"model": policy.model_id, "baseline_tau": policy.baseline.tau, **risk.as_dict()}
        )
        return
    _print(risk)


def print_risk(gate: FaceGate) -> None:
    """Tell what the people enrolled now mean for strangers; a target that fails is a remark."""
    from facegate.errors import FacegateError

    try:
        risk = gate.stranger_risk()
    except FacegateError as error:
        remark(f"{error} {error.hint}")
        return
    console().print(f"[dim]{plain(risk.stranger_sentence())}[/dim]")
    if not risk.threshold.supported:
        remark(risk.threshold.note)


def _print(risk: StrangerRisk) -> None:
    one, out = risk.threshold, console()
    out.print(f"[bold]τ = {one.tau:.4f}[/bold] for the target {one.target}, {one.model_id}")
    for title, measured in (("FMR ", one.fmr), ("FNMR", one.fnmr)):
        out.print(
            f"{title} {percent(measured.value)}: {measured.errors:,} of {measured.trials:,} pairs, "
            f"95 % interval {percent(measured.low)} to {percent(measured.high)}"
        )
    out.print(plain(risk.stranger_sentence()))
    out.print(plain(risk.refusal_sentence()))
    out.print(
        f"[dim]Measured on {plain(one.data)}. Pairs share faces, so the true intervals are "
        "somewhat wider; and a few enrolled people can by chance attract twice as many "
        "strangers.[/dim]"
    )
    if one.fnmr.value > MOSTLY_REFUSED:
        remark(
            "Most tries of enrolled people would be refused. One person under two names among the "
            "tuning pictures raises τ that far: `facegate tune` lists the most alike."
        )
    if one.note:
        out.print(plain(one.note) if one.supported else f"[yellow]{plain(one.note)}[/yellow]")
