"""Plots that another command wrote, shown as they are."""

from __future__ import annotations

from collections.abc import Sequence

from facegate.errors import InputError
from facegate.report.content import Figure, Figures, Picture, Section

_STARTS = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"))


def plots_section(plots: Sequence[tuple[str, bytes]]) -> Section:
    """Show plots by file name and bytes. Raises InputError for what is no PNG, JPEG or SVG."""
    figures = tuple(Figure(name, plot_picture(data, name), "") for name, data in plots)
    return Section("Further plots", "", (Figures(figures),))


def plot_picture(data: bytes, name: str) -> Picture:
    """Tell the kind of a plot by its first bytes, not by its name.

    An SVG is embedded as an image, in which browsers run no script and load nothing.

    Raises:
        InputError: it is no PNG, JPEG or SVG.
    """
    for start, media_type in _STARTS:
        if data.startswith(start):
            return Picture(data, media_type, name)
    head = data[:2000].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith((b"<svg", b"<?xml", b"<!DOCTYPE svg")) and b"<svg" in head:
        return Picture(data, "image/svg+xml", name)
    raise InputError(f"{name} is no plot that can be shown (PNG, JPEG, SVG).")
