"""Lets help text flow: typer breaks it where the lines of a docstring end, and wraps it too."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import typer


def let_help_flow(app: typer.Typer) -> None:
    """Join the lines of each paragraph of all commands' help, at any depth."""
    if app.registered_callback is not None:
        _join(app.registered_callback)
    for command in app.registered_commands:
        _join(command)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            let_help_flow(group.typer_instance)


def joined(text: str) -> str:
    """The same with each paragraph on one line."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _join(info: Any) -> None:
    callback: Callable[..., object] | None = info.callback
    text = info.help if isinstance(info.help, str) else callback and callback.__doc__
    if text:
        info.help = joined(text)
