from __future__ import annotations

from pathlib import Path

import pytest

from facegate.errors import InputError
from facegate.evaluation.lists import NO_GROUP, read_labels, read_list


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
