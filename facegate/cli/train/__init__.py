"""`facegate train`: make the shipped networks again, or others."""

from __future__ import annotations

import typer

from facegate.cli.train import detector, embedder, landmarks, pad

app = typer.Typer(
    help="Train the networks. Needs `pip install 'facegate\\[train]'`; never runs at the gate.",
    no_args_is_help=True,
)
app.add_typer(embedder.app, name="embedder")
app.add_typer(detector.app, name="detector")
app.add_typer(landmarks.app, name="landmarks")
app.add_typer(pad.app, name="pad")
