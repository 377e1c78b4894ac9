from __future__ import annotations

import numpy as np
import pytest
from cameras import noisy
from hypothesis import given, settings
from hypothesis import strategies as st

from facegate.camera.backoff import Backoff
from facegate.camera.health import FrameStatistics, Health, HealthRules
from facegate.domain.frames import CameraState

FPS = 10.0
NOISE = [FrameStatistics.of(noisy(seed)) for seed in range(64)]
STILL = NOISE[0]
DARK = [FrameStatistics.of(noisy(seed, level=6)) for seed in range(64)]
BRIGHT = [FrameStatistics.of(noisy(seed, level=254)) for seed in range(64)]


class Player:
    """Feeds pictures at 10 frames a second."""

    def __init__(self, rules: HealthRules | None = None) -> None:
        self.health = Health(rules or HealthRules())
        self.time_s = 0.0
        self.count = 0

    def play(self, pictures: list[FrameStatistics], seconds: float) -> list[CameraState]:
        states = []
        for _ in range(round(seconds * FPS)):
            self.time_s += 1 / FPS
            self.count += 1
            states.append(self.health.seen(pictures[self.count % len(pictures)], self.time_s))
        return states


def test_a_living_camera_is_live_after_a_few_pictures_and_stays_so() -> None:
    states = Player().play(NOISE, 60)
    assert states[0] is CameraState.OPENING
    assert set(states[10:]) == {CameraState.LIVE}


@pytest.mark.parametrize(
    ("pictures", "fault", "after_s"),
    [
        (DARK, CameraState.BLACK, 1.0),
        (BRIGHT, CameraState.OVEREXPOSED, 2.0),
        ([STILL], CameraState.FROZEN, 5.0),
    ],
)
def test_faults_are_called_out_after_their_time_and_end_by_themselves(
    pictures: list[FrameStatistics], fault: CameraState, after_s: float
) -> None:
    player = Player()
    player.play(NOISE, 5)
    states = player.play(pictures, 12)
    first = states.index(fault)
    assert abs(first / FPS - after_s) <= 0.31
    assert set(states[:first]) == {CameraState.LIVE}
    assert set(states[first:]) == {fault}
    back = player.play(NOISE, 5)
    assert back[0] is fault, "one good picture is not enough"
    assert set(back[8:]) == {CameraState.LIVE}


@pytest.mark.parametrize("pictures", [DARK, BRIGHT, [STILL]])
def test_a_camera_that_was_never_good_is_never_live(pictures: list[FrameStatistics]) -> None:
    assert CameraState.LIVE not in Player().play(pictures, 20)


def test_a_short_flash_or_covering_hand_changes_nothing() -> None:
    player = Player()
    player.play(NOISE, 3)
    for pictures in (DARK, BRIGHT):
        assert set(player.play(pictures, 0.8)) == {CameraState.LIVE}
        assert set(player.play(NOISE, 3)) == {CameraState.LIVE}


def test_flickering_between_black_and_good_does_not_flicker_the_state() -> None:
    player = Player()
    player.play(NOISE, 3)
    player.play(DARK, 3)
    mixed = [NOISE[0], DARK[0], NOISE[1], DARK[1]]
    assert set(player.play(mixed, 10)) == {CameraState.BLACK}


def test_levels_have_hysteresis() -> None:
    player = Player()
    player.play(NOISE, 3)
    assert player.play(DARK, 3)[-1] is CameraState.BLACK
    a_little_less_dark = [FrameStatistics.of(noisy(seed, level=30)) for seed in range(16)]
    assert all(30 <= one.dark_level < 38 for one in a_little_less_dark)
    assert set(player.play(a_little_less_dark, 5)) == {CameraState.BLACK}
    other = Player()
    other.play(NOISE, 3)
    assert set(other.play(a_little_less_dark, 5)) == {CameraState.LIVE}


def test_a_frozen_picture_with_a_burnt_in_clock_is_frozen() -> None:
    pictures, wall = [], noisy(0, size_wh=(1280, 720))
    for second in range(30):
        picture = wall.copy()
        picture[20:40, 20 + 3 * (second % 4) : 50] = 255  # a digit
        pictures.append(FrameStatistics.of(picture))
    assert Player().play(pictures, 10)[-1] is CameraState.FROZEN


def test_key_frames_of_an_encoded_still_do_not_thaw_it() -> None:
    player = Player(HealthRules(frozen_after_s=2.0))
    player.play([STILL], 5)
    states = []
    for index in range(10):  # every 2.5 s the encoder starts anew, and all pixels change a little
        states += player.play([NOISE[index]], 2.5)
    assert CameraState.LIVE not in states


@pytest.mark.parametrize("sigma", [0.5, 1.0, 3.0])
def test_the_faintest_sensor_noise_is_life(sigma: float) -> None:
    pictures = [FrameStatistics.of(noisy(seed, sigma=sigma)) for seed in range(40)]
    assert set(Player().play(pictures, 20)[10:]) == {CameraState.LIVE}


def test_a_doubled_frame_rate_is_not_frozen() -> None:
    """Drivers repeat pictures of slow sensors."""
    pictures = [NOISE[index // 3] for index in range(60)]
    assert set(Player().play(pictures, 20)[10:]) == {CameraState.LIVE}


def test_silence_is_noticed_without_a_picture_and_ends_after_some() -> None:
    player = Player()
    player.play(NOISE, 3)
    assert player.health.state_at(player.time_s + 2.9) is CameraState.LIVE
    assert player.health.state_at(player.time_s + 3.1) is CameraState.SILENT
    player.time_s += 10
    states = player.play(NOISE, 2)
    assert states[0] is CameraState.SILENT
    assert states[-1] is CameraState.LIVE


def test_recordings_may_repeat_and_pause() -> None:
    player = Player(HealthRules.for_recording())
    assert set(player.play([STILL], 60)) == {CameraState.LIVE}
    assert player.health.state_at(1e9) is CameraState.LIVE
    assert player.play(DARK, 3)[-1] is CameraState.BLACK


@pytest.mark.parametrize("color", [(200, 0, 0), (0, 200, 0), (0, 0, 200)])
def test_colored_light_is_neither_black_nor_white(color: tuple[int, int, int]) -> None:
    statistics = FrameStatistics.of(np.full((90, 90, 3), color, np.uint8))
    assert statistics.dark_level == 200
    assert statistics.bright_share == 0


@settings(max_examples=40)
@given(st.integers(0, 10**6))
def test_statistics_are_those_of_plain_loops(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(2, 24)), int(rng.integers(2, 24)), 3)
    one = rng.integers(225, 256, shape, dtype=np.uint8)
    other = np.clip(one.astype(int) + rng.integers(-1, 3, shape), 0, 255).astype(np.uint8)
    statistics = FrameStatistics.of(one)
    pixels = [one[y, x] for y in range(shape[0]) for x in range(shape[1])]
    bright = sum(all(value >= 250 for value in pixel) for pixel in pixels)
    assert statistics.bright_share == pytest.approx(bright / len(pixels))
    brightest = sorted(max(int(value) for value in pixel) for pixel in pixels)
    assert statistics.dark_level == brightest[95 * (len(pixels) - 1) // 100]
    apart = [abs(int(a) - int(b)) >= 2 for a, b in zip(one.flat, other.flat, strict=True)]
    differs = sum(apart) / len(apart) >= 0.002
    assert statistics.differs_from(FrameStatistics.of(other)) is differs


def test_a_changed_size_is_a_change() -> None:
    small = FrameStatistics.of(noisy(size_wh=(64, 48)))
    assert small.differs_from(STILL)
    assert not small.differs_from(small)


@pytest.mark.parametrize("shape", [(2, 2, 3), (1, 5000, 3), (96, 96, 3), (97, 95, 3)])
def test_any_shape_can_be_sampled(shape: tuple[int, ...]) -> None:
    statistics = FrameStatistics.of(np.full(shape, 77, np.uint8))
    assert max(statistics.samples.shape) <= 96
    assert statistics.dark_level == 77


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from("nsdb"), st.floats(0, 10)), max_size=60))
def test_after_whatever_happened_good_pictures_make_it_live(happened) -> None:
    player = Player()
    kinds = {"n": NOISE, "s": [STILL], "d": DARK, "b": BRIGHT}
    for kind, pause_s in happened:
        player.time_s += pause_s
        player.health.seen(kinds[kind][0], player.time_s)
    assert player.play(NOISE, 2)[-1] is CameraState.LIVE


@given(st.integers(1, 10**9), st.floats(0, 1, exclude_max=True))
def test_waits_grow_to_a_limit(failures: int, chance: float) -> None:
    backoff = Backoff(first_s=0.5, most_s=15.0, jitter=0.25, chance=lambda: chance)
    full = 15.0 if failures > 5 else min(15.0, 0.5 * 2 ** (failures - 1))
    assert full * 0.75 <= backoff.wait_s(failures) <= full
