"""The embedding's training on the command line, from pictures to a network."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from commands import facegate
from networks import CELLS, tiny_network

pytest.importorskip("torch", reason="training needs torch, which the gate does not")
onnx = pytest.importorskip("onnx", reason="training starts from an ONNX file")

from facegate.training.embedder.export import export_onnx  # noqa: E402
from facegate.training.embedder.networks import build_network  # noqa: E402

RECIPE = """
network = "mobilefacenet"
sets = ["people", "strangers"]
seed = 1
images = 8
batch = 8
learning_rate = 1e-3
warm_up_images = 0
weight_decay = 0.0
ema = 0.5
frozen_blocks = 12

[objective]
people = 2
images = 2

[distillation]
teachers = { ours = 1.0 }

[validation]
people = 2
faces = 4
every_images = 8
max_fmr = 0.5

[last_layer]
steps = 2
every = 1
faces = 10
people = 2
"""


def prepared(folder: Path, people: list[int], seed: int) -> None:
    """A prepared set of colored spots, without the detector's work."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    spots = rng.integers(0, 256, (len(people), 4, 4, 3), dtype=np.uint8)
    crops = spots.repeat(28, axis=1).repeat(28, axis=2)
    (folder / "crops.u8").write_bytes(crops.tobytes())
    files = np.array([f"{i}.jpg" for i in range(len(people))])
    np.savez(folder / "faces.npz", files=files, person=np.array(people))


def test_pictures_become_a_network(tmp_path: Path, portrait_paths: dict[str, Path]) -> None:
    sets = tmp_path / "sets"
    teacher, start = tmp_path / "teacher.onnx", tmp_path / "start.onnx"
    teacher.write_bytes(tiny_network(side=112, dim=64))
    export_onnx(build_network("mobilefacenet"), start)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name, path in portrait_paths.items():
        shutil.copy(path, pictures / f"{name}{path.suffix}")
    line = ("train", "embedder")
    ran = facegate(
        *line, "prepare", "pictures", "--images", pictures, "--data", sets, "--name", "a"
    )
    assert ran.code == 0, ran.out + ran.err
    prepared(sets / "people", [1, 1, 2, 2, 3, 3, 4, 4, 5, 5], 0)
    prepared(sets / "strangers", [-1] * 30, 1)
    everybody = ("--data", sets, "a", "people", "strangers")

    early = facegate(*line, "clean", "--data", sets, "people", "strangers")
    assert (early.code, "No teacher has seen all of people, strangers" in early.err) == (3, True)
    taught = facegate(
        *line, "teach", "--name", "ours", "--weights", teacher, "--mean", "127.5", *everybody
    )
    assert taught.code == 0, taught.out + taught.err
    cleaned = facegate(
        *line, "clean", "--test", "a", "--json", "--data", sets, "people", "strangers"
    )
    assert sum(cleaned.json()["strangers"].values()) == 30
    assert facegate(*line, "clean", "--data", sets, "people", "strangers").code == 0
    again = facegate(*line, "clean", "--test", "a", "--json", "--data", sets, "a").json()["a"]
    assert set(again) == {"test person"}, "the test's own people"

    recipe, run = tmp_path / "tiny.toml", tmp_path / "run"
    recipe.write_text(RECIPE, encoding="utf-8")
    train = ("--recipe", recipe, "--start", start, "--data", sets, "--run", run, "--threads", "1")
    early = facegate(*line, *train)
    assert (early.code, "embedder label" in early.err) == (3, True), "nobody has a group"
    table = tmp_path / "labels.csv"
    rows = [f"train/{i}.jpg,{'left' if i % 2 else 'right'},{i}" for i in range(30)]
    table.write_text("\n".join(["file,side,age", *rows, "val/0.jpg,left,3"]), encoding="utf-8")
    sides = ("label", "strangers", "--data", sets, "--labels", table, "--group", "side")
    assert facegate(*line, *sides, "--root", "elsewhere").code == 4
    labeled = facegate(*line, *sides, "--root", "train", "--without", "age=3")
    assert (labeled.code, "29 of 30 faces" in labeled.out) == (0, True)
    ran = facegate(*line, *train)
    assert ran.code == 0, ran.out + ran.err
    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")
    made = facegate(
        *line, "export", "--run", run, "--output", tmp_path / "made.onnx", "--bits", "8"
    )
    assert made.code == 0, made.out + made.err
    assert (tmp_path / "made.onnx").stat().st_size < 6e6


def test_a_teacher_made_for_one_face_says_so(tmp_path: Path) -> None:
    prepared(tmp_path / "sets" / "few", [-1] * 3, 0)
    network = tmp_path / "one.onnx"
    model = onnx.load_from_string(tiny_network(side=112, dim=16))
    (flatten,) = (node for node in model.graph.node if node.op_type == "Flatten")
    flatten.op_type = "Reshape"  # to the shape of one face's features, as exporters write it down
    flatten.input.append("one")
    shape = np.array([1, 3 * CELLS * CELLS])
    model.graph.initializer.append(onnx.numpy_helper.from_array(shape, "one"))
    onnx.save(model, network)
    line = ("train", "embedder", "teach", "--name", "one", "--weights", network)
    refused = facegate(*line, "--data", tmp_path / "sets", "few")
    assert (refused.code, "--batch 1" in refused.err) == (6, True)
    assert facegate(*line, "--batch", "1", "--data", tmp_path / "sets", "few").code == 0
