"""Attack training: pictures, splits, a run that learns, and the file it ends in."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from facegate.bootstrap import models_folder
from facegate.domain.faces import DetectedFace
from facegate.errors import InputError, ModelError
from facegate.models import onnx_pad, pad_net
from facegate.models.registry import Task, choose_card, read_cards
from facegate.models.runtime import open_session
from facegate.training.pad import attacks, cuts, data, generate, loop
from facegate.training.pad.camera import photographed
from facegate.training.pad.export import export_onnx, read_onnx
from facegate.training.pad.start import begin_with, blended
from facegate.training.recipe import read_recipe
from tests.fakes import face_at


def regions(count: int = 8) -> list[data.Region]:
    random = np.random.default_rng(0)
    box = np.array([60, 55, 130, 140], np.float32)
    made = []
    for number in range(count):
        pixels = random.integers(0, 255, (12, 12, 3), dtype=np.uint8)
        bgr = np.asarray(Image.fromarray(pixels).resize((192, 192)))
        kind = data.PRINT if number % 4 == 3 else data.BONA_FIDE
        made.append(data.Region(bgr, box, kind, "nuaa", validates=number % 2 == 1))
    return made


def detect_one(frame_bgr: np.ndarray) -> list[DetectedFace]:
    return [face_at(frame_bgr.shape[1] * 0.3, frame_bgr.shape[0] * 0.3, 60.0)]


@pytest.mark.parametrize("kind", attacks.GENERATED_KINDS)
def test_every_kind_shows_a_face_in_the_scene_and_the_same_seed_the_same(kind: str) -> None:
    first, second = regions(2)
    for seed in range(12):
        made = [
            attacks.attack(
                kind, (first.bgr, first.bbox_xyxy), (second.bgr, second.bbox_xyxy),
                np.random.default_rng(seed),
            )
            for _ in range(2)
        ]  # fmt: skip
        assert (made[0].bgr == made[1].bgr).all()
        assert made[0].bgr.dtype == np.uint8
        side = made[0].bgr.shape[0]
        assert side in attacks.CANVASES_PX
        assert made[0].bgr.shape == (side, side, 3)
        x1, y1, x2, y2 = made[0].bbox_xyxy
        assert 0.1 * side < x2 - x1 < 2.1 * side
        assert 0.1 * side < y2 - y1 < 2.1 * side
        assert 0 < (x1 + x2) / 2 < side
        assert 0 < (y1 + y2) / 2 < side


def test_bona_fide_pictures_go_through_the_same_camera_and_keep_their_box() -> None:
    region = regions(1)[0]
    changed = 0
    for seed in range(20):
        shown = attacks.bona_fide(region.bgr, region.bbox_xyxy, np.random.default_rng(seed))
        assert (shown.bbox_xyxy == region.bbox_xyxy).all()
        changed += bool((shown.bgr != region.bgr).any())
    assert 12 <= changed < 20


@pytest.mark.parametrize("value", [-50.0, 0.0, 128.0, 400.0])
def test_any_scene_can_be_photographed(value: float) -> None:
    scene = np.full((40, 60, 3), value, np.float32)
    for seed in range(30):
        picture = photographed(scene, np.random.default_rng(seed))
        assert picture.dtype == np.uint8
        assert picture.shape == (40, 60, 3)


def nuaa_folder(root: Path) -> Path:
    for part in ("ClientRaw", "ImposterRaw"):
        for person in ("0001", "0005", "0010"):
            (root / part / person).mkdir(parents=True)
            for number in range(4):
                Image.new("RGB", (200, 180), (int(person) * 9, 80, number)).save(
                    root / part / person / f"{person}_{number}.jpg"
                )
    return root


def test_people_of_the_test_are_never_read_and_validating_people_never_taught(
    tmp_path: Path,
) -> None:
    found = list(
        data.nuaa(nuaa_folder(tmp_path), frozenset({"0010"}), frozenset({"0005"}), detect_one, 2)
    )
    assert len(found) == 2 * 2 * 2
    assert {one.kind for one in found} == {data.BONA_FIDE, data.PRINT}
    for one in found:
        person = round(float(one.bgr[..., 2].mean()) / 9)
        assert person in {1, 5}
        assert one.validates == (person == 5)


def test_a_portrait_is_always_on_the_same_side_of_the_split(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(40)]
    for path in paths:
        Image.new("RGB", (200, 200)).save(path)
    once = [one.validates for one in data.portraits(paths, "x", detect_one)]
    again = [one.validates for one in data.portraits(reversed(paths), "x", detect_one)][::-1]
    assert once == again
    assert 0 < sum(once) < 20


def test_small_faces_and_broken_files_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    Image.new("RGB", (300, 300)).save(tmp_path / "small.png")
    paths = sorted(tmp_path.iterdir())
    small = [face_at(100, 100, data.MIN_FACE_PX - 1)]
    assert not list(data.portraits(paths, "x", lambda _: small))


def test_regions_come_back_as_they_were_written(tmp_path: Path) -> None:
    given = regions()
    data.write_regions(given[:5], tmp_path / "a")
    data.write_regions(given[5:], tmp_path / "b")
    prepared = data.PreparedRegions([tmp_path / "a", tmp_path / "b"])
    assert len(prepared) == len(given)
    for number, one in enumerate(given):
        back = prepared[number]
        assert (back.bgr == one.bgr).all()
        assert (back.kind, back.source, back.validates) == (one.kind, one.source, one.validates)
    with pytest.raises(InputError):
        data.write_regions([], tmp_path / "c")


def pooled(folder: Path, count: int = 60) -> data.PreparedRegions:
    data.write_regions(regions(), folder / "faces")
    prepared = data.PreparedRegions([folder / "faces"])
    data.write_regions(generate.pool(prepared, count, 1, validates=False), folder / "pool")
    return data.PreparedRegions([folder / "pool"])


def test_a_pool_has_all_kinds_and_only_its_side_of_the_split(tmp_path: Path) -> None:
    found = pooled(tmp_path)
    assert set(found.kinds.tolist()) == set(generate.POOL_SHARES) - {data.PRINT}  # all validate
    assert not found.validates.any()
    with pytest.raises(InputError):
        list(generate.pool(data.PreparedRegions([tmp_path / "pool"]), 9, 1, validates=True))


def recipe(**changes: object) -> loop.PadRecipe:
    shipped = read_recipe(loop.PadRecipe, "pad_p2")
    return shipped.model_copy(update={"batch": 8, "images": 16, **changes})


def test_views_are_drawn_alike_from_the_same_state(tmp_path: Path) -> None:
    views = loop.PadViews(pooled(tmp_path), recipe())
    classes = set()
    for seed in range(30):
        (one, kind), (other, _) = (views.draw(np.random.default_rng(seed)) for _ in range(2))
        assert (one == other).all()
        assert one.shape == (2, 80, 80, 3)
        classes.add(kind)
    assert classes == {0, 1, 2}


def test_unknown_kinds_and_missing_sides_are_refused(tmp_path: Path) -> None:
    found = pooled(tmp_path)
    with pytest.raises(InputError):
        loop.PadViews(found, recipe(kind_shares={"hologram": 1.0}))
    with pytest.raises(InputError):
        loop.PadViews(found, recipe(kind_shares={data.PRINT: 1.0}))


def published(path: Path, branch: pad_net.Branch) -> Path:
    """A checkpoint as published: odd widths, other names' prefix, a slope for each channel."""
    narrow = {104: 103, 232: 231, 312: 308, 16: 13, 56: 52, 80: 77, 160: 154}
    state = {}
    for name, value in branch.state_dict().items():
        inside = name.startswith(("conv_23", "conv_3", "conv_4", "conv_5"))
        if inside and "se_module" not in name and value.dim():
            keep = tuple(slice(0, narrow.get(length, length)) for length in value.shape)
            state[f"module.{name}"] = torch.randn_like(value[keep].float()).abs()
        else:
            state[f"module.{name}"] = value
    state["module.conv1.prelu.weight"] = torch.zeros(32)
    torch.save(state, path)
    return path


def test_a_run_begins_with_published_weights_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    views = loop.PadViews(pooled(tmp_path), recipe())
    given = pad_net.PadNet()
    near = published(tmp_path / "near.pth", given.near)
    far = published(tmp_path / "far.pth", given.far)
    run = loop.open_run(recipe(), tmp_path / "run", (near, far))
    own, theirs = run.network.near.state_dict(), torch.load(near, weights_only=True)
    inside = theirs["module.conv_23.conv.conv.weight"]
    assert len(inside) == 103
    assert torch.equal(own["conv_23.conv.conv.weight"][:103], inside)
    # What the 104th channel says is not heard yet, and can be learned.
    assert not own["conv_23.project.conv.weight"][:, 103].any()
    assert own["conv_23.conv.conv.weight"][103].any()
    assert torch.equal(own["prob.weight"], theirs["module.prob.weight"][[1, 0, 2]])
    list(loop.train(run, recipe(), views))
    again = loop.open_run(recipe(images=32), tmp_path / "run", None)
    assert again.seen == 16
    list(loop.train(again, recipe(images=32), views))
    assert again.seen == 32


def test_a_blend_lies_between_the_published_and_the_trained_weights(tmp_path: Path) -> None:
    given, trained = pad_net.PadNet(), pad_net.PadNet().state_dict()
    files = published(tmp_path / "n.pth", given.near), published(tmp_path / "f.pth", given.far)
    torch.manual_seed(0)
    begun = pad_net.PadNet()
    begin_with(begun, *files)
    name = "near.conv_6_sep.conv.weight"
    for share in (0.0, 0.4, 1.0):
        state = blended(trained, *files, share)
        wanted = (1 - share) * begun.state_dict()[name] + share * trained[name]
        torch.testing.assert_close(state[name], wanted)
        pad_net.PadNet().load_state_dict(state)


def test_other_files_are_no_start(tmp_path: Path) -> None:
    network = pad_net.PadNet()
    (tmp_path / "text.pth").write_text("no weights")
    torch.save({"module.conv1.conv.weight": torch.zeros(32, 3, 3, 3)}, tmp_path / "part.pth")
    state = {f"module.{name}": value for name, value in network.near.state_dict().items()}
    state["module.conv_23.conv.conv.weight"] = torch.zeros(200, 32, 1, 1)
    torch.save(state, tmp_path / "wide.pth")
    for name in ("text", "part", "wide", "missing"):
        with pytest.raises(ModelError):
            begin_with(network, tmp_path / f"{name}.pth", tmp_path / f"{name}.pth")


def test_an_exported_network_gives_the_same_scores_and_can_be_read_again(tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = pad_net.PadNet().eval()
    export_onnx(network, tmp_path / "pad.onnx")
    views = np.random.default_rng(0).integers(0, 255, (3, 2, 80, 80, 3), dtype=np.uint8)
    with torch.no_grad():
        wanted = pad_net.ExportedPad(network)(torch.from_numpy(views)).numpy()
    session = open_session((tmp_path / "pad.onnx").read_bytes(), 1)
    found = session.run(None, {"views_bgr": views})[0]
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    back = read_onnx(tmp_path / "pad.onnx")
    with torch.no_grad():
        np.testing.assert_allclose(
            pad_net.ExportedPad(back)(torch.from_numpy(views)).numpy(), wanted, atol=1e-6
        )
    with pytest.raises(ModelError):
        read_onnx(choose_card(read_cards(models_folder()), Task.DETECTION).path)


def test_the_runtime_keeps_the_network_s_contract() -> None:
    assert (onnx_pad.SIDE_PX, onnx_pad.ZOOMS) == (pad_net.SIDE_PX, pad_net.ZOOMS)


def test_cuts_keep_their_box_and_leave_out_people_of_the_test(tmp_path: Path) -> None:
    sizes = {"a": (200, 300), "b": (640, 700), "small": (40, 300), "wall": (90, 90)}
    for name, size in sizes.items():
        Image.new("RGB", size, (len(name), 80, 160)).save(tmp_path / f"{name}.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    seen: list[tuple[int, ...]] = []

    def read(frame_bgr: np.ndarray) -> list[Any]:
        seen.append(frame_bgr.shape)
        height, width = frame_bgr.shape[:2]
        if height == width:
            return []
        inside = np.array([0.3 * width, 0.3 * height, 0.7 * width, 0.7 * height], np.float32)
        face = DetectedFace(inside, np.zeros((5, 2), np.float32), 0.9)
        vector = np.array([1, 0] if width < 0.9 * height else [0.2, np.sqrt(0.96)], np.float32)
        return [SimpleNamespace(face=face, embedding=vector)]

    paths = sorted(tmp_path.iterdir())
    everybody = np.zeros((0, 0), np.float32)
    found = list(cuts.cuts(paths, data.REPLAY, "phone", read, everybody, validates=True))
    assert [one.bgr.shape for one in found] == [(300, 200, 3), (480, 439, 3)]
    assert all(one.kind == "replay" and one.source == "phone" and one.validates for one in found)
    for one in found:
        height, width = one.bgr.shape[:2]
        middle = (one.bbox_xyxy[:2] + one.bbox_xyxy[2:]) / 2
        np.testing.assert_allclose(middle, (width / 2, height / 2), atol=2)
    assert max(seen[0][:2]) < 320 * 1.8

    strangers = cuts.embeddings(paths, read)
    assert strangers.shape == (2, 2)
    assert not list(cuts.cuts(paths, data.REPLAY, "phone", read, strangers, validates=True))
    some = list(cuts.cuts(paths, data.REPLAY, "phone", read, strangers[:1], validates=True))
    assert len(some) == 1

    data.write_regions(found, tmp_path / "prepared")
    back = data.PreparedRegions([tmp_path / "prepared"])
    assert [one.bgr.shape for one in back] == [(300, 200, 3), (480, 439, 3)]
    assert loop.scores(pad_net.PadNet(), back, np.arange(2)).shape == (2,)
