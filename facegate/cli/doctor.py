"""`facegate doctor`: is everything in order?"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from typing import TYPE_CHECKING

import typer

from facegate.cli.machine import library_versions
from facegate.cli.output import EXIT_NO, JsonOption, console, percent, plain, print_json, table

if TYPE_CHECKING:
    from facegate.bootstrap import FaceGate
    from facegate.services.health import Health

    Result = tuple[Health, str, str]

WORRYING_FPIR = 0.01
"""A door that lets in one stranger in a hundred needs a guard beside it."""

LOW_DISK_BYTES = 200 * 1024 * 1024


def doctor(as_json: JsonOption = False) -> None:
    """Check installation, networks, database, index, threshold and attack tests.

    Exit code 11: a fault.
    """
    from facegate.bootstrap import start
    from facegate.services.health import Health, examine

    gate = start()
    findings = examine(
        {
            "program": _program,
            "networks": lambda: _networks(gate),
            "data folder": lambda: _data_folder(gate),
            "database": lambda: _database(gate),
            "search index": lambda: _index(gate),
            "threshold": lambda: _threshold(gate),
            "strangers": lambda: _strangers(gate),
            "real face": lambda: _real_face(gate),
            "attack tests": lambda: _attack_tests(gate),
        }
    )
    if as_json:
        print_json([finding.as_dict() for finding in findings])
    else:
        colors = {Health.OK: "green", Health.WARNING: "yellow", Health.FAULT: "bold red"}
        shown = table("check", "state", "seen")
        for one in findings:
            advice = f"\n[yellow]{plain(one.advice)}[/yellow]" if one.advice else ""
            state = f"[{colors[one.health]}]{one.health.value}[/{colors[one.health]}]"
            shown.add_row(one.check, state, plain(one.detail) + advice)
        console().print(shown)
    if any(finding.health is Health.FAULT for finding in findings):
        raise typer.Exit(EXIT_NO)


def _program() -> Result:
    from facegate import __version__
    from facegate.services.health import Health

    found = [f"{library} {version}" for library, version in library_versions().items()]
    seen = f"facegate {__version__}, Python {platform.python_version()}, {sys.platform}"
    return Health.OK, f"{seen}; {', '.join(found)}", ""


def _networks(gate: FaceGate) -> Result:
    from facegate.services.health import Health

    for card in gate.cards:
        card.read_weights()
    broken = gate.library.cards()[1]
    if broken:
        advice = "Remove the network and add it again."
        return Health.WARNING, "; ".join(one.reason for one in broken), advice
    in_use = f"{gate.detector_card.model_id} and {gate.embedder_card.model_id}"
    return Health.OK, f"{len(gate.cards)} networks have the right digest; in use: {in_use}", ""


def _data_folder(gate: FaceGate) -> Result:
    from facegate.services.health import Health

    folder = gate.settings.data_dir
    if not folder.exists():
        return Health.OK, f"{folder} will be made on first use", ""
    if not os.access(folder, os.W_OK):
        return Health.FAULT, f"{folder} cannot be written", "Change its permissions."
    free = shutil.disk_usage(folder).free
    if free < LOW_DISK_BYTES:
        return Health.WARNING, f"{folder}: only {free / 1e6:.0f} MB are free", "Free some space."
    if os.name == "posix" and folder.stat().st_mode & 0o077:
        advice = f"chmod 700 {folder}"
        return Health.WARNING, f"{folder} can be read by other users of this machine", advice
    return Health.OK, f"{folder}, {free / 1e9:.1f} GB free", ""


def _database(gate: FaceGate) -> Result:
    from facegate.services.health import Health

    with gate.store.snapshot() as work:
        subjects = work.subjects.list()
        models = work.templates.counts_by_model()
        kept = sum(work.kept_crops.counts().values())
    disabled = sum(not subject.enabled for subject in subjects)
    seen = f"{len(subjects)} people ({disabled} disabled), {sum(models.values())} templates"
    if kept:
        seen += f", {kept} pictures of faces"
    in_use = {gate.embedder_card.model_id, gate.batch_card.model_id}
    foreign = sum(n for model, n in models.items() if model not in in_use)
    if foreign:
        advice = (
            "They are not searched. `facegate people reenroll` makes new ones where pictures were "
            "kept; else enroll these people again."
        )
        return Health.WARNING, f"{seen}; {foreign} templates are of another network", advice
    if kept and not gate.settings.keep_crops:
        advice = "`facegate people drop-crops` deletes them."
        return Health.WARNING, f"{seen}, though keep_crops is off", advice
    return Health.OK, seen, ""


def _index(gate: FaceGate) -> Result:
    from facegate.services.health import Health

    with gate.store.snapshot() as work:
        wanted = len(work.templates.searchable_ids(gate.embedder_card.model_id))
    if len(gate.gallery) != wanted:
        return Health.FAULT, f"{len(gate.gallery)} of {wanted} templates are searched", ""
    return Health.OK, f"{wanted} templates are searched", ""


def _threshold(gate: FaceGate) -> Result:
    from facegate.services.health import Health

    tau = gate.threshold()
    if not tau.is_set:
        return Health.FAULT, f"{tau.model_id}: nobody can match", "Run `facegate tune`."
    rates = f"FMR {percent(tau.fmr.value)} of {tau.fmr.trials}, FNMR {percent(tau.fnmr.value)} of "
    seen = f"τ = {tau.tau:.3f} for {tau.target}: {rates}{tau.fnmr.trials}; {tau.data}"
    if not tau.fmr.trials:
        return Health.WARNING, seen, "Nobody measured it. Run `facegate tune`."
    if not tau.supported:
        advice = "Tune with more people, or set a target that the data support."
        return Health.WARNING, f"{seen}. {tau.note}", advice
    return Health.OK, seen, ""


def _strangers(gate: FaceGate) -> Result:
    from facegate.services.health import Health

    risk = gate.stranger_risk()
    seen = f"{risk.stranger_sentence()} {risk.refusal_sentence()}"
    if not risk.threshold.fmr.trials:
        return Health.WARNING, seen, "Run `facegate tune`."
    if risk.fpir > WORRYING_FPIR:
        return Health.WARNING, seen, "Set a target: `facegate threshold set fpir:0.001`."
    return Health.OK, seen, ""


def _real_face(gate: FaceGate) -> Result:
    import numpy as np

    from facegate.services.demo import COLLINS
    from facegate.services.health import Health
    from facegate.vision.alter import darkened
    from facegate.vision.images import load_image

    frame = load_image(COLLINS.path()).frame_bgr
    first, second = gate.reader.read_main(frame), gate.reader.read_main(darkened(frame))
    if first is None or second is None:
        return Health.FAULT, "no face was found in a portrait that has one", "Install again."
    similarity = float(np.dot(first.embedding, second.embedding))
    tau = gate.threshold()
    if not tau.is_set:
        seen = f"a portrait and its darker copy have similarity {similarity:.2f}"
        return Health.OK, f"{seen}; there is no threshold to hold it to", ""
    if similarity < tau.tau:
        seen = f"a portrait and its darker copy have only similarity {similarity:.2f}"
        return Health.FAULT, seen, "Is the threshold sensible? See `facegate tune`."
    return Health.OK, f"a portrait matches its darker copy with similarity {similarity:.2f}", ""


def _attack_tests(gate: FaceGate) -> Result:
    from facegate.services.health import Health
    from facegate.services.pad_bench import read_benches

    newest = {one.camera: one for one in read_benches(gate.settings.data_dir)}
    advice = "`facegate pad bench --source ADDRESS` leads through a test with props."
    if not newest:
        return Health.WARNING, "no attack was ever tried at a camera of this gate", advice
    seen = "; ".join(
        f"{one.camera}: {one.passed} of {one.attacks} attacks passed ({one.at:%Y-%m-%d})"
        for one in newest.values()
    )
    if any(one.model_id != gate.pad_card.model_id for one in newest.values()):
        return Health.WARNING, f"{seen}, some with another network than the one in use", advice
    if any(not one.attacks for one in newest.values()):
        return Health.WARNING, f"{seen}; no attack was shown at one of them", advice
    if any(one.passed for one in newest.values()):
        hint = "Ask for a challenge always, or put a person beside this door."
        return Health.WARNING, seen, hint
    return Health.OK, seen, ""
