"""`facegate report` end to end, on altered copies of public-domain portraits."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import Ran, facegate
from pages import check_page
from PIL import Image

from facegate.vision import alter
from facegate.vision.images import load_image


def report(*arguments: object) -> Ran:
    return facegate("report", *arguments)


@pytest.fixture
def root(tmp_path: Path, portrait_paths: dict[str, Path]) -> Path:
    """Two people with three pictures each; one picture has no face, and names are hostile."""
    folder = tmp_path / "pictures"
    for who, path in portrait_paths.items():
        frame = load_image(path).frame_bgr
        person = folder / f"{who} <script>é"
        person.mkdir(parents=True)
        copies = {"1": frame, "2": alter.darkened(frame, 0.7), "3": alter.cropped(frame)}
        for number, copy in copies.items():
            Image.fromarray(copy[:, :, ::-1]).save(person / f"{number}.png")
    Image.new("RGB", (200, 200), "gray").save(folder / "collins <script>é" / "4.png")
    return folder


@pytest.fixture
def pairs(root: Path, tmp_path: Path) -> Path:
    """A list of ten pairs, one of which cannot be compared."""
    collins, hopper = (f"{who} <script>é" for who in ("collins", "hopper"))
    rows = ["path_a,path_b,same"]
    rows += [f"{who}/{a}.png,{who}/{b}.png,1" for who in (collins, hopper) for a, b in ("12", "13")]
    rows += [f"{collins}/{a}.png,{hopper}/{b}.png,0" for a in "12" for b in "13"]
    rows += [f"{collins}/4.png,{collins}/1.png,1", f"{collins}/3.png,{hopper}/2.png,0"]
    file = tmp_path / "pairs.csv"
    file.write_text("\n".join(rows), encoding="utf-8")
    return file


def test_a_report_shows_people_only_when_asked(root: Path, pairs: Path, tmp_path: Path) -> None:
    added = tmp_path / "eval.json"
    added.write_text('{"fnir": {"count": 2, "of": 90, "interval_95": [0.003, 0.078]}}')
    output = tmp_path / "out" / "report.html"
    ran = report("--root", root, "--pairs", pairs, "-o", output, "--json-results", added)
    assert ran.code == 0, ran.err
    assert "Of 5 pairs of two different people, none was taken for one person" in ran.out
    assert "--no-pictures" in ran.err
    page = check_page(output.read_text(encoding="utf-8"))
    text = page.text.replace("\u00a0", " ")
    for words in (
        "photographs of people: 6 faces", "collins <script>é/ 4.png no face found", "2 of 90",
        "facegate-edgenext-e2@", "Command line facegate report --root", "Processor", "numpy",
        "non-commercial research", "5 pairs", "Seeds",
    ):  # fmt: skip
        assert words in text.replace("é/4", "é/ 4"), words
    assert sum(tag == "img" for tag, _ in page.tags) >= 8
    assert list(output.parent.iterdir()) == [output]  # no part is left beside it

    bare = tmp_path / "bare.html"
    ran = report("--root", root, "--pairs", pairs, "-o", bare, "--no-pictures", "--json")
    assert ran.code == 0, ran.err
    summary = ran.json()
    assert summary["faces_shown"] == 0
    assert summary["bytes"] == bare.stat().st_size
    assert summary["verification"]["non_mated"] == 5
    page = check_page(bare.read_text(encoding="utf-8"))
    assert not [tag for tag, _ in page.tags if tag == "img"]
    assert "collins" not in page.text.lower()
    assert "no photographs of people" in page.text


def test_what_cannot_be_used_is_said_and_leaves_the_old_report(
    root: Path, pairs: Path, tmp_path: Path
) -> None:
    output = tmp_path / "report.html"
    output.write_text("the old one")
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    deep = tmp_path / "deep.json"
    deep.write_text("[" * 200_000)
    for arguments in (
        ("--json-results", broken),
        ("--json-results", deep),
        ("--json-results", tmp_path / "missing.json"),
        ("--non-mated", pairs),
    ):
        ran = report("--root", root, "--pairs", pairs, "-o", output, *arguments)
        assert ran.code == 4, ran.err
        assert output.read_text() == "the old one"
    assert report("--root", root, "--pairs", pairs, "-o", root).code == 4
    empty = tmp_path / "empty.csv"
    empty.write_text("path_a,path_b,same\n")
    assert report("--root", root, "--pairs", empty, "-o", output).code == 4
    only_mated = tmp_path / "mated.csv"
    rows = pairs.read_text(encoding="utf-8").splitlines()
    only_mated.write_text("\n".join(rows[:3]), encoding="utf-8")
    assert report("--root", root, "--pairs", only_mated, "-o", output).code == 9
    assert output.read_text() == "the old one"
