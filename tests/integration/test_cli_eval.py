"""`facegate eval` end to end, on real faces."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from facegate.cli.main import app
from facegate.errors import FacegateError, InputError
from facegate.vision import alter
from facegate.vision.images import load_image


def facegate(*arguments: object) -> str:
    """Run a command here; its errors come as they are."""
    ran = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    return ran.stdout


def refused(*arguments: object) -> str:
    """Run a command that ends in an error; gives its message."""
    ran = CliRunner().invoke(app, list(map(str, arguments)))
    assert isinstance(ran.exception, FacegateError), ran.output
    assert isinstance(ran.exception, InputError)
    return str(ran.exception)


@pytest.fixture
def people(tmp_path: Path, portrait_paths: dict[str, Path]) -> Path:
    """Three altered copies of both portraits, in a folder per person."""
    for who, path in portrait_paths.items():
        frame = load_image(path).frame_bgr
        for number, changed in enumerate((frame, alter.darkened(frame, 0.6), alter.cropped(frame))):
            file = tmp_path / "people" / who / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(changed[:, :, ::-1]).save(file)
    (tmp_path / "once.txt").write_text("# seen once\ncollins/0.png\nhopper/0.png\n")
    (tmp_path / "thrice.txt").write_text("collins/0.png\ncollins/1.png\nhopper/0.png\n")
    (tmp_path / "labels.csv").write_text(
        "file,light,team\n"
        "collins/1.png,dark,x\ncollins/2.png,good,x\nhopper/1.png,dark,y\nhopper/2.png,good,y\n"
    )
    return tmp_path / "people"


def test_small_false_match_rates_from_people_seen_once(people: Path, tmp_path: Path) -> None:
    once = ("--non-mated", tmp_path / "once.txt", "--non-mated-root", people)
    plot, alike, cache = tmp_path / "det.png", tmp_path / "alike.csv", tmp_path / "cache"
    options = (*once, "--plot", plot, "--most-alike", alike, "--cache", cache)
    report = json.loads(facegate("eval", "verification", "--root", people, *options, "--json"))
    listed = report["non_mated_list"]
    assert (listed["faces"], listed["pairs"], listed["mated"]) == (2, 1, 6)
    assert [point["supported"] for point in listed["points"]] == [False] * 5
    assert listed["points"][-1]["tmr"]["of"] == 6
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert len(alike.read_text().splitlines()) == 2
    (kept,) = cache.iterdir()
    before = kept.stat().st_mtime_ns
    out = facegate("eval", "verification", "--root", people, *options)
    assert "not supported" in out and "rule of three" in out
    assert kept.stat().st_mtime_ns == before, "nothing was read again"


def test_pairs_that_show_one_person_are_looked_at_and_left_out(
    people: Path, tmp_path: Path
) -> None:
    alike, cache = tmp_path / "alike.csv", tmp_path / "cache"
    once = ("--non-mated", tmp_path / "thrice.txt", "--non-mated-root", people, "--cache", cache)
    verification = ("eval", "verification", "--root", people, *once)
    report = json.loads(facegate(*verification, "--most-alike", alike, "--json"))
    listed = report["non_mated_list"]
    assert (listed["pairs"], listed["pairs_of_one_person_left_out"]) == (3, 0)
    assert listed["points"][-1]["fmr"]["count"] == 1
    head, first, *others = alike.read_text().splitlines()
    assert first.endswith("collins/0.png,collins/1.png")
    assert len(others) == 2
    alike.write_text(f"{head}\n{first}\n")  # the two others show different people
    again = (*once, "--one-person", alike)
    report = json.loads(facegate(*verification, "--one-person", alike, "--json"))
    listed = report["non_mated_list"]
    assert (listed["pairs"], listed["pairs_of_one_person_left_out"]) == (2, 1)
    assert listed["points"][-1]["fmr"]["count"] == 0
    assert "1 more pair shows one person" in facegate(*verification, "--one-person", alike)
    page = tmp_path / "page.html"
    facegate("report", "--root", people, "--output", page, *again)
    assert "1 pair that show one person, by alike.csv" in page.read_text()
    labels = tmp_path / "thrice.csv"
    labels.write_text("file,team\ncollins/0.png,x\ncollins/1.png,x\nhopper/0.png,x\n")
    fairness = ("eval", "fairness", "--labels", labels, "--root", people, "--group", "team")
    report = json.loads(facegate(*fairness, "--one-person", alike, "--json"))
    assert report["comparisons"][0]["groups"][0]["rate"] == {
        **report["comparisons"][0]["groups"][0]["rate"], "count": 0, "of": 2
    }  # fmt: skip
    assert "1 more" in report["overall"]


def test_growing_galleries(people: Path, tmp_path: Path, portrait_paths: dict[str, Path]) -> None:
    (people / "stranger").mkdir()
    (people / "collins").rename(tmp_path / "others")
    Image.open(portrait_paths["collins"]).save(people / "stranger" / "0.png")
    plot = tmp_path / "growth.png"
    options = ("--root", people, "--distractors", tmp_path / "others", "--plot", plot)
    report = json.loads(facegate("eval", "identification", *options, "--json"))
    growth = report["growth"]
    assert [row["size"] for row in growth["galleries"]] == [
        growth["enrolled"] + growth["distractors"]
    ]
    assert growth["enrolled"] == 1 and growth["distractors"] >= 1
    last = growth["galleries"][-1]
    assert last["fpir"]["value"] == 1, "the stranger is among the distractors"
    assert "cannot be told from 1 searches" in last["at_fpir"][0]["reason"]
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert "cannot be told" in facegate("eval", "identification", *options)


def test_groups(people: Path, tmp_path: Path) -> None:
    plot = tmp_path / "groups.png"
    table = ("--labels", tmp_path / "labels.csv", "--root", people)
    options = (*table, "--group", "light", "--group", "light,team", "--fmr", "0.5", "--plot", plot)
    report = json.loads(facegate("eval", "fairness", *options, "--json"))
    assert [one["division"] for one in report["comparisons"]] == ["light"] * 2 + [
        "light x team"
    ] * 2
    assert report["comparisons"][0]["worst_over_best"]["left_out"] == ["dark", "good"]
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert "cannot be told" in facegate("eval", "fairness", *options)
    mated = ("--people", people, "--conditions", tmp_path / "labels.csv", "--group", "light")
    report = json.loads(facegate("eval", "fairness", *mated, "--json"))
    (one,) = report["comparisons"]
    assert {row["group"]: row["rate"]["of"] for row in one["groups"]} == {"dark": 2, "good": 2}


def test_options_that_do_not_fit_are_refused(people: Path, tmp_path: Path) -> None:
    root = ("--root", people)
    once = tmp_path / "once.txt"
    labels = ("--labels", tmp_path / "labels.csv")
    verification, fairness = ("eval", "verification", *root), ("eval", "fairness")
    assert "belong together" in refused(*verification, "--non-mated", once)
    assert "--most-alike" in refused(*verification, "--most-alike", tmp_path / "x.csv")
    assert "--one-person" in refused(*verification, "--one-person", tmp_path / "x.csv")
    assert "--distractors-root" in refused("eval", "identification", *root, "--distractors", once)
    assert "--group" in refused(*fairness, *labels, *root)
    assert "--labels with --root" in refused(*fairness, *labels, "--group", "light")
    assert "no column 'race'" in refused(*fairness, *labels, *root, "--group", "race")
    assert "--fmr" in refused(*fairness, *labels, *root, "--group", "light", "--fmr", "2")
    assert "no row" in refused(*fairness, *labels, *root, "--group", "light", "--list", once)
    assert "belong together" in refused(*fairness, "--people", people, "--group", "light")
