from __future__ import annotations

import threading
from collections import deque

from fakes import NOW
from scenes import Place, Scene

from facegate.domain.frames import CameraState, CameraStatus, Frame
from facegate.engine.runner import MAX_AGE_S, GateRunner
from facegate.engine.states import GateState


class ScriptedCamera:
    """Gives frames and states from a list; None: no frame in time."""

    address = "test:"
    dropped = 0

    def __init__(self, script: list[tuple[CameraState, Frame | None]]) -> None:
        self._script = deque(script)
        self._state = CameraState.OPENING
        self.started = self.closed = 0

    def start(self) -> None:
        self.started += 1

    def next_frame(self, timeout_s: float) -> Frame | None:
        if not self._script:
            self._state = CameraState.ENDED
            return None
        self._state, frame = self._script.popleft()
        return frame

    def status(self) -> CameraStatus:
        return CameraStatus(self._state, self._state.value, NOW)

    def close(self) -> None:
        self.closed += 1


def frames(scene: Scene, count: int) -> list[Frame]:
    made = []
    for _ in range(count):
        made.append(scene.frame())
        scene.time_s += 0.05
    return made


def run(scene: Scene, script: list[tuple[CameraState, Frame | None]], **options: object):
    camera = ScriptedCamera(script)
    runner = GateRunner(camera, scene.gate, lambda: scene.time_s, is_live=False, **options)
    status = runner.run(threading.Event())
    assert status.state is CameraState.ENDED
    assert (camera.started, camera.closed) == (1, 1)
    return runner


def test_a_recording_is_looked_at_to_its_end() -> None:
    scene = Scene()
    scene.detector.people = [Place(1)]
    runner = run(scene, [(CameraState.LIVE, one) for one in frames(scene, 20)])
    assert runner.figures.frames == 20
    assert scene.opened == ["1"]


def test_pictures_of_a_camera_that_is_not_right_open_nothing() -> None:
    for state in (CameraState.FROZEN, CameraState.VIRTUAL, CameraState.BLACK):
        scene = Scene()
        scene.detector.people = [Place(1)]
        run(scene, [(state, one) for one in frames(scene, 30)])
        assert not scene.opened
        assert GateState.OUT_OF_ORDER.value in scene.states()


def test_a_camera_that_comes_back_works_again() -> None:
    scene = Scene()
    scene.detector.people = [Place(1)]
    gone = [(CameraState.UNPLUGGED, None)] * 5
    run(scene, gone + [(CameraState.LIVE, one) for one in frames(scene, 20)])
    assert scene.opened == ["1"]


def test_old_frames_of_a_live_camera_open_nothing() -> None:
    scene = Scene()
    scene.detector.people = [Place(1)]
    old = frames(scene, 20)
    scene.time_s += MAX_AGE_S + 5
    camera = ScriptedCamera([(CameraState.LIVE, one) for one in old])
    runner = GateRunner(camera, scene.gate, lambda: scene.time_s)
    runner.run(threading.Event())
    assert runner.figures.stale == 20
    assert not scene.opened


def test_it_stops_when_told_to() -> None:
    scene = Scene()
    stop = threading.Event()
    camera = ScriptedCamera([(CameraState.LIVE, None)] * 1000)
    rounds = []

    def each_round() -> None:
        rounds.append(1)
        if len(rounds) == 7:
            stop.set()

    GateRunner(camera, scene.gate, lambda: scene.time_s, each_round=each_round).run(stop)
    assert len(rounds) == 7
    assert camera.closed == 1


def test_whoever_watches_sees_every_frame_with_what_is_shown_and_none_that_may_not_decide() -> None:
    scene, looks = Scene(), []
    scene.detector.people = [Place(1)]
    judged = frames(scene, 20)
    script: list[tuple[CameraState, Frame | None]] = [(CameraState.LIVE, one) for one in judged]
    script += [(CameraState.FROZEN, one) for one in frames(scene, 3)]
    script += [(CameraState.LIVE, None)] * 2
    run(scene, script, on_look=looks.append)
    assert [one.frame for one in looks] == [*judged, None, None, None]
    assert looks[19].view.state is GateState.WELCOME
    assert looks[19].view.faces
    assert {one.view.state for one in looks[20:]} == {GateState.OUT_OF_ORDER}
