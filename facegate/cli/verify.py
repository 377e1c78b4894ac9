"""`facegate verify A B`: one person or two?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facegate.cli.output import EXIT_NO, JsonOption, ModelOption, console, print_json, remark

Picture = Annotated[
    Path, typer.Argument(help="A picture with a face.", show_default=False, readable=False)
]


def verify(
    picture_a: Picture, picture_b: Picture, model: ModelOption = "", as_json: JsonOption = False
) -> None:
    """Compare the faces of two pictures. Exit code 0: the same person, 11: not."""
    from facegate.bootstrap import start
    from facegate.errors import ModelError
    from facegate.services.verify import verify as compare

    gate = start(model)
    if not gate.baseline().is_set:
        raise ModelError(
            f"{gate.embedder_card.name} has no threshold yet, so it cannot say whether two "
            "pictures show one person.",
            hint="Run `facegate tune` for it.",
        )
    threshold = gate.threshold_policy().for_gallery(1)
    result = compare(gate.reader, threshold, picture_a, picture_b, gate.calibration())
    if not threshold.supported:
        remark(threshold.note)
    if as_json:
        print_json(result.as_dict())
    else:
        color, words = ("green", "The same person") if result.same else ("red", "Not the same")
        sign = "≥" if result.same else "<"
        console().print(
            f"[bold {color}]{words}[/bold {color}]: similarity {result.similarity:.3f} "
            f"{sign} τ {result.threshold.tau:.3f}"
        )
    if not result.same:
        raise typer.Exit(EXIT_NO)
