from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from cameras import write_video
from PIL import Image

from facegate.camera.opening import open_camera
from facegate.camera.pattern import TestPattern
from facegate.domain.frames import CameraState, Frame
from facegate.errors import InputError


def take_all(address: object, **options) -> tuple[list[Frame], object]:
    with open_camera(str(address), **options) as camera:
        frames = []
        while (frame := camera.next_frame(10)) is not None:
            frames.append(frame)
        return frames, camera.status()


@pytest.mark.parametrize("name", ["clip.avi", "Größe 東京 %02d.avi", "odd?pace=real&x.avi"])
def test_a_video_file_is_read_whole_in_order(tmp_path: Path, name: str) -> None:
    path = write_video(tmp_path / name, frames=10, fps=25.0)
    frames, status = take_all(path, pace="fast")
    levels = [float(frame.bgr.mean()) for frame in frames]
    assert levels == pytest.approx([10 + 20 * index for index in range(10)], abs=3)
    assert np.diff([frame.time_s for frame in frames]) == pytest.approx(np.full(9, 0.04), abs=1e-6)
    assert status.state is CameraState.ENDED
    assert status.detail == "the recording is over"


def test_two_fast_replays_are_the_same(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.avi")
    (first, _), (second, _) = (take_all(f"{path}?pace=fast") for _ in range(2))
    assert len(first) == len(second) == 10
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one.bgr, other.bgr)
        assert one.time_s - first[0].time_s == pytest.approx(other.time_s - second[0].time_s)


def test_an_unknown_pace_is_refused() -> None:
    with pytest.raises(InputError, match="pace"):
        open_camera("test:", pace="slow")


def test_its_own_pace_takes_its_own_time(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.avi", frames=8, fps=25.0)
    frames, _ = take_all(path)
    assert 0.2 < frames[-1].time_s - frames[0].time_s < 2.0  # 0.28 s, and a busy machine


def test_the_fps_of_a_file_can_be_set(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.avi", fps=25.0)
    frames, _ = take_all(f"{path}?pace=fast&fps=5")
    assert np.diff([frame.time_s for frame in frames]) == pytest.approx(np.full(9, 0.2))


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "empty"), (b"not a video at all " * 100, "not a video"), (b"RIFF", "not a video")],
)
def test_a_file_that_is_no_video_ends_with_a_reason(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "clip.avi"
    path.write_bytes(content)
    frames, status = take_all(path)
    assert not frames
    assert status.state is CameraState.ENDED
    assert words in status.detail


def test_a_video_cut_short_gives_what_is_there(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.avi", frames=10)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames, status = take_all(path, pace="fast")
    assert len(frames) < 10
    assert status.state is CameraState.ENDED


def test_a_folder_is_played_by_name_and_broken_files_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "Bilder 東京"
    folder.mkdir()
    for name, level in (("b.png", 120), ("a.png", 60), ("c.jpg", 180)):
        Image.new("RGB", (40, 30), (level, level, level)).save(folder / name)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    Image.new("RGB", (40, 30), (200, 200, 200)).save(folder / "d.jpg", exif=exif)
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "empty.png").write_bytes(b"")
    (folder / "notes.txt").write_text("not looked at")
    frames, status = take_all(f"{folder}?pace=fast&fps=4")
    assert [round(float(frame.bgr.mean())) for frame in frames] == [60, 120, 180, 200]
    assert [frame.bgr.shape[:2] for frame in frames] == [(30, 40)] * 3 + [(40, 30)]
    assert np.diff([frame.time_s for frame in frames]) == pytest.approx(np.full(3, 0.25))
    assert status.detail.endswith("2 files could not be read as pictures")


@pytest.mark.parametrize("broken", [False, True])
def test_a_folder_without_pictures_ends_with_a_reason(tmp_path: Path, broken: bool) -> None:
    if broken:
        (tmp_path / "a.jpg").write_bytes(b"no picture")
    frames, status = take_all(tmp_path)
    assert not frames
    assert status.state is CameraState.ENDED
    assert "no picture" in status.detail


def test_the_test_pattern_moves_and_is_always_the_same() -> None:
    frames, status = take_all("test:?size=64x48&fps=10&frames=12&pace=fast")
    again, _ = take_all("test:?size=64x48&fps=10&frames=12&pace=fast")
    assert len(frames) == 12
    assert status.state is CameraState.ENDED
    assert {frame.bgr.shape for frame in frames} == {(48, 64, 3)}
    for one, other in zip(frames, again, strict=True):
        assert np.array_equal(one.bgr, other.bgr)
    for one, other in pairwise(frames):
        assert np.mean(one.bgr != other.bgr) > 0.01


def test_the_smallest_test_pattern_works() -> None:
    pattern = TestPattern((16, 16), 30.0)
    pattern.open()
    for _ in range(100):
        picture = pattern.read()
        assert picture is not None
        assert picture.shape == (16, 16, 3)
