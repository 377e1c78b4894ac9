from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from fakes import picture
from rich.console import Console

from facegate.cli import output
from facegate.cli.sources import expand, pictures_from, portraits_from
from facegate.errors import InputError


def names(people: list) -> dict[str, list[str]]:
    return {person.name: [path.name for path in person.paths] for person in people}


def test_a_folder_per_person(tmp_path: Path) -> None:
    picture(tmp_path / "Ana_Lima" / "1.png", 1)
    picture(tmp_path / "Ana_Lima" / "more" / "2.png", 1)
    picture(tmp_path / "Zoë" / "1.png", 2)
    (tmp_path / "empty").mkdir()
    (tmp_path / ".git").mkdir()
    people = portraits_from([tmp_path], "")
    assert names(people) == {"Ana Lima": ["1.png", "2.png"], "Zoë": ["1.png"]}


def test_a_name_takes_all_pictures(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", 1)
    picture(tmp_path / "b" / "c.png", 1)
    assert names(portraits_from([tmp_path], "Ana")) == {"Ana": ["a.png", "c.png"]}


@pytest.mark.parametrize(
    "text",
    [
        "name,path\nAna Lima,a.png\n",
        "\ufeffname,path\nAna Lima,a.png\n",
        "Path;Name\na.png;Ana Lima\n",
        'path, name ,note\n"a.png",Ana Lima,"x, y"\n',
    ],
)
def test_lists_of_names_and_paths(tmp_path: Path, text: str) -> None:
    file = tmp_path / "staff.csv"
    file.write_text(text, encoding="utf-8")
    (person,) = portraits_from([file], "")
    assert person.name == "Ana Lima"
    assert person.paths == (tmp_path / "a.png",)


def test_rows_of_one_person_are_joined(tmp_path: Path) -> None:
    file = tmp_path / "staff.csv"
    file.write_text("name,path\nAna,1.png\nBen,2.png\nAna,3.png\n")
    assert names(portraits_from([file], "")) == {"Ana": ["1.png", "3.png"], "Ben": ["2.png"]}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("who,where\nAna,a.png\n", "name the columns"),
        ("", "name the columns"),
        ("name,path\nAna,\n", "line 2"),
        ("name,path\n,a.png\n", "line 2"),
        ("name,path\nAna\n", "line 2"),
    ],
)
def test_malformed_lists_say_where(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "staff.csv"
    file.write_text(text)
    with pytest.raises(InputError, match=words):
        portraits_from([file], "")


def test_it_must_be_clear_who_is_in_the_picture(tmp_path: Path) -> None:
    file = picture(tmp_path / "flat" / "a.png", 1)
    with pytest.raises(InputError, match="who is this"):
        portraits_from([file], "")
    with pytest.raises(InputError, match="no folder per person"):
        portraits_from([file.parent], "")
    with pytest.raises(InputError, match="no such file"):
        portraits_from([tmp_path / "gone.csv"], "")
    (tmp_path / "latin.csv").write_bytes("name,path\nZoë,a.png\n".encode("latin-1"))
    with pytest.raises(InputError, match="UTF-8"):
        portraits_from([tmp_path / "latin.csv"], "")


def test_patterns_are_expanded_and_must_fit_something(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "[1].png"):
        picture(tmp_path / name, 1)
    assert [path.name for path in expand([tmp_path / "?.png"])] == ["a.png", "b.png"]
    assert [path.name for path in expand([tmp_path / "[1].png"])] == ["[1].png"]
    with pytest.raises(InputError, match="no file fits"):
        expand([tmp_path / "*.gif"])


def test_no_pictures_at_all_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match="No pictures"):
        pictures_from([tmp_path], recursive=True)


def test_names_cannot_style_or_steer_the_terminal() -> None:
    console = Console(width=80, force_terminal=False)
    with console.capture() as capture:
        console.print(output.plain("[red]Ana[/red] \x1b[2J [/]"))
    shown = capture.get()
    assert "[red]Ana[/red]" in shown
    assert "\x1b" not in shown


def test_json_has_no_nan_and_one_line_per_row() -> None:
    line = output.json_line({"a": math.nan, "b": [math.inf, 1.5], "c": "ö\nß", "d": ("x",)})
    assert json.loads(line) == {"a": None, "b": [None, 1.5], "c": "ö\nß", "d": ["x"]}
    assert line.count("\n") == 1


def test_undecodable_paths_stay_valid_json() -> None:
    line = output.json_line({"path": b"\xff.jpg".decode("utf-8", "surrogateescape")})
    assert json.loads(line)["path"]
    line.encode("utf-8")


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0.00%"), (1, "100.00%"), (0.2912, "29.12%"), (0.005, "0.50%"), (3.85e-5, "0.0039%")],
)
def test_small_shares_keep_two_digits(share: float, text: str) -> None:
    assert output.percent(share) == text


def test_csv_quotes_what_needs_it() -> None:
    assert output.csv_line(["a,b", None, 'say "x"', 1]) == '"a,b",,"say ""x""",1\n'


def test_a_result_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "result.jsonl"
    output.write_atomically(file, b"old")

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(InputError, match="No space left"):
        output.write_atomically(file, b"new")
    assert file.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_result_of_a_failed_run_is_not_written(tmp_path: Path) -> None:
    file = tmp_path / "result.jsonl"
    with pytest.raises(RuntimeError), output.result_stream(file) as stream:
        stream.write("half")
        raise RuntimeError
    assert not file.exists()
