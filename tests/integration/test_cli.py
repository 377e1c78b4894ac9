"""The command line end to end, on real faces, as a user runs it."""

from __future__ import annotations

import csv
import io
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from commands import facegate
from PIL import Image

from facegate.services.demo import COLLINS, HOPPER
from facegate.vision import alter
from facegate.vision.images import load_image


def save(frame: object, path: Path) -> Path:
    """Write a BGR frame."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(frame[:, :, ::-1]).save(path)  # type: ignore[index]
    return path


@pytest.fixture(scope="module")
def altered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Altered copies of both portraits."""
    folder = tmp_path_factory.mktemp("altered") / "photos"
    for who, portrait in (("collins", COLLINS), ("hopper", HOPPER)):
        frame = load_image(portrait.path()).frame_bgr
        save(alter.cropped(frame), folder / who / "cropped.png")
        save(alter.darkened(frame, 0.6), folder / who / "mit Leerzeichen é.png")
    return folder


@pytest.fixture
def photos(altered: Path, tmp_path: Path) -> Path:
    """The altered copies, for this test to add what is no picture."""
    return shutil.copytree(altered, tmp_path / "photos")


def test_the_quality_of_faces(portrait_paths: dict[str, Path], tmp_path: Path) -> None:
    frame = load_image(portrait_paths["collins"]).frame_bgr
    good = save(frame, tmp_path / "in" / "good.png")
    save(alter.darkened(frame, 0.08), tmp_path / "in" / "dark.png")
    (tmp_path / "in" / "none.png").write_bytes(b"no picture")
    ran = facegate("quality", tmp_path / "in", "--json", "--draw", tmp_path / "drawn")
    assert ran.code == 10
    rows = {Path(row["path"]).stem: row for row in ran.lines()}
    (face,) = rows["good"]["faces"]
    assert face["flaws"] == {"enrollment": [], "identification": [], "gate": []}
    (dark,) = rows["dark"]["faces"]
    assert "too_dark" in dark["flaws"]["enrollment"]
    assert dark["unified_quality_score"] < face["unified_quality_score"]
    assert rows["none"]["error"]
    assert {path.name for path in (tmp_path / "drawn").iterdir()} == {"good.jpg", "dark.jpg"}
    told = facegate("quality", good)
    assert told.code == 0
    assert "1 pictures, 1 faces, 1 good enough to enroll." in told.out


def test_enroll_then_identify_in_every_form(enrolled: None, photos: Path, tmp_path: Path) -> None:
    ran = facegate("identify", photos, "--json", "--annotate", tmp_path / "marked")
    assert ran.code == 0
    rows = ran.lines()
    assert len(rows) == 4
    for row in rows:
        assert list(row) == ["path", "width", "height", "error", "faces"]
        (face,) = row["faces"]
        assert face["outcome"] == "match"
        assert face["subject"].split()[1].lower() == Path(row["path"]).parent.name
        assert face["similarity"] >= face["threshold"]
    marked = sorted(
        path.relative_to(tmp_path / "marked") for path in (tmp_path / "marked").rglob("*.jpg")
    )
    assert [path.as_posix() for path in marked] == [
        "collins/cropped.jpg", "collins/mit Leerzeichen é.jpg",
        "hopper/cropped.jpg", "hopper/mit Leerzeichen é.jpg",
    ]  # fmt: skip
    table = facegate("identify", photos)
    assert "4 match" in table.out
    sheet = tmp_path / "out" / "result.csv"
    assert facegate("identify", photos, "--format", "csv", "-o", sheet).code == 0
    listed = list(csv.DictReader(io.StringIO(sheet.read_text())))
    assert [row["outcome"] for row in listed] == ["match"] * 4
    assert {row["subject"] for row in listed} == {"Eileen Collins", "Grace Hopper"}


def test_bad_files_are_rows_and_the_rest_is_identified(enrolled: None, photos: Path) -> None:
    (photos / "empty.jpg").touch()
    (photos / "text.jpg").write_text("not a picture")
    whole = (photos / "collins" / "cropped.png").read_bytes()
    (photos / "cut.png").write_bytes(whole[: len(whole) // 3])
    Image.new("RGB", (1, 1)).save(photos / "dot.png")
    ran = facegate("identify", photos, photos / "gone.jpg", "--json")
    assert ran.code == 10
    rows = {Path(row["path"]).name: row for row in ran.lines()}
    assert sum(row["error"] is None for row in rows.values()) == 3  # two names are in both folders
    for name, words in {
        "empty.jpg": "empty", "text.jpg": "not a picture",
        "cut.png": "cut short", "gone.jpg": "no such",
    }.items():  # fmt: skip
        assert words in rows[name]["error"]
    assert rows["dot.png"]["faces"] == []


def test_files_that_nobody_may_read_are_rows_too(
    enrolled: None, photos: Path, portrait_paths: dict[str, Path]
) -> None:
    secret = photos / "secret.jpg"
    shutil.copyfile(portrait_paths["hopper"], secret)
    secret.chmod(0)
    if os.access(secret, os.R_OK):
        pytest.skip("the superuser may read every file, so none can be unreadable")
    ran = facegate("identify", secret, portrait_paths["hopper"], "--json")
    assert ran.code == 10
    unreadable, readable = ran.lines()
    assert "may not read" in unreadable["error"]
    assert readable["faces"][0]["outcome"] == "match"
    assert facegate("enroll", "--name", "X", secret).code == 10
    assert facegate("verify", secret, secret).code == 4


def test_people_are_listed_renamed_disabled_and_removed(enrolled: None, photos: Path) -> None:
    listed = facegate("people", "list", "--json").json()
    assert [(one["name"], one["template_count"]) for one in listed] == [
        ("Eileen Collins", 1), ("Grace Hopper", 1)
    ]  # fmt: skip
    assert facegate("people", "rename", "Grace Hopper", "Rear Admiral Hopper").code == 0
    assert facegate("people", "rename", "Eileen Collins", "Rear Admiral Hopper").code == 7
    shown = facegate("people", "show", "Rear Admiral Hopper", "--json").json()
    assert shown["templates"][0]["source"] == "grace_hopper.jpg"
    assert "embedding" not in shown["templates"][0]

    def outcome() -> str:
        (row,) = facegate("identify", photos / "hopper" / "cropped.png", "--json").lines()
        return row["faces"][0]["outcome"]

    assert outcome() == "match"
    assert facegate("people", "disable", "Rear Admiral Hopper").code == 0
    assert outcome() == "unknown"
    assert facegate("people", "enable", "Rear Admiral Hopper").code == 0
    assert outcome() == "match"
    assert facegate("people", "remove", "Rear Admiral Hopper", "--yes").code == 0
    assert outcome() == "unknown"
    for command in ("show", "enable", "disable"):
        ran = facegate("people", command, "Nobody")
        assert ran.code == 5
        assert "Nobody" in ran.err
    assert facegate("people", "remove", "Nobody", "-y").code == 5
    assert "Eileen Collins" in facegate("people", "list").out


def test_enrolling_a_folder_per_person_can_be_rehearsed_and_repeated(
    photos: Path,
) -> None:
    ran = facegate("enroll", photos, "--dry-run", "--json")
    assert ran.code == 0
    assert {row["status"] for row in ran.lines()} == {"accepted"}
    assert facegate("people", "list", "--json").json() == []
    assert facegate("enroll", photos).code == 0
    again = facegate("enroll", photos, "--json")
    assert again.code == 0
    assert {row["status"] for row in again.lines()} == {"already_enrolled"}
    assert len(facegate("people", "list", "--json").json()) == 2


def test_refused_pictures_say_why(photos: Path, portrait_paths: dict[str, Path]) -> None:
    collins = load_image(portrait_paths["collins"]).frame_bgr
    folder = photos.parent / "bad"
    save(alter.shrunk(collins, 0.25), folder / "small.png")
    save(alter.blurred(collins, 0.012), folder / "blurred.png")
    save(alter.darkened(collins, 0.06), folder / "dark.png")
    Image.new("RGB", (300, 300), (90, 120, 90)).save(folder / "nobody.png")
    import numpy as np

    save(np.concatenate([collins, alter.mirrored(collins)], axis=1), folder / "two.png")
    facegate("enroll", "--name", "Eileen Collins", portrait_paths["collins"])
    ran = facegate("enroll", "--name", "Somebody Else", folder, portrait_paths["collins"], "--json")
    assert ran.code == 10
    reasons = {Path(row["path"]).name: row["reasons"] for row in ran.lines()}
    assert "too_small" in reasons["small.png"]
    assert "blurred" in reasons["blurred.png"]
    assert "too_dark" in reasons["dark.png"] or reasons["dark.png"] == ["no_face"]
    assert reasons["nobody.png"] == ["no_face"]
    assert reasons["two.png"] == ["several_faces"]
    assert reasons["astronaut.png"] == ["duplicate"]
    assert [one["name"] for one in facegate("people", "list", "--json").json()] == [
        "Eileen Collins"
    ]


def test_a_list_with_missing_files_enrolls_the_others(
    tmp_path: Path, portrait_paths: dict[str, Path]
) -> None:
    sheet = tmp_path / "staff.csv"
    sheet.write_text(f"name,path\nGrace Hopper,{portrait_paths['hopper']}\nAna,gone.jpg\n")
    ran = facegate("enroll", sheet, "--json")
    assert ran.code == 10
    assert [row["status"] for row in ran.lines()] == ["accepted", "error"]
    assert facegate("enroll", tmp_path / "none.csv").code == 4


def test_two_pictures_are_compared(photos: Path, portrait_paths: dict[str, Path]) -> None:
    same = facegate(
        "verify", portrait_paths["collins"], photos / "collins" / "cropped.png", "--json"
    )
    assert (same.code, same.json()["same"]) == (0, True)
    other = facegate("verify", portrait_paths["collins"], portrait_paths["hopper"], "--json")
    assert (other.code, other.json()["same"]) == (11, False)
    assert facegate("verify", portrait_paths["collins"], photos / "gone.jpg").code == 4
    blank = photos / "blank.png"
    Image.new("RGB", (99, 99)).save(blank)
    ran = facegate("verify", portrait_paths["collins"], blank)
    assert ran.code == 4
    assert "no face" in ran.err


def test_nothing_to_do_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "void").mkdir()
    for command in ("identify", "enroll"):
        assert facegate(command, tmp_path / "void").code == 4
    assert facegate("enroll", tmp_path / "void", "--name", "Ana").code == 4
    assert facegate("eval", "verification", "--root", tmp_path / "void").code == 4
    assert facegate("tune", tmp_path / "void").code == 4
    assert facegate("no-such-command").code == 2


def test_with_nobody_enrolled_everybody_is_unknown(portrait_paths: dict[str, Path]) -> None:
    ran = facegate("identify", portrait_paths["hopper"], "--json")
    assert ran.code == 0
    (row,) = ran.lines()
    assert row["faces"][0]["outcome"] == "unknown"
    assert row["faces"][0]["similarity"] is None
    assert "Nobody is enrolled" in ran.err


def test_too_few_people_tune_nothing(photos: Path) -> None:
    ran = facegate("tune", photos)
    assert ran.code == 9
    assert "too few" in ran.err


def test_tune_evaluate_and_use_the_new_threshold(
    tmp_path: Path, portrait_paths: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for who, path in portrait_paths.items():
        for title, change in alter.ALTERATIONS.items():
            name = "".join(c for c in title if c.isalnum())
            save(change(load_image(path).frame_bgr), tmp_path / "people" / who / f"{name}.png")
    plot = tmp_path / "roc.png"
    ran = facegate("tune", tmp_path / "people", "--json", "--plot", plot)
    assert ran.code == 0, ran.err
    found = ran.json()
    assert found["fmr"]["of"] == 121
    assert found["fnmr"]["of"] == 110
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert found["tails"]["faces"] == 22
    assert found["tails"]["points"][0][1] == 0
    shown = facegate("threshold", "show", "--json").json()
    assert (shown["tau"], shown["target"], shown["templates"]) == (found["tau"], "f1", 0)
    refused = facegate("threshold", "set", "fmr:1e-9")
    assert refused.code == 9
    assert "measured pairs cannot support" in refused.err
    assert facegate("threshold", "set", "nonsense").code == 3
    assert facegate("threshold", "show", "--toml").out.startswith("[threshold]\ntau = ")
    portrait = portrait_paths["collins"]
    assert "With 1 person enrolled" in facegate("enroll", "-n", "Ana", portrait).out
    assert facegate("threshold", "set", "fpir:0.1").code == 0
    hopper = portrait_paths["hopper"]
    (row,) = facegate("identify", hopper, "--json").lines()
    assert row["faces"][0]["operating_point"]["target"] == "fpir:0.1"
    assert row["faces"][0]["threshold"] >= round(found["tau"], 6)
    assert "With 1 person enrolled (1 template)" in facegate("people", "list").out
    assert "nobody is let in" in facegate("people", "remove", "Ana", "--yes").out
    assert facegate("threshold", "set", "f1").code == 0
    monkeypatch.setenv("FACEGATE_THRESHOLD_TARGET", "fpir:1e-9")
    assert facegate("threshold", "set", "fpir:0.2").code == 3
    ran = facegate("verify", hopper, hopper, "--json")
    assert ran.json()["operating_point"]["supported"] is False
    assert "measured pairs support" in ran.err
    doctor = facegate("doctor", "--json")
    assert doctor.code == 0
    assert [one["check"] for one in doctor.json() if one["health"] == "warning"] == [
        "threshold", "attack tests",
    ]  # fmt: skip
    monkeypatch.setenv("FACEGATE_THRESHOLD_TARGET", "fpir:2")
    assert facegate("people", "list").code == 3
    monkeypatch.delenv("FACEGATE_THRESHOLD_TARGET")
    (row,) = facegate("identify", hopper, "--json").lines()
    assert row["faces"][0]["threshold"] == pytest.approx(found["tau"], abs=1e-6)
    report = facegate("eval", "verification", "--root", tmp_path / "people", "--json").json()
    assert report["accuracy"]["mean"] > 0.9
    assert {"tmr_at_fmr", "auc", "pairs", "failed_to_acquire"} <= set(report)


def test_models_doctor_and_database_are_in_order(enrolled: None) -> None:
    assert all(one["ok"] for one in facegate("models", "verify", "--json").json())
    listed = facegate("models", "list", "--json").json()
    assert {one["task"] for one in listed} == {
        "face_detection", "face_landmarks", "face_embedding", "presentation_attack_detection",
    }  # fmt: skip
    name = listed[0]["name"]
    assert facegate("models", "show", name, "--json").json()["name"] == name
    assert facegate("models", "show", "nonsense").code == 6
    doctor = facegate("doctor", "--json")
    assert doctor.code == 0, doctor.out
    assert {one["check"] for one in doctor.json() if one["health"] != "ok"} == {"attack tests"}
    status = facegate("db", "status", "--json").json()
    assert (status["pending"], status["too_new"]) == ([], False)
    assert facegate("db", "upgrade").code == 0


def test_a_newer_database_is_refused_everywhere(enrolled: None, tmp_path: Path) -> None:
    file = tmp_path / "data" / "facegate.db"
    connection = sqlite3.connect(file)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    for command in (["people", "list"], ["db", "upgrade"], ["identify", "x.jpg"]):
        ran = facegate(*command)
        assert ran.code == 7
        assert "9999" in ran.err
    assert facegate("doctor").code == 11
    assert facegate("db", "status", "--json").json()["too_new"] is True


def test_a_damaged_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "data" / "facegate.db"
    file.parent.mkdir()
    file.write_bytes(b"something else entirely" * 300)
    ran = facegate("people", "list")
    assert ran.code == 7
    assert "not a database" in ran.err
    assert file.read_bytes() == b"something else entirely" * 300


def test_a_folder_that_cannot_hold_data_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FACEGATE_DATA_DIR", str(tmp_path / "file" / "data"))
    ran = facegate("people", "list")
    assert ran.code == 7
    assert "FACEGATE_DATA_DIR" in ran.err


def test_changed_weights_never_decide(tmp_path: Path, portrait_paths: dict[str, Path]) -> None:
    import facegate as package

    place = tmp_path / "place"
    source = Path(package.__file__).parent
    shutil.copytree(source, place / "facegate")
    if not (source / "_assets").is_dir():
        for folder in ("assets", "migrations"):
            shutil.copytree(source.parent / folder, place / "facegate" / f"_{folder}")
    for file in (place / "facegate" / "_assets" / "models").glob("*.onnx"):
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(bytes(data))
    environment = {**os.environ, "PYTHONPATH": str(place)}
    for command, code in ((["identify", portrait_paths["hopper"]], 6), (["models", "verify"], 11)):
        ran = subprocess.run(
            [sys.executable, "-m", "facegate", *map(str, command)],
            capture_output=True, text=True, check=False, env=environment, cwd=tmp_path,
        )  # fmt: skip
        assert ran.returncode == code, ran.stderr
    assert "never decide" in ran.stderr or "not the file" in ran.stdout


def test_wrong_settings_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEGATE_THREADS", "many")
    ran = facegate("people", "list")
    assert ran.code == 3
    assert "threads" in ran.err


def test_version_and_help() -> None:
    assert facegate("--version").out.startswith("facegate ")
    for command in ("enroll", "identify", "tune", "people remove", "eval identification", "db"):
        ran = facegate(*command.split(), "--help")
        assert ran.code == 0
        assert "Usage" in ran.out


def test_readme_lists_every_exit_code_and_command() -> None:
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    for code in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 70, 130):
        assert f"\n| {code} | " in readme
    commands = ("demo", "enroll", "identify", "verify", "people", "tune", "eval", "bench", "doctor")
    for command in (*commands, "models", "db"):
        assert f"facegate {command}" in readme
