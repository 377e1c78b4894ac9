from __future__ import annotations

from pathlib import Path

import pytest

from facegate.errors import InputError
from facegate.evaluation.lists import (
    NO_GROUP,
    numbers_of_pairs,
    read_labels,
    read_list,
    read_one_person,
)


def test_lists_of_pictures_have_comments_and_blank_lines(tmp_path: Path) -> None:
    file = tmp_path / "once.txt"
    file.write_text("\ufeff# seen once\n\ntrain/1.jpg\n  val/2 with space.jpg \n")
    root = Path("pictures")
    assert read_list(file, root) == [root / "train/1.jpg", root / "val/2 with space.jpg"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# nothing\n", "names no pictures"),
        ("a.jpg\n/etc/passwd\n", "line 2"),
        ("../a.jpg\n", "line 1"),
        ("a.jpg\nb.jpg\n./a.jpg\n", "line 3.*line 1"),
        ("a\0.jpg\n", "line 1"),
    ],
)
def test_lists_that_cannot_be_used_say_where(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "once.txt"
    file.write_text(text)
    with pytest.raises(InputError, match=words):
        read_list(file, tmp_path)


def test_who_is_the_same_as_one_of_two_is_the_same_as_the_other(tmp_path: Path) -> None:
    file = tmp_path / "same.csv"
    file.write_text("similarity,path_a,path_b\n0.6,c.jpg,a.jpg\n0.5,b.jpg,c.jpg\n0.4,d.jpg,e.jpg\n")
    listed = [tmp_path / f"{name}.jpg" for name in "abcdef"]
    a, b, c, d, e, _ = listed
    pairs = read_one_person(file, tmp_path, listed)
    assert sorted(pairs) == [(a, b), (a, c), (b, c), (d, e)]
    # Somebody whose face is not found has no number, and no pair.
    assert sorted(map(tuple, numbers_of_pairs(pairs, [c, e, a, d]))) == [(0, 2), (1, 3)]
    assert numbers_of_pairs([], listed).shape == (0, 2)
    file.write_text("similarity,path_a,path_b\n")
    assert read_one_person(file, tmp_path, listed) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a.jpg,b.jpg\n", "path_a"),
        ("path_a,path_b\na.jpg,x.jpg\n", "line 2.*x.jpg is not in the list"),
        ("path_a,path_b\na.jpg,b.jpg\nb.jpg,b.jpg\n", "line 3.*twice"),
        ("path_a,path_b\na.jpg\n", "line 2"),
        ("path_a,path_b\n../a.jpg,b.jpg\n", "line 2"),
        ("", "path_a"),
    ],
)
def test_pairs_of_one_person_that_cannot_be_used_say_why(
    tmp_path: Path, text: str, words: str
) -> None:
    file = tmp_path / "same.csv"
    file.write_text(text)
    with pytest.raises(InputError, match=words):
        read_one_person(file, tmp_path, [tmp_path / "a.jpg", tmp_path / "b.jpg"])


def test_labels_by_one_and_by_two_columns(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_text("file,age,gender,race\nt/1.jpg,03-Sep,Male,Indian\nt/2.jpg,20-29,,White\n")
    table = read_labels(file, tmp_path, [["age"], ["race", "gender"]])
    assert table.paths == (tmp_path / "t/1.jpg", tmp_path / "t/2.jpg")
    assert table.groups == {
        "age": ("3-9", "20-29"), "race x gender": ("Indian Male", f"White {NO_GROUP}")
    }  # fmt: skip
    only = table.only({tmp_path / "t/2.jpg", tmp_path / "other.jpg"})
    assert only.paths == (tmp_path / "t/2.jpg",)
    assert only.groups["age"] == ("20-29",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,race\n1.jpg,x\n", "column `file`"),
        ("file,age\n1.jpg,x\n", "no column 'race'.*file, age"),
        ("file,race\n1.jpg,x\n1.jpg,y\n", "line 3.*line 2"),
        ("file,race\n,y\n", "line 2"),
        ("file,race\n", "names no pictures"),
        ("", "column `file`"),
    ],
)
def test_labels_that_cannot_be_used_say_why(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "labels.csv"
    file.write_text(text)
    with pytest.raises(InputError, match=words):
        read_labels(file, tmp_path, [["race"]])
