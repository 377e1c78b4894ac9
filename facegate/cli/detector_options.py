"""Options of the commands that look for faces in pictures."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from facegate.domain.tiling import TileMode

TilesOption = Annotated[
    TileMode | None,
    typer.Option(
        "--tiles",
        help="Also look at large pictures in parts at full size, for small faces in large scenes: "
        "on, off, or auto (pictures longer than 1,280 pixels); else as set.",
        show_default=False,
    ),
]
MinFaceOption = Annotated[
    float | None,
    typer.Option(
        "--min-face-px", min=1, help="Leave out smaller faces, pixels; else as set (16).",
        show_default=False,
    ),
]  # fmt: skip
MaxFacesOption = Annotated[
    int | None,
    typer.Option(
        "--max-faces", min=1, help="Keep at most so many faces of a picture; else as set (200).",
        show_default=False,
    ),
]  # fmt: skip

ZoomOption = Annotated[
    int | None,
    typer.Option(
        "--zoom", min=0, max=100, show_default=False,
        help="Look again, nearer, at up to so many small doubtful faces: 4 finds more of the far "
        "ones; else as set (0).",
    ),
]  # fmt: skip


def detector_settings(
    tiles: TileMode | None,
    min_face_px: float | None,
    max_faces: int | None,
    zoom_crops: int | None = None,
) -> dict[str, Any]:
    """What the options say, as settings for `facegate.bootstrap.start`; what they leave is left."""
    given = {
        "tiles": tiles,
        "min_face_px": min_face_px,
        "max_faces": max_faces,
        "zoom_crops": zoom_crops,
    }
    wanted = {name: value for name, value in given.items() if value is not None}
    return {"detector": wanted} if wanted else {}
