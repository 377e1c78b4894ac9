"""`facegate eval pad` and `facegate pad` end to end, on real faces."""

from __future__ import annotations

import json
from pathlib import Path

import commands
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image
from typer.testing import CliRunner

from facegate.cli.main import app
from facegate.errors import FacegateError
from facegate.vision import alter
from facegate.vision.images import load_image


def facegate(*arguments: object) -> str:
    """Run a command here; its errors come as they are."""
    ran = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    return ran.stdout


@pytest.fixture
def pictures(tmp_path: Path, portrait_paths: dict[str, Path]) -> Path:
    """Portraits, a copy that pretends to be a print, and a picture without a face."""
    for folder in ("live", "print", "cut"):
        (tmp_path / folder).mkdir()
    for who, path in portrait_paths.items():
        frame = load_image(path).frame_bgr
        for folder, changed in (("live", frame), ("print", alter.gray(frame)), ("cut", frame)):
            Image.fromarray(changed[:, :, ::-1]).save(tmp_path / folder / f"{who}.png")
    Image.new("RGB", (200, 200), (90, 90, 90)).save(tmp_path / "print" / "empty.png")
    (tmp_path / "print" / "broken.png").write_bytes(b"no picture")
    return tmp_path


def silent_face(path: Path) -> Path:
    """A peer that finds everything live: probabilities 0.2, 0.7, 0.1 whatever it sees."""
    shape = ["n", 3, 80, 80]
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["m"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Unsqueeze", ["m", "one"], ["c"]),
        helper.make_node("Mul", ["c", "zero"], ["z"]),
        helper.make_node("Add", ["z", "p0"], ["p"]),
    ]
    constants = [
        helper.make_tensor("one", TensorProto.INT64, [1], [1]),
        helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0]),
        helper.make_tensor("p0", TensorProto.FLOAT, [1, 3], [0.2, 0.7, 0.1]),
    ]
    graph = helper.make_graph(
        nodes,
        "peer",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("p", TensorProto.FLOAT, ["n", 3])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def test_every_kind_has_its_rate_and_failures_are_beside_them(pictures: Path) -> None:
    plot = pictures / "curves.png"
    reports = json.loads(
        facegate(
            "eval", "pad", "--live", f"people={pictures / 'live'}", "--live",
            f"cut={pictures / 'cut'}", "--whole", "cut", "--attack", f"print={pictures / 'print'}",
            "--generated", "2", "--peer", f"2.7={silent_face(pictures / 'peer.onnx')}", "--plot",
            plot, "--json",
        )
    )  # fmt: skip
    ours, peer = reports
    kinds = {one["name"]: one for one in ours["apcer"]}
    assert kinds["print"]["presentations"] == 2
    assert kinds["print"]["failed_to_acquire"] == 2
    assert kinds["generated_screen"]["presentations"] == 2
    assert [one["presentations"] for one in ours["bpcer"]] == [2, 2]
    assert ours["per_face"]["median_ms"] > 0
    assert {one["value"] for one in peer["apcer"]} == {1.0}
    assert {one["value"] for one in peer["bpcer"]} == {0.0}
    assert plot.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "options",
    [
        ("--live", "nowhere"), ("--attack", "print"), ("--attack", "print=nowhere"),
        ("--whole", "x"), ("--peer", "x=y"), ("--peer", "99=y"),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_is_refused(pictures: Path, options: tuple[str, str]) -> None:
    live = () if options[0] == "--live" else ("--live", pictures / "live")
    ran = CliRunner().invoke(app, ["eval", "pad", *map(str, live), *options])
    assert isinstance(ran.exception, FacegateError), ran.output
    assert ran.exception.exit_code == 4


def test_no_test_at_a_camera_was_made_yet() -> None:
    assert json.loads(facegate("pad", "show", "--json")) == []


def test_an_operator_is_led_through_a_test_at_a_camera_and_doctor_knows_of_it(
    tmp_path: Path, portrait_paths: dict[str, Path]
) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    frame = load_image(portrait_paths["collins"]).frame_bgr
    random = np.random.default_rng(0)
    for number in range(60):
        noisy = np.clip(frame + random.normal(0, 2, frame.shape), 0, 255).astype(np.uint8)
        Image.fromarray(noisy[:, :, ::-1]).save(frames / f"{number:03d}.jpg")
    kinds = ("--kinds", "bona_fide,print", "--presentations", 1, "--seconds", 0.8)
    ran = commands.facegate("pad", "bench", "--source", frames, *kinds, "--json", typed="\n" * 4)
    assert ran.code == 0, ran.err
    assert "hold it up" in ran.err
    rows = ran.json()["summary"]
    assert [(row["kind"], row["rate"]) for row in rows] == [
        ("bona_fide", "bpcer"), ("print", "apcer"),
    ]  # fmt: skip
    assert rows[0]["presentations"] + rows[0]["no_face"] + rows[0]["camera_fault"] == 1
    assert commands.facegate("pad", "show", "--json").json()[0]["summary"] == rows
    assert "frames" in commands.facegate("doctor").out
    # Nobody at the keyboard: what was shown is kept, nothing waits for ever.
    broken = commands.facegate("pad", "bench", "--source", frames, *kinds, "--json")
    assert broken.json()["finished"] is False
