from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from fakes import DIM, NOW
from hypothesis import given
from hypothesis import strategies as st

from facegate.domain.fusion import fuse
from facegate.domain.reasons import Reason
from facegate.engine.clock_guard import ClockGuard
from facegate.engine.drafts import frame_sha256
from facegate.engine.states import GateState, state_after
from facegate.errors import ShapeError


def test_a_clock_that_runs_is_right_and_slow_drift_is_followed() -> None:
    guard = ClockGuard(30)
    for second in range(0, 100_000, 10):  # 3 ms a second: 5 minutes a day
        assert guard.is_right(NOW + timedelta(seconds=second * 1.003), float(second))


@pytest.mark.parametrize("jump_s", [-3600, -31, 31, 86400])
def test_a_jump_is_noticed_until_it_is_undone(jump_s: float) -> None:
    guard = ClockGuard(30)
    assert guard.is_right(NOW, 0.0)
    for second in range(1, 50):
        assert not guard.is_right(NOW + timedelta(seconds=second + jump_s), float(second))
    assert guard.is_right(NOW + timedelta(seconds=50), 50.0)


def test_fusion_is_the_normalized_mean() -> None:
    random = np.random.default_rng(4)
    vectors = random.normal(size=(5, DIM)).astype(np.float32) + 1
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    mean = vectors.astype(np.float64).mean(axis=0)
    assert fuse(list(vectors)) == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)
    assert fuse([vectors[0]]) == pytest.approx(vectors[0], abs=1e-7)


@pytest.mark.parametrize("count", [0, 2])
def test_what_cannot_be_fused_is_refused(count: int) -> None:
    one = np.zeros(DIM, np.float32)
    one[0] = 1
    with pytest.raises(ShapeError):
        fuse([one, -one][:count])


def test_a_frames_digest_tells_shape_and_every_pixel() -> None:
    frame = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    other = frame.copy()
    other[1, 3, 2] ^= 1
    digests = {frame_sha256(one) for one in (frame, other, frame.reshape(4, 2, 3))}
    assert len(digests) == 3
    assert frame_sha256(np.ascontiguousarray(frame[:, ::-1])[:, ::-1]) == frame_sha256(frame)


@given(st.sampled_from(list(Reason)))
def test_only_a_grant_is_welcomed_and_every_fault_is_out_of_order(reason: Reason) -> None:
    state = state_after(reason)
    assert (state is GateState.WELCOME) == (reason is Reason.GRANTED)
    assert (state is GateState.OUT_OF_ORDER) == reason.is_fault
    assert reason.sentence
    assert state.words
