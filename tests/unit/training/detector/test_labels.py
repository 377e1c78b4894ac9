from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.domain.detections import Detections
from facegate.errors import InputError, ModelError
from facegate.training.detector.centerface import CenterFace
from facegate.training.detector.data import Sample
from facegate.training.detector.doubles import Doubles
from facegate.training.detector.labels import (
    Labeler,
    matched_landmarks,
    second_opinion,
    unboxed,
)
from facegate.training.detector.looks import look_closely, merged
from facegate.training.detector.pictures import DrawnPicture, voc_pictures, wider_pictures

POINTS = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]], np.float32)


def found(*faces: tuple[float, float, float, float, float]) -> Detections:
    """Faces of x1, y1, x2, y2 and score, with landmarks in their places."""
    rows = np.array(faces, np.float32).reshape(-1, 5)
    boxes = rows[:, :4]
    sizes = boxes[:, None, 2:] - boxes[:, None, :2]
    return Detections(boxes, boxes[:, None, :2] + POINTS * sizes, rows[:, 4])


def noise(height: int, width: int, seed: int = 0) -> ImageArray:
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 12, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def saved(path: Path, frame: ImageArray) -> Path:
    cv2.imwrite(str(path), frame)
    return path


class Bright:
    """Finds the white squares of a picture, wherever and how large they are."""

    def __init__(self, score: float = 0.9) -> None:
        self.score, self.widths = score, []  # type: tuple[float, list[int]]

    def __call__(self, frame_bgr: ImageArray) -> Detections:
        self.widths.append(frame_bgr.shape[1])
        white = (frame_bgr.min(axis=2) > 250).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(white)
        return found(*((x, y, x + w, y + h, self.score) for x, y, w, h, _ in stats[1:]))


def squares(height: int, width: int, *boxes: tuple[int, int, int, int]) -> ImageArray:
    frame = np.full((height, width, 3), 40, np.uint8)
    frame[::7, ::5] = 90
    for x1, y1, x2, y2 in boxes:
        frame[y1:y2, x1:x2] = 255
    return frame


def test_overlapping_faces_of_several_looks_become_one() -> None:
    one = found((10, 10, 30, 30, 0.6), (70, 70, 90, 90, 0.3))
    other = found((12, 10, 32, 30, 0.9))
    together = merged([one, other], [])
    assert together.scores.tolist() == pytest.approx([0.9, 0.3])
    assert together.bboxes_xyxy[0].tolist() == pytest.approx([11.2, 10, 31.2, 30])
    assert together.bboxes_xyxy[1].tolist() == [70, 70, 90, 90]
    assert not len(merged([found(), found()], [found()]))


def test_landmarks_of_small_faces_come_from_the_closer_look() -> None:
    plain = found((0, 0, 20, 20, 0.9), (100, 100, 200, 200, 0.9))
    close = replace(plain, landmarks_xy=plain.landmarks_xy + 1)
    together = merged([plain], [close])
    small, large = (0, 1) if together.bboxes_xyxy[0, 2] < 50 else (1, 0)
    assert np.allclose(together.landmarks_xy[small], plain.landmarks_xy[0] + 1)
    assert np.allclose(together.landmarks_xy[large], plain.landmarks_xy[1])
    # A face that only one look has seen has its landmarks from there.
    assert np.allclose(merged([plain], []).landmarks_xy.sum(), plain.landmarks_xy.sum())


@pytest.mark.parametrize("mirrored", [False, True])
def test_every_look_tells_places_of_the_picture_itself(mirrored: bool) -> None:
    boxes = [(20, 30, 50, 60), (90, 10, 110, 30)]
    teacher = Bright()
    seen = look_closely(teacher, squares(100, 140, *boxes), mirrored=mirrored)
    order = seen.bboxes_xyxy[:, 0].argsort()
    assert np.abs(seen.bboxes_xyxy[order] - boxes).max() < 1
    expected = found(*((*box, 1.0) for box in boxes)).landmarks_xy
    assert np.abs(seen.landmarks_xy[order] - expected).max() < 1
    assert teacher.widths == [140] * (1 + mirrored) + [280]


def test_only_pictures_with_small_faces_are_looked_at_more_closely() -> None:
    large, none = squares(200, 200, (20, 20, 180, 180)), squares(200, 200)
    for frame, drawn, widths in (
        (large, None, [200]),
        (none, None, [200]),
        (large, np.array([[1, 1, 9, 9]], np.float32), [200, 400]),
    ):
        teacher = Bright()
        look_closely(teacher, frame, drawn=drawn)
        assert teacher.widths == widths
    teacher = Bright()
    look_closely(teacher, squares(200, 200, (5, 5, 20, 20)), largest_px=300)
    assert teacher.widths == [200, 300]


def test_copies_are_known_in_any_size_and_quality(tmp_path: Path) -> None:
    doubles = Doubles()
    pictures = [noise(240, 320, seed) for seed in range(300)]
    assert all(doubles.add(picture) for picture in pictures)
    smaller = np.asarray(cv2.resize(pictures[7], None, fx=0.4, fy=0.4), np.uint8)
    _, jpeg = cv2.imencode(".jpg", pictures[290], [cv2.IMWRITE_JPEG_QUALITY, 30])
    assert not doubles.add(smaller)
    assert not doubles.add(np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8))
    assert doubles.add(np.ascontiguousarray(pictures[7][:, ::-1]))


def test_drawn_boxes_get_the_teachers_landmarks_only_where_both_agree() -> None:
    boxes = np.array([[0, 0, 10, 10], [50, 50, 60, 60]], np.float32)
    teacher = found((1, 1, 10, 10, 0.9), (90, 90, 99, 99, 0.9))
    landmarks = matched_landmarks(boxes, teacher)
    assert np.array_equal(landmarks[0], teacher.landmarks_xy[0])
    assert np.isnan(landmarks[1]).all()
    assert np.isnan(matched_landmarks(boxes, found())).all()
    assert matched_landmarks(boxes[:0], teacher).shape == (0, 5, 2)


def test_a_part_of_a_drawn_face_is_not_another_face() -> None:
    drawn = np.array([[0, 0, 100, 100]], np.float32)
    boxes = np.array([[0, 0, 95, 95], [20, 20, 40, 40], [90, 90, 130, 130]], np.float32)
    assert unboxed(boxes, drawn).tolist() == [False, False, True]
    assert unboxed(boxes, drawn[:0]).all()
    assert not len(unboxed(boxes[:0], drawn))


def drawn(path: Path, *boxes: tuple[int, int, int, int], **more: object) -> DrawnPicture:
    values = np.array(boxes, np.float32).reshape(-1, 4)
    return DrawnPicture(path, values, np.zeros(len(values), bool), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("some_missing", [False, True])
def test_faces_without_a_box_are_ignored_where_boxes_may_be_missing(
    tmp_path: Path, some_missing: bool
) -> None:
    path = saved(tmp_path / "a.png", squares(200, 200, (20, 20, 60, 60), (100, 100, 130, 130)))
    sample = Labeler(Bright(0.4), 800).drawn(
        drawn(path, (20, 20, 60, 60), (150, 10, 170, 30)), some_missing=some_missing
    )
    assert sample is not None
    assert sample.is_scene
    assert sample.ignored.tolist() == [False, False] + [True] * some_missing
    assert np.isfinite(sample.landmarks_xy[0]).all()
    assert np.isnan(sample.landmarks_xy[1]).all()
    if some_missing:
        assert np.abs(sample.bboxes_xyxy[2] - [100, 100, 130, 130]).max() < 1.5


def test_labels_shrink_with_their_scene(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", squares(400, 600, (60, 80, 260, 280)))
    for size_wh, factor in ((None, 1), ((600, 400), 1), ((300, 200), 2)):
        box = tuple(value // factor for value in (60, 80, 260, 280))
        sample = Labeler(Bright(), 300).drawn(
            drawn(path, box, size_wh=size_wh),  # type: ignore[arg-type]
            some_missing=True,
        )
        assert sample is not None
        assert sample.frame_bgr.shape == (200, 300, 3)
        assert sample.bboxes_xyxy.tolist() == [[30, 40, 130, 140]]
        assert np.isfinite(sample.landmarks_xy).all()


def test_boxes_of_another_picture_and_without_area_are_left_out(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", squares(100, 200))
    labeler = Labeler(Bright(), 800)
    turned = drawn(path, (5, 5, 9, 9), size_wh=(100, 200))
    assert labeler.drawn(turned, some_missing=False) is None
    flat = Labeler(Bright(), 800).drawn(
        drawn(path, (5, 5, 5, 9), (50, 50, 40, 60)), some_missing=False
    )
    assert flat is not None
    assert not len(flat.bboxes_xyxy)


def test_scenes_that_are_known_are_left_out(tmp_path: Path) -> None:
    frame = noise(200, 300)
    saved(tmp_path / "a.png", frame)
    saved(tmp_path / "b.jpg", np.asarray(cv2.resize(frame, (150, 100)), np.uint8))
    labeler = Labeler(Bright(), 800)
    assert labeler.background(tmp_path / "a.png") is not None
    assert labeler.found(tmp_path / "b.jpg") is None
    assert labeler.drawn(drawn(tmp_path / "b.jpg"), some_missing=False) is None


@pytest.mark.parametrize(("score", "ignored"), [(0.8, False), (0.75, False), (0.7, True)])
def test_sure_faces_are_taught_and_others_ignored(
    tmp_path: Path, score: float, ignored: bool
) -> None:
    path = saved(tmp_path / "a.png", squares(200, 200, (20, 20, 120, 120)))
    sample = Labeler(Bright(score), 800).found(path)
    assert sample is not None
    assert sample.ignored.tolist() == [ignored]
    portrait = Labeler(Bright(score), 800).portrait(path)
    assert (portrait is None) == ignored
    if portrait is not None:
        assert np.abs(portrait.bboxes_xyxy - [20, 20, 120, 120]).max() < 1
        assert not portrait.is_scene


def test_a_second_teacher_lifts_unsure_faces_and_adds_its_own_as_ignored() -> None:
    seen = found((0, 0, 20, 20, 0.9), (50, 0, 70, 20, 0.4), (100, 0, 120, 20, 0.4))
    sample = Sample(
        noise(50, 200),
        seen.bboxes_xyxy,
        seen.landmarks_xy,
        is_scene=True,
        ignored=np.array([False, True, True]),
    )
    second = found(
        (51, 0, 71, 20, 0.7),  # confirms
        (101, 0, 121, 20, 0.55),  # not sure enough
        (150, 0, 170, 20, 0.8),  # alone
        (180, 0, 190, 10, 0.45),  # alone and unsure
    )
    judged = second_opinion(sample, second)
    assert judged.ignored.tolist() == [False, False, True, True]
    assert judged.bboxes_xyxy[3].tolist() == [150, 0, 170, 20]
    # Boxes and landmarks of lifted faces stay the first teacher's.
    assert np.array_equal(judged.bboxes_xyxy[:3], seen.bboxes_xyxy)
    assert judged.landmarks_xy.shape == (4, 5, 2)
    nobody = Sample(noise(9, 9), seen.bboxes_xyxy[:0], seen.landmarks_xy[:0], is_scene=True)
    assert second_opinion(nobody, second).ignored.tolist() == [True] * 3
    assert not len(second_opinion(nobody, found()).ignored)


def test_unreadable_pictures_are_left_out(tmp_path: Path) -> None:
    broken = tmp_path / "a.jpg"
    broken.write_bytes(b"\xff\xd8 no picture")
    labeler = Labeler(Bright(), 800)
    assert labeler.portrait(broken) is None
    assert labeler.background(broken) is None
    assert labeler.found(broken) is None
    assert labeler.drawn(drawn(broken), some_missing=True) is None


VOC = """<annotation><size><width>{w}</width><height>{h}</height></size>
<object><name>with_mask</name><bndbox><xmin>1</xmin><ymin>2.5</ymin><xmax>11</xmax><ymax>12</ymax>
</bndbox></object></annotation>"""


def test_voc_boxes_are_found_wherever_they_are_kept(tmp_path: Path) -> None:
    (tmp_path / "xml").mkdir()
    (tmp_path / "images").mkdir()
    for name in ("a", "b", "augmented_a", "without_picture"):
        (tmp_path / "xml" / f"{name}.xml").write_text(VOC.format(w=40, h=30))
        if name != "without_picture":
            saved(tmp_path / "images" / f"{name}.png", noise(30, 40))
    first, second = voc_pictures(tmp_path)
    assert (first.path.stem, second.path.stem) == ("a", "b")
    assert first.bboxes_xyxy.tolist() == [[1, 2.5, 11, 12]]
    assert first.ignored.tolist() == [False]
    assert first.size_wh == (40, 30)


@pytest.mark.parametrize("text", ["<annotation>", VOC.replace("2.5", "two").format(w=1, h=1)])
def test_broken_annotations_are_told(tmp_path: Path, text: str) -> None:
    saved(tmp_path / "a.png", noise(30, 40))
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(InputError, match=r"a\.xml is not a Pascal VOC"):
        voc_pictures(tmp_path)


def test_wider_boxes_marked_invalid_are_ignored(tmp_path: Path) -> None:
    savemat = pytest.importorskip("scipy.io", reason="MATLAB files are written by scipy").savemat

    def nested(*values: object) -> FloatArray:
        cell = np.empty((len(values), 1), object)
        for place, value in enumerate(values):
            cell[place, 0] = value
        return cell  # type: ignore[return-value]

    savemat(
        tmp_path / "wider.mat",
        {
            "event_list": nested("0--Parade"),
            "file_list": nested(nested("one", "absent")),
            "face_bbx_list": nested(
                nested(np.array([[10, 20, 5, 6], [1, 2, 3, 4]]), np.array([[0, 0, 1, 1]]))
            ),
            "invalid_label_list": nested(nested(np.array([[0], [1]]), np.array([[0]]))),
        },
    )
    (tmp_path / "0--Parade").mkdir()
    saved(tmp_path / "0--Parade" / "one.jpg", noise(30, 40))
    (picture,) = wider_pictures(tmp_path, tmp_path / "wider.mat")
    assert picture.bboxes_xyxy.tolist() == [[10, 20, 15, 26], [1, 2, 4, 6]]
    assert picture.ignored.tolist() == [False, True]
    (tmp_path / "other.mat").write_bytes(b"no table")
    with pytest.raises(InputError, match="does not hold WIDER"):
        wider_pictures(tmp_path, tmp_path / "other.mat")


def test_another_network_is_not_the_second_teacher(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"no network")
    with pytest.raises(ModelError, match="does not hold CenterFace"):
        CenterFace(tmp_path / "x.onnx")
