from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facegate.vision.align import TEMPLATE_112
from facegate.vision.pose import _DEPTH_PX, eye_distance_px, head_pose_deg

MIRRORED = [1, 0, 2, 4, 3]


def test_a_face_as_the_template_is_frontal() -> None:
    assert head_pose_deg(TEMPLATE_112.astype(np.float32)) == pytest.approx((0, 0, 0), abs=0.5)


@pytest.mark.parametrize("roll", [-40, -10, 25])
def test_roll_is_the_turn_in_the_picture(roll: float) -> None:
    angle = np.deg2rad(roll)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = ((TEMPLATE_112 - 56) @ turn.T * 3 + 200).astype(np.float32)
    assert head_pose_deg(points)[2] == pytest.approx(roll, abs=1)


@pytest.mark.parametrize("yaw", [-40, -15, 20, 45])
def test_a_turned_head_shows_its_yaw(yaw: float) -> None:
    angle = np.deg2rad(yaw)
    head = np.column_stack([TEMPLATE_112 - TEMPLATE_112.mean(axis=0), _DEPTH_PX])
    turned_x = head[:, 0] * np.cos(angle) + head[:, 2] * np.sin(angle)
    points = np.column_stack([turned_x, head[:, 1]]).astype(np.float32)
    assert head_pose_deg(points)[0] == pytest.approx(yaw, abs=3)


@pytest.mark.parametrize("pitch", [-25, 20])
def test_a_nodding_head_shows_its_pitch(pitch: float) -> None:
    angle = np.deg2rad(pitch)
    head = np.column_stack([TEMPLATE_112 - TEMPLATE_112.mean(axis=0), _DEPTH_PX])
    turned_y = head[:, 1] * np.cos(angle) + head[:, 2] * np.sin(angle)
    points = np.column_stack([head[:, 0], turned_y]).astype(np.float32)
    assert head_pose_deg(points)[1] == pytest.approx(pitch, abs=3)


def test_landmarks_on_one_point_are_no_pose_to_trust() -> None:
    assert head_pose_deg(np.full((5, 2), 7, np.float32)) == (90, 90, 90)


def some_face(seed: int) -> np.ndarray:
    return (TEMPLATE_112 + np.random.default_rng(seed).normal(0, 3, (5, 2))).astype(np.float32)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000))
def test_a_mirrored_face_is_turned_the_other_way(seed: int) -> None:
    points = some_face(seed)
    yaw, pitch, roll = head_pose_deg(points)
    mirrored = points[MIRRORED] * np.float32([-1, 1]) + np.float32([111, 0])
    # The template itself is not quite even, which moves the angles by less than a degree.
    assert head_pose_deg(mirrored) == pytest.approx((-yaw, pitch, -roll), abs=1.0)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.floats(0.2, 20))
def test_size_is_no_turn(seed: int, scale: float) -> None:
    points = some_face(seed)
    larger = (points * scale + 40).astype(np.float32)
    assert head_pose_deg(larger) == pytest.approx(head_pose_deg(points), abs=0.05)
    yaw = head_pose_deg(points)[0]
    assert eye_distance_px(larger, yaw) == pytest.approx(
        scale * eye_distance_px(points, yaw), rel=1e-3
    )


def test_the_distance_of_the_eyes_is_that_of_a_straight_head() -> None:
    points = TEMPLATE_112.astype(np.float32)
    straight = eye_distance_px(points, 0.0)
    assert straight == pytest.approx(35.24, abs=0.01)
    assert eye_distance_px(points, 60.0) == pytest.approx(2 * straight)
    assert eye_distance_px(points, 89.0) == pytest.approx(2 * straight), "a guess counts no more"
    assert eye_distance_px(np.zeros((5, 2), np.float32), 90.0) == 0
