"""`facegate models add`: check a network that somebody else made, and keep it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facegate.cli.output import EXIT_NO, JsonOption, console, plain, print_json, remark, table

if TYPE_CHECKING:
    from facegate.bootstrap import FaceGate
    from facegate.domain.arrays import ImageArray
    from facegate.models.admission import Admission
    from facegate.vision.align import CropGeometry


def add(
    file: Annotated[
        Path, typer.Argument(help="ONNX file of a face-embedding network.", show_default=False)
    ],
    contract: Annotated[
        Path | None,
        typer.Option(
            "--contract",
            help="TOML file with name, license, input, size, layout, dtype, color_order, mean, "
            "scale, template, output, dim, unit_length, tau; what the network tells itself may be "
            "left out. Without it, FILE.toml beside the network is taken.",
        ),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="What it will be called.")] = "",
    license_text: Annotated[str, typer.Option("--license", help="Its license, in words.")] = "",
    color_order: Annotated[
        str, typer.Option("--color-order", help="RGB or BGR, where there is no contract.")
    ] = "",
    mean: Annotated[
        str,
        typer.Option(
            "--mean", help="The network gets (x - mean) * scale; a number or three: 123,117,104."
        ),
    ] = "",
    scale: Annotated[
        str, typer.Option("--scale", help="See --mean; fractions such as 1/127.5 are understood.")
    ] = "",
    layout: Annotated[
        str, typer.Option("--layout", help="nhwc or nchw, where the network does not tell.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check only, keep nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check an embedding network and keep it in the data folder. Exit code 11: it was refused.

    Nothing changes until `facegate models use` chooses it, and nobody matches before it has a
    threshold (`facegate tune --model NAME`, or tau in its contract). Templates of different
    networks are never compared.
    """
    from facegate.bootstrap import start
    from facegate.errors import ModelError
    from facegate.evaluation.threshold import DEFAULT_MARGIN
    from facegate.models.admission import examine_encoder, read_onnx
    from facegate.models.contract import clean_model_name, read_tau
    from facegate.models.contract_file import (
        contract_text,
        draft_from_options,
        read_contract_file,
    )

    gate = start()
    weights = read_onnx(file)
    beside = file.with_suffix(".toml")
    contract = contract or (beside if beside != file and beside.is_file() else None)
    draft = draft_from_options(color_order, mean, scale, layout)
    if contract is not None and draft:
        raise ModelError(
            f"{contract} says how the network is used; {', '.join(draft)} cannot be said twice.",
            hint="Change the contract file instead.",
        )
    said = read_contract_file(contract) if contract is not None else draft
    name = clean_model_name(name or str(said.get("name", "")) or file.stem)
    license_text = license_text or str(said.get("license", "")) or "unknown"
    tau = read_tau(said)
    admission = examine_encoder(weights, said, lambda geometry: _faces(gate, geometry))
    kept = None
    if admission.accepted and admission.contract is not None and not dry_run:
        kept = gate.library.add(
            weights,
            admission.contract,
            name=name,
            license_text=license_text,
            tau=tau,
            margin=DEFAULT_MARGIN,
            taken=[word for card in gate.cards for word in (card.name, card.alias)],
            source=file.name,
            added_at=gate.clock(),
        )
        if contract is None:
            text = contract_text(name, license_text, admission.contract)
            _write_beside(beside, text)
    model = kept.model_id if kept is not None else None
    if as_json:
        print_json(
            {
                "accepted": admission.accepted,
                "model": model,
                "checks": [check.as_dict() for check in admission.checks],
                "contract": None if admission.contract is None else admission.contract.as_dict(),
            }
        )
    else:
        _print(admission, model, name, has_tau=tau is not None)
    if not admission.accepted:
        raise typer.Exit(EXIT_NO)


def _print(admission: Admission, model: str | None, name: str, *, has_tau: bool) -> None:
    shown = table("check", "result", "seen")
    for check in admission.checks:
        state = "[green]pass[/green]" if check.passed else "[bold red]fail[/bold red]"
        if not check.passed and not check.required:
            state = "[yellow]look[/yellow]"
        shown.add_row(check.name, state, plain(check.detail))
    console().print(shown)
    if not admission.accepted:
        console().print("[bold red]Refused[/bold red]; nothing was kept.")
    elif model is None:
        console().print("[bold green]It would be kept[/bold green]; nothing was changed.")
    else:
        console().print(f"[bold green]Added[/bold green] as {plain(model)}. It is not in use yet.")
        steps = [] if has_tau else [f"facegate tune PEOPLE --model {name}"]
        steps += [f"facegate people reenroll --model {name}", f"facegate models use {name}"]
        console().print("[dim]Next: " + plain("; ".join(steps)) + "[/dim]")


def _write_beside(path: Path, text: str) -> None:
    """Leave the completed contract beside the network, where that may be written."""
    from facegate.cli.output import write_atomically
    from facegate.errors import InputError

    try:
        write_atomically(path, text.encode("utf-8"))
    except InputError as error:
        remark(f"The contract was not written beside the network: {error}")
    else:
        remark(f"Its contract is in {path}.")


def _faces(gate: FaceGate, geometry: CropGeometry) -> dict[str, ImageArray]:
    """Two public-domain portraits, and a darker copy of the first, cut for a network."""
    from facegate.services.demo import COLLINS, HOPPER
    from facegate.services.reading import main_face
    from facegate.vision.align import align_face
    from facegate.vision.alter import darkened
    from facegate.vision.images import load_image

    faces: dict[str, Any] = {}
    for key, portrait in (("first", COLLINS), ("second", HOPPER)):
        frame = load_image(portrait.path()).frame_bgr
        found = gate.detector.detect(frame)
        face = main_face(found, (int(frame.shape[1]), int(frame.shape[0])))
        wanted = face.landmarks_xy, geometry.size_px, geometry.template_xy
        faces[key] = align_face(frame, *wanted)
        if key == "first":
            faces["first_again"] = align_face(darkened(frame), *wanted)
    return faces
