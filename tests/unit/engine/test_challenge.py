from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facegate.engine.challenge import (
    Challenge,
    ChallengeState,
    Movement,
    Pose,
    random_movements,
)

REST = Pose(2.0, -3.0, 60.0)
DONE = {
    Movement.TURN_LEFT: Pose(25, -3, 60),
    Movement.TURN_RIGHT: Pose(-25, -3, 60),
    Movement.NOD: Pose(2, 15, 58),
    Movement.COME_CLOSER: Pose(2, -3, 80),
}


def run(challenge: Challenge, *poses: Pose, start_s: float = 0.0) -> ChallengeState:
    for number, pose in enumerate(poses):
        challenge.update(pose, start_s + number / 10)
    return challenge.state


@pytest.mark.parametrize("movement", list(Movement))
def test_each_movement_is_seen_and_only_when_it_is_held(movement: Movement) -> None:
    challenge = Challenge([movement], REST, 0.0)
    assert run(challenge, REST, DONE[movement], REST, DONE[movement]) is ChallengeState.RUNNING
    assert challenge.done == 0
    run(challenge, DONE[movement], REST, start_s=0.5)
    assert challenge.state is ChallengeState.PASSED


def test_the_head_comes_back_before_the_next_movement() -> None:
    challenge = Challenge([Movement.TURN_LEFT, Movement.TURN_RIGHT], REST, 0.0)
    run(challenge, *[DONE[Movement.TURN_LEFT]] * 3)
    assert challenge.prompt == "Look straight at the camera"
    run(challenge, REST, start_s=0.5)
    assert challenge.prompt == Movement.TURN_RIGHT.words


@pytest.mark.parametrize("wanted", list(Movement))
@pytest.mark.parametrize("shown", list(Movement))
def test_a_movement_that_was_not_asked_for_fails(wanted: Movement, shown: Movement) -> None:
    challenge = Challenge([wanted], REST, 0.0)
    state = run(challenge, DONE[shown], DONE[shown], REST)
    assert (state is ChallengeState.PASSED) == (wanted is shown)
    if wanted is not shown:
        assert challenge.failed_because == "another_movement"
        run(challenge, DONE[wanted], DONE[wanted], REST, start_s=1.0)
        assert challenge.state is ChallengeState.FAILED


def test_time_runs_out() -> None:
    challenge = Challenge([Movement.NOD], REST, 0.0, step_s=2.0)
    assert run(challenge, *[REST] * 22) is ChallengeState.FAILED
    assert challenge.failed_because == "too_slow"


def test_a_still_face_never_passes() -> None:
    challenge = Challenge(list(Movement), REST, 0.0)
    noise = random.Random(3)
    poses = [
        Pose(2 + noise.gauss(0, 3), -3 + noise.gauss(0, 2), 60 + noise.gauss(0, 1))
        for _ in range(200)
    ]
    assert run(challenge, *poses) is ChallengeState.FAILED


@given(st.integers(1, 4), st.integers())
def test_movements_differ_and_one_is_a_turn(count: int, seed: int) -> None:
    drawn = random_movements(count, random.Random(seed))
    assert len(drawn) == len(set(drawn)) == count
    assert {Movement.TURN_LEFT, Movement.TURN_RIGHT} & set(drawn)


def test_no_two_challenges_are_foreseeable() -> None:
    assert len({random_movements(2) for _ in range(200)}) > 5


def test_a_challenge_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a movement"):
        Challenge([], REST, 0.0)
