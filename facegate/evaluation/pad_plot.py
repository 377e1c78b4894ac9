"""The trade between attacks that pass and people refused, a curve for each kind of attack."""

from __future__ import annotations

import numpy as np

from facegate.domain.arrays import FloatArray
from facegate.evaluation.pad import PadSample, error_curve
from facegate.evaluation.plots import (
    BLUE,
    GRAY,
    MATED,
    NON_MATED,
    ORANGE,
    PURPLE,
    TAU,
    new_figure,
    png_bytes,
    without_frame,
)

_COLORS = (NON_MATED, BLUE, ORANGE, PURPLE, GRAY, "#56b4e9")


def pad_png(
    live: FloatArray,
    attacks: list[PadSample],
    limits: tuple[float, float],
    title: str,
    *,
    width_px: int = 1300,
) -> bytes:
    """Draw BPCER against APCER of every kind, beside the scores of all.

    Args:
        live: (n,) scores of all bona fide pictures.
        attacks: scores of each kind.
        limits: both are marked.
        title: what was measured.
        width_px: of the picture.

    Returns:
        The bytes of a PNG.
    """
    figure = new_figure(11, 4.8, title, width_px)
    curves, spread = figure.subplots(1, 2)
    least = 0.3 / max([len(live), *(len(one.scores) for one in attacks), 1])
    edges = np.linspace(0, 1, 51)
    for number, one in enumerate(attacks):
        color = _COLORS[number % len(_COLORS)]
        if not len(one.scores):
            continue
        apcer, bpcer = error_curve(one.scores, live)
        # No error at all has no place on such an axis; it is drawn at the edge.
        curves.step(
            np.maximum(apcer, least), np.maximum(bpcer, least), where="post", color=color,
            label=f"{one.name} ({len(one.scores):,})",
        )  # fmt: skip
        spread.hist(one.scores, edges, histtype="step", density=True, color=color, label=one.name)
    if len(live):
        spread.hist(live, edges, density=True, color=MATED, alpha=0.5, label="bona fide")
    for limit in limits:
        spread.axvline(limit, color=TAU, linestyle="--", linewidth=1)
    curves.set(
        xscale="log", yscale="log", xlim=(least, 1), ylim=(least, 1),
        xlabel="APCER: attacks taken for bona fide", ylabel="BPCER: bona fide not taken for it",
    )  # fmt: skip
    spread.set(xlabel="PAD score (higher is more bona fide)", ylabel="density", yscale="log")
    for axes in (curves, spread):
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=8)
    without_frame(curves, spread)
    return png_bytes(figure)
