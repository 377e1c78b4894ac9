"""Lists of drawn faces: whole ones, broken ones, hostile ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from facegate.errors import InputError
from facegate.evaluation.detection_labels import read_labels
from facegate.evaluation.landmark_lists import read_landmark_list


def test_broken_lines_cost_only_themselves(tmp_path: Path) -> None:
    file = tmp_path / "labels.txt"
    points = "1 2 0 3 4 0 5 6 0 -1 -1 -1 9 9 0"
    file.write_text(
        "9 9 9 9\n# 0--Parade/a b.jpg 640 480\n1 2 11 22\n1 2 x 4\n5 5 5 9\nnan 0 9 9\n1 2 3\n"
        f"10 10 30 30 1\n0 0 9 9 {points} 0.8\n\n# ../../etc/passwd 1 1\n1 1 2 2\n# empty.jpg\n"
    )
    labels = read_labels(file)
    scene, empty = labels.scenes
    assert (scene.name, empty.name) == ("0--Parade/a b.jpg", "empty.jpg")
    assert scene.truth_xyxy.tolist() == [[1, 2, 11, 22], [10, 10, 30, 30], [0, 0, 9, 9]]
    assert scene.ignored.tolist() == [False, True, False]
    assert scene.landmarks_xy[2, 0].tolist() == [1, 2]
    assert np.isnan(scene.landmarks_xy[2, 3]).all()
    assert np.isnan(scene.landmarks_xy[:2]).all()
    assert len(empty.truth_xyxy) == 0
    assert [problem.split()[1] for problem in labels.problems] == [
        "1", "4", "5", "6", "7", "11", "12",
    ]  # fmt: skip


@given(st.binary(max_size=300))
@settings(max_examples=40, deadline=None)
def test_any_bytes_are_labels_or_an_error_for_people(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    folder = tmp_path_factory.mktemp("labels")
    for name in ("labels.txt", "labels.mat"):
        (folder / name).write_bytes(data)
        try:
            scenes = read_labels(folder / name).scenes
        except InputError:
            continue
        assert all(np.isfinite(scene.truth_xyxy).all() for scene in scenes)


def column(*items: object) -> np.ndarray:
    made = np.empty((len(items), 1), object)
    made[:, 0] = items
    return made


def test_matlab_files_say_who_is_wanted(tmp_path: Path) -> None:
    boxes = np.array([[1, 2, 10, 20], [5, 5, 0, 7], [9, 9, 30, 30], [4, 4, 8, 8]])
    content = {
        "event_list": column("0--Parade"),
        "file_list": column(column("one", "two")),
        "face_bbx_list": column(column(boxes, boxes[:1])),
        "invalid_label_list": column(column([[0], [0], [1], [0]], [[0]])),
    }
    savemat(tmp_path / "wider.mat", content)
    labels = read_labels(tmp_path / "wider.mat")
    assert [scene.name for scene in labels.scenes] == ["0--Parade/one", "0--Parade/two"]
    first = labels.scenes[0]
    assert first.truth_xyxy[0].tolist() == [1, 2, 11, 22]
    assert first.ignored.tolist() == [False, True, False]  # the second has no area
    assert len(labels.problems) == 1
    savemat(tmp_path / "hard.mat", {**content, "gt_list": column(column([[1], [3]], [[1]]))})
    assert read_labels(tmp_path / "hard.mat").scenes[0].ignored.tolist() == [False, True, True]


VOC = """<annotation><filename>{name}</filename>
<object><name>face</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>11</xmax><ymax>22</ymax></bndbox>
</object><object><difficult>1</difficult><bndbox><xmin>0</xmin><ymin>0</ymin><xmax>5</xmax>
<ymax>5</ymax></bndbox></object>
<object><bndbox><xmin>much</xmin></bndbox></object></annotation>"""


def test_xml_folders_are_read_but_no_document_types(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.xml").write_text(VOC.format(name="1.png"))
    (tmp_path / "2.xml").write_text(VOC.format(name=""))
    (tmp_path / "3.xml").write_text("<annotation>")
    (tmp_path / "4.xml").write_text('<!DOCTYPE x [<!ENTITY a "b">]><annotation>&a;</annotation>')
    (tmp_path / "5.xml").write_text(VOC.format(name="/etc/passwd"))
    labels = read_labels(tmp_path)
    assert {scene.name for scene in labels.scenes} == {"a/1.png", "2"}
    assert labels.scenes[0].truth_xyxy.tolist() == [[1, 2, 11, 22], [0, 0, 5, 5]]
    assert labels.scenes[0].ignored.tolist() == [False, True]
    assert len(labels.problems) == 5  # two third objects, three files


def test_what_holds_no_scene_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none.txt").write_text("no labels here\n")
    for place in (tmp_path / "none.txt", tmp_path / "missing.txt", tmp_path):
        with pytest.raises(InputError):
            read_labels(place)


def test_three_forms_of_landmark_lists_are_told_apart(tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    planar = "1 2 3 4 5 11 12 13 14 15"
    pairs = "1 11 2 12 3 13 4 14 5 15"
    file.write_text(
        f"net\\a.jpg {planar}\nb.jpg {planar} 1 2 2 3\nc.jpg 84 161 92 169 {pairs}\n"
        f"lfw_5590/x.jpg {planar}\nbad.jpg 1 2 3\n../up.jpg {planar}\nd.jpg {planar[:-2]}nan\n"
    )
    faces, problems = read_landmark_list(file, ["lfw_5590/"])
    assert [face.name for face in faces] == ["net/a.jpg", "b.jpg", "c.jpg"]
    for face in faces:
        assert face.landmarks_xy.tolist() == [[n, 10 + n] for n in range(1, 6)]
    assert [problem.split()[1] for problem in problems] == ["5", "6", "7"]
    with pytest.raises(InputError):
        read_landmark_list(file, [""])
    with pytest.raises(InputError):
        read_landmark_list(tmp_path / "missing.txt")
