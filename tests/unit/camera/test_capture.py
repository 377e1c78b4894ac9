from __future__ import annotations

import threading
import warnings
from typing import Any

import cv2
import numpy as np
import pytest
from cameras import BEGIN, JumpingClock, ScriptedSource, noisy, until

from facegate.camera.backoff import Backoff
from facegate.camera.capture import CaptureCamera, Playback
from facegate.camera.health import HealthRules
from facegate.domain.frames import CameraState, Frame
from facegate.errors import CameraUnavailable, CaptureError, FacegateError
from facegate.ports.devices import Camera

PICTURES = [noisy(seed) for seed in range(30)]
UNPLUGGED = CameraUnavailable("usb:0", "unplugged", "no such camera is plugged in.")
STEADY = Backoff(first_s=1.0, most_s=8.0, chance=lambda: 0.0)


def live_camera(source: Any, clock: JumpingClock) -> CaptureCamera:
    return CaptureCamera(source, "usb:0", Playback(), HealthRules(), STEADY, clock.timing())


def recording(source: Any, clock: JumpingClock | None = None, fast: bool = True) -> CaptureCamera:
    timing = clock.timing() if clock else None
    rules = HealthRules.for_recording()
    return CaptureCamera(source, "clip", Playback(False, fast), rules, STEADY, timing)


def take_all(camera: CaptureCamera) -> list[Frame]:
    frames = []
    while (frame := camera.next_frame(10)) is not None:
        frames.append(frame)
    return frames


def run_through(camera: CaptureCamera, source: ScriptedSource) -> list[CameraState]:
    """Run in this thread; gives back the states without repetitions."""
    states = [camera.status().state]

    def look() -> None:
        state = camera.status().state
        if state is not states[-1]:
            states.append(state)

    source.after_read = look
    camera.run()
    look()
    return states


def test_it_fulfills_the_port() -> None:
    camera: Camera = recording(ScriptedSource([[]]))
    assert (camera.address, camera.dropped) == ("clip", 0)


def test_unplugged_and_back() -> None:
    clock = JumpingClock()
    source = ScriptedSource([PICTURES, [UNPLUGGED], [UNPLUGGED], PICTURES], clock)
    camera = live_camera(source, clock)
    seen: list[tuple[CameraState, str]] = []
    clock.before_wait = lambda: seen.append((camera.status().state, camera.status().detail))
    clock.stop_after_waits = 4
    states = run_through(camera, source)
    # SILENT when it stopped, UNPLUGGED when it was not found, and pictures prove themselves anew
    assert [state for state, _ in seen[:3]] == [
        CameraState.SILENT, CameraState.UNPLUGGED, CameraState.UNPLUGGED,
    ]  # fmt: skip
    assert seen[1][1] == "no such camera is plugged in."
    assert states[:2] == [CameraState.OPENING, CameraState.LIVE]
    assert CameraState.LIVE in states[2:]
    assert (source.opened, source.closed) == (4, 4)


def test_faults_of_the_picture_reach_the_status_and_go_again() -> None:
    frozen, dark = [PICTURES[0]] * 200, [noisy(seed, level=3) for seed in range(60)]
    white = [noisy(seed, level=255) for seed in range(90)]
    script = [*PICTURES, *dark, *PICTURES, *white, *PICTURES, *frozen, *PICTURES]
    clock = JumpingClock()
    clock.stop_after_waits = 1
    source = ScriptedSource([script], clock)
    live, opening = CameraState.LIVE, CameraState.OPENING
    assert run_through(live_camera(source, clock), source) == [
        opening, live, CameraState.BLACK, live, CameraState.OVEREXPOSED, live,
        CameraState.FROZEN, live, CameraState.SILENT,
    ]  # fmt: skip


def test_since_is_the_time_of_the_change() -> None:
    clock = JumpingClock()
    clock.stop_after_waits = 3
    source = ScriptedSource([PICTURES, [UNPLUGGED]], clock)
    camera = live_camera(source, clock)
    seen = []
    clock.before_wait = lambda: seen.append((camera.status().since - BEGIN).total_seconds())
    camera.run()
    assert seen == pytest.approx([1.0, 31 / 30 + 1, 31 / 30 + 1])  # last picture; first failure


def test_a_source_that_cannot_even_be_closed_ends_nothing() -> None:
    class Stubborn(ScriptedSource):
        def close(self) -> None:
            super().close()
            raise OSError("stuck")

    clock = JumpingClock()
    clock.stop_after_waits = 3
    source = Stubborn([PICTURES], clock)
    live_camera(source, clock).run()
    assert source.opened == 3


def test_waits_double_and_begin_anew_after_good_pictures() -> None:
    clock = JumpingClock()
    clock.stop_after_waits = 8
    source = ScriptedSource([[UNPLUGGED]] * 5 + [PICTURES] + [[UNPLUGGED]], clock)
    live_camera(source, clock).run()
    assert clock.waits == [1, 2, 4, 8, 8, 1, 2, 4]


def test_a_camera_that_gives_nothing_is_asleep_and_waited_for_longer_and_longer() -> None:
    clock = JumpingClock()
    clock.stop_after_waits = 3
    camera = live_camera(ScriptedSource([[]], clock), clock)
    camera.run()
    assert camera.status().state is CameraState.ASLEEP
    assert clock.waits == [1, 2, 4]


@pytest.mark.parametrize(
    ("cause", "state"),
    [
        ("busy", CameraState.BUSY),
        ("virtual", CameraState.VIRTUAL),
        ("unplugged", CameraState.UNPLUGGED),
        ("refused", CameraState.UNPLUGGED),
        ("timeout", CameraState.UNPLUGGED),
        ("missing", CameraState.UNPLUGGED),
    ],
)
def test_causes_become_states(cause: str, state: CameraState) -> None:
    clock = JumpingClock()
    clock.stop_after_waits = 1
    error = CameraUnavailable("usb:0", cause, "words for people.")
    camera = live_camera(ScriptedSource([[error]], clock), clock)
    camera.run()
    status = camera.status()
    assert (status.state, status.detail) == (state, "words for people.")
    assert status.since == BEGIN
    assert not status.state.may_decide


@pytest.mark.parametrize(
    "error",
    [
        cv2.error("rtsp://admin:g3heim@10.0.0.2 broke"),
        RuntimeError("g3heim"), ValueError(), MemoryError(), OSError(19, "g3heim"),
    ],
)  # fmt: skip
def test_a_driver_that_raises_in_mid_frame_is_opened_again_and_its_words_are_not_shown(
    error: Exception,
) -> None:
    clock = JumpingClock()
    clock.stop_after_waits = 2
    source = ScriptedSource([[*PICTURES, error]], clock)
    camera = live_camera(source, clock)
    camera.run()
    status = camera.status()
    assert status.state is CameraState.SILENT
    assert "g3heim" not in f"{status} {camera!r}"
    assert (source.opened, source.closed) == (2, 2)


def test_odd_pictures_are_brought_into_form_or_skipped() -> None:
    gray = np.full((20, 30), 90, np.uint8)
    clear = np.full((20, 30, 4), 91, np.uint8)
    flat = np.full((20, 30, 1), 92, np.uint8)
    strided = noisy()[::2, ::-3]
    bad = [
        np.zeros((0, 0, 3), np.uint8), np.zeros(5, np.uint8), np.zeros((4, 4, 2), np.uint8),
        np.zeros((9, 9, 3), np.float32), "text", b"", 7, np.zeros((1, 8, 3), np.uint8),
    ]  # fmt: skip
    script = [gray, *bad, clear, flat, noisy(size_wh=(64, 48)), strided, noisy(size_wh=(32, 200))]
    with recording(ScriptedSource([script])) as camera:
        frames = take_all(camera)
    shapes = [frame.bgr.shape for frame in frames]
    assert shapes == [
        (20, 30, 3), (20, 30, 3), (20, 30, 3), (48, 64, 3), (60, 54, 3), (200, 32, 3),
    ]  # fmt: skip
    assert [int(frame.bgr[0, 0, 2]) for frame in frames[:3]] == [90, 91, 92]
    for frame in frames:
        assert frame.bgr.flags.c_contiguous
        assert not frame.bgr.flags.writeable
    assert gray.flags.writeable, "the source's own picture stays as it was"
    assert [frame.number for frame in frames] == list(range(6))


def test_a_source_of_nothing_but_nonsense_is_opened_again() -> None:
    clock = JumpingClock()
    clock.stop_after_waits = 2
    source = ScriptedSource([["nonsense"] * 1000], clock)
    camera = live_camera(source, clock)
    camera.run()
    assert source.opened == 2
    assert camera.status().state is CameraState.ASLEEP


def test_a_fast_recording_drops_nothing_and_the_status_keeps_to_the_frame() -> None:
    class Clip(ScriptedSource):
        @property
        def position_s(self) -> float:
            return 0.04 * self.count

        count = -1

        def read(self) -> Any:
            self.count += 1
            return super().read()

    source = Clip([[np.full((8, 8, 3), 100 + index, np.uint8) for index in range(50)]])
    with recording(source) as camera:
        frames = []
        while (frame := camera.next_frame(10)) is not None:
            assert camera.status().state is CameraState.LIVE
            frames.append(frame)
        assert camera.status().state is CameraState.ENDED
        assert camera.next_frame(10) is None  # at once, or the test would time out
    assert [int(frame.bgr[0, 0, 0]) - 100 for frame in frames] == list(range(50))
    assert [frame.number for frame in frames] == list(range(50))
    steps = np.diff([frame.time_s for frame in frames])
    assert steps == pytest.approx(np.full(49, 0.04))
    assert (frames[-1].at - frames[0].at).total_seconds() == pytest.approx(49 * 0.04)
    assert camera.dropped == 0


def test_a_paced_recording_waits_for_the_time_of_each_frame_and_drops_what_nobody_takes() -> None:
    class Clip(ScriptedSource):
        position_s = 0.0

        def read(self) -> Any:
            picture = super().read()
            self.position_s = self.position_s + 0.5
            return picture

    clock = JumpingClock()
    camera = recording(Clip([PICTURES[:10]]), clock, fast=False)
    camera.run()
    assert clock.waits == pytest.approx([0.5] * 10)
    assert camera.dropped == 9
    last = camera.next_frame(0)
    assert last is not None
    assert (last.number, last.time_s, last.at.tzinfo) == (9, 5.0, BEGIN.tzinfo)
    assert camera.status().state is CameraState.ENDED
    assert camera.next_frame(10) is None


def test_a_recording_that_breaks_down_ends_with_a_reason() -> None:
    with recording(ScriptedSource([[PICTURES[0], RuntimeError("secret")]])) as camera:
        assert len(take_all(camera)) == 1
        status = camera.status()
    assert status.state is CameraState.ENDED
    assert "cannot be read any further" in status.detail
    assert "secret" not in status.detail


def test_only_the_newest_frame_is_kept() -> None:
    clock = JumpingClock()
    clock.stop_after_waits = 1
    camera = live_camera(ScriptedSource([PICTURES], clock), clock)
    camera.run()
    frame = camera.next_frame(0)
    assert frame is not None
    assert np.array_equal(frame.bgr, PICTURES[-1])
    assert (frame.number, camera.dropped) == (29, 29)


def test_times_never_go_back_when_the_wall_clock_does() -> None:
    with recording(ScriptedSource([PICTURES])) as camera:
        times = [frame.time_s for frame in take_all(camera)]
    assert times == sorted(times)


class Hanging(ScriptedSource):
    """Gives what it has, then waits until it is let go."""

    def __init__(self, pictures: list[Any]) -> None:
        super().__init__([pictures])
        self.release = threading.Event()

    def read(self) -> Any:
        picture = super().read()
        if picture is None:
            self.release.wait(30)
        return picture


@pytest.mark.parametrize(
    ("pictures", "state"),
    [([], CameraState.ASLEEP), (PICTURES, CameraState.SILENT)],
)
def test_a_read_that_hangs_is_noticed_meanwhile(pictures: list, state: CameraState) -> None:
    clock, source = JumpingClock(), Hanging(pictures)
    camera = live_camera(source, clock)
    camera.start()
    until(lambda: source.opened and camera._number == len(pictures))
    clock.seconds = 2.0
    before = camera.status().state
    assert before is (CameraState.LIVE if pictures else CameraState.OPENING)
    clock.seconds = 4.0
    assert camera.status().state is state
    source.release.set()
    camera.close()


def test_close_ends_the_thread_at_once_in_every_situation() -> None:
    sources = [
        (ScriptedSource([[UNPLUGGED]]), True),  # waits for the next try
        (ScriptedSource([PICTURES * 1000]), True),  # reads
        (ScriptedSource([PICTURES]), False),  # waits until a frame is taken
    ]
    for source, live in sources:
        camera = CaptureCamera(
            source, "x", Playback(live, fast=not live), HealthRules(), Backoff(first_s=60.0)
        )
        camera.start()
        camera.start()  # twice is once
        until(lambda source=source: source.opened)
        before = threading.active_count()
        camera.close()
        camera.close()
        assert threading.active_count() == before - 1
        assert source.closed == source.opened
        assert camera.next_frame(10) is None
        with pytest.raises(CaptureError):
            camera.start()


def test_closing_without_starting_is_fine() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recording(ScriptedSource([[]])).close()


def test_several_cameras_at_once_do_not_disturb_each_other() -> None:
    cameras = []
    for index in range(4):
        pictures = [np.full((8, 8, 3), 50 * index + n, np.uint8) for n in range(20)]
        cameras.append(recording(ScriptedSource([pictures])))
    for camera in cameras:
        camera.start()
    taken = [[camera.next_frame(10) for camera in cameras] for _ in range(20)]
    for n, row in enumerate(taken):
        assert [int(frame.bgr[0, 0, 0]) for frame in row] == [50 * i + n for i in range(4)]
    for camera in cameras:
        camera.close()


def test_a_waiting_taker_is_woken_by_close() -> None:
    camera = live_camera(Hanging([]), JumpingClock())
    got: list[Any] = ["nothing yet"]

    def take() -> None:
        got[0] = camera.next_frame(30)

    taker = threading.Thread(target=take)
    taker.start()
    camera.close()
    taker.join(5)
    assert got == [None]


def test_errors_of_the_camera_are_of_the_one_tree() -> None:
    assert issubclass(CaptureError, FacegateError)
