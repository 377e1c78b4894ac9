"""Flat pictures and solid heads, both turned and projected."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facegate.engine.flat_motion import Motion, motion_evidence

HEAD = np.array([[-32, -35, 0], [32, -35, 0], [0, 3, -28], [-25, 38, -4], [25, 38, -4]], np.float64)
"""Eyes, nose, mouth corners in millimeters; depth grows away from the camera."""

FLAT = HEAD * (1, 1, 0)


def turned(points: np.ndarray, yaw_deg: float, pitch_deg: float) -> np.ndarray:
    yaw, pitch = np.deg2rad([yaw_deg, pitch_deg])
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array(
        [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
    )
    return points @ (about_x @ about_y).T


def tracks(
    points: np.ndarray, yaw_deg: float, pitch_deg: float, noise: float = 0.0, seed: int = 0,
    distance_mm: float = 600.0, frames: int = 24,
) -> np.ndarray:  # fmt: skip
    """There and back; noise in distances of the eyes."""
    random = np.random.default_rng(seed)
    seen = []
    for way in np.sin(np.linspace(0, 2 * np.pi, frames)):
        solid = turned(points, way * yaw_deg, way * pitch_deg) + np.array([0, 0, distance_mm])
        image = solid[:, :2] / solid[:, 2:] * 900 + (320, 240)
        eyes = 64 / distance_mm * 900
        seen.append(image + random.normal(0, noise * eyes, (5, 2)))
    return np.array(seen)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("yaw", "pitch"), [(38, 0), (0, 38), (35, 20)])
def test_a_turned_picture_is_flat_and_a_turned_head_is_solid(
    yaw: float, pitch: float, seed: int
) -> None:
    assert motion_evidence(tracks(FLAT, yaw, pitch, 0.01, seed)).motion is Motion.FLAT
    assert motion_evidence(tracks(HEAD, yaw, pitch, 0.01, seed)).motion is Motion.SOLID


@given(
    st.floats(-45, 45), st.floats(-45, 45), st.integers(0, 1000), st.floats(350, 1500),
    st.floats(0, 0.015),
)  # fmt: skip
@settings(max_examples=200)
def test_no_head_that_only_turns_is_called_flat(
    yaw: float, pitch: float, seed: int, distance: float, noise: float
) -> None:
    found = motion_evidence(tracks(HEAD, yaw, pitch, noise, seed, distance))
    assert found.motion is not Motion.FLAT


def test_landmarks_that_only_jitter_are_hardly_ever_called_flat() -> None:
    # Twice the noise of our landmarks, and nobody turns: 9 of 1,000 when this was written.
    called = [motion_evidence(tracks(HEAD, 0, 0, 0.02, seed)).motion for seed in range(400)]
    assert called.count(Motion.FLAT) <= 12


@pytest.mark.parametrize("points", [HEAD, FLAT])
def test_too_little_motion_says_nothing(points: np.ndarray) -> None:
    assert motion_evidence(tracks(points, 6, 4, 0.01)).motion is Motion.TOO_LITTLE
    assert motion_evidence(tracks(points, 0, 0, 0.0)).motion is Motion.TOO_LITTLE
    assert motion_evidence(tracks(points, 0, 0, 0.0, frames=1)).motion is Motion.TOO_LITTLE


def test_coming_closer_and_tilting_in_the_picture_is_no_turn() -> None:
    seen = []
    for step in range(20):
        angle = np.deg2rad(step * 2)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        seen.append(HEAD[:, :2] @ turn.T * (1 + step / 10) + (step * 9, 5))
    assert motion_evidence(np.array(seen)).motion is Motion.TOO_LITTLE


def test_points_on_a_line_and_on_one_spot_say_nothing() -> None:
    line = np.stack([np.stack([np.arange(5.0), np.arange(5.0) * 2], axis=1)] * 6)
    assert motion_evidence(line).motion is Motion.TOO_LITTLE
    assert motion_evidence(np.zeros((6, 5, 2))).motion is Motion.TOO_LITTLE
