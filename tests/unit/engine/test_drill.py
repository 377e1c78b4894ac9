from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from fakes import NOW, picture
from scenes import Place, Scene

from facegate.engine.drill import Drill, PlannedVisit
from facegate.engine.gate import Gate
from facegate.engine.plans import empty_frame, read_visits
from facegate.engine.states import GateEvent
from facegate.errors import InputError


def no_film(photo: Path) -> Iterator[np.ndarray]:
    yield empty_frame(len(photo.name))


def drill(scene: Scene) -> tuple[Drill, list[datetime]]:
    """Visits whose frames say by their first pixel who is in view."""
    times: list[datetime] = []
    step = scene.gate.step

    def look(frame):
        person = int(frame.bgr[0, 0, 0])
        scene.detector.people = [Place(person)] if person < 20 else []
        return step(frame)

    scene.gate.step = look

    def make(on_event: Callable[[GateEvent], None]) -> Gate:
        scene.gate._on_event = on_event
        return scene.gate

    return Drill(make, lambda _: np.full((480, 640, 3), 255, np.uint8), times.append), times


def visit(person: int, expect_open: bool, minutes: int, name: str = "") -> PlannedVisit:
    def frames() -> Iterator[np.ndarray]:
        for number in range(40):
            frame = np.random.default_rng(number).integers(50, 60, (480, 640, 3), dtype=np.uint8)
            frame[120:280, 200:360] = (200, 0, person * 10)
            frame[0, 0] = person
            yield frame

    return PlannedVisit("kind", expect_open, name, NOW + timedelta(minutes=minutes), frames)


def test_visits_are_played_in_order_and_judged() -> None:
    played, times = drill(Scene())
    plans = [
        visit(9, False, 20), visit(1, True, 0, "Ana"), visit(2, True, 10, "Ana"),
        visit(1, False, 30),
    ]  # fmt: skip
    results = list(played.run(plans))
    assert [one.opened for one in results] == [("Ana",), ("Ben",), (), ("Ana",)]
    assert [one.as_expected for one in results] == [True, False, True, False]
    assert [one.reasons for one in results] == [
        ("granted",), ("granted",), ("unknown_face",), ("granted",)
    ]  # fmt: skip
    assert results[0].elapsed_s is not None
    assert results[0].elapsed_s < 1
    assert times == sorted(times)
    assert times[-1] - NOW > timedelta(minutes=30)


def table(folder: Path, *rows: str, heading: str = "kind,expect,person,frames,at") -> Path:
    path = folder / "visits.csv"
    path.write_text("\n".join([heading, *rows]) + "\n", encoding="utf-8")
    return path


def test_a_list_of_visits_is_read(tmp_path: Path) -> None:
    for number in (1, 2, 10):
        picture(tmp_path / "ana" / f"frame {number}.png", number)
    picture(tmp_path / "one.png", 3)
    path = table(
        tmp_path, "known,open,Ana,ana,", "unknown,shut,,one.png,2026-03-04T05:06:07+02:00",
        "known,open,Ana,ana,",
    )  # fmt: skip
    first, second, third = read_visits(path, NOW, no_film)
    assert (first.kind, first.expect_open, first.person, first.at) == ("known", True, "Ana", NOW)
    assert [int(frame[0, 0, 2]) for frame in first.frames()] == [10, 20, 100]
    assert second.at.astimezone(timezone.utc) == datetime(2026, 3, 4, 3, 6, 7, tzinfo=timezone.utc)
    assert len(list(second.frames())) == 1
    assert third.at > second.at


def test_two_can_come_at_once(tmp_path: Path) -> None:
    picture(tmp_path / "a" / "1.png", 1, side=100)
    picture(tmp_path / "b" / "1.png", 2, side=50)
    picture(tmp_path / "b" / "2.png", 2, side=50)
    path = table(tmp_path, "two,open,a,b", heading="kind,expect,frames,beside")
    (one,) = read_visits(path, NOW, no_film)
    frames = list(one.frames())
    assert len(frames) == 2
    assert frames[0].shape == (100, 200, 3)
    assert (frames[0][0, 0, 2], frames[0][0, 150, 2]) == (10, 20)


@pytest.mark.parametrize(
    "row",
    [
        "known,maybe,,one,", "known,open,,nowhere,", "known,open,,,", "known,open,,empty,",
        "known,open,,one,yesterday", "known,open,,one,2026-03-04T05:06:07",
    ],
)  # fmt: skip
def test_rows_that_make_no_sense_are_refused_with_their_line(tmp_path: Path, row: str) -> None:
    picture(tmp_path / "one" / "1.png", 1)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="line 2"):
        read_visits(table(tmp_path, row), NOW, no_film)


@pytest.mark.parametrize("heading", ["kind,expect", "kind,expect,frames,color", ""])
def test_tables_of_something_else_are_refused(tmp_path: Path, heading: str) -> None:
    with pytest.raises(InputError):
        read_visits(table(tmp_path, "a,open,b", heading=heading), NOW, no_film)
    with pytest.raises(InputError):
        read_visits(tmp_path / "none.csv", NOW, no_film)
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError):
        read_visits(tmp_path / "bytes.csv", NOW, no_film)
