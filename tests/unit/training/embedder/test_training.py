"""Data, augmentation, recipe, teachers and the loop, on made-up faces."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch, which the gate does not")
pytest.importorskip("onnx", reason="training starts from an ONNX file")

from facegate.errors import ConfigError, InputError, ModelError  # noqa: E402
from facegate.models.edgenext import EdgeNeXt  # noqa: E402
from facegate.models.mobilefacenet import MobileFaceNet  # noqa: E402
from facegate.models.onnx_embedder import OnnxEmbedder  # noqa: E402
from facegate.models.runtime import open_session  # noqa: E402
from facegate.training.curves import curves_png  # noqa: E402
from facegate.training.embedder import whitening  # noqa: E402
from facegate.training.embedder.augment import Augmentation, augment  # noqa: E402
from facegate.training.embedder.cleaning import (  # noqa: E402
    DOUBLED,
    TEST_PERSON,
    WRONG_NAME,
    left_out,
)
from facegate.training.embedder.data import (  # noqa: E402
    NOBODY,
    AlignedFaces,
    FacePool,
    SourceFace,
    YunetLandmarks,
    celeba_faces,
    fairface_faces,
    folder_faces,
    label,
    open_prepared,
    prepare,
)
from facegate.training.embedder.export import blend, export_onnx, read_onnx  # noqa: E402
from facegate.training.embedder.loop import (  # noqa: E402
    EmbedderTraining,
    best_network,
    best_seen,
    held_out_by,
    read_log,
)
from facegate.training.embedder.networks import NETWORKS, build_network, freeze  # noqa: E402
from facegate.training.embedder.recipe import EmbedderRecipe, Method  # noqa: E402
from facegate.training.embedder.start import EdgeFaceS, read_start  # noqa: E402
from facegate.training.embedder.targets import aim_at, whiten_network  # noqa: E402
from facegate.training.embedder.teachers import Teacher, add_teacher, plain_onnx  # noqa: E402
from facegate.training.embedder.validation import embed_all, hold_out, verify  # noqa: E402
from facegate.training.recipe import read_recipe  # noqa: E402
from facegate.vision.align import TEMPLATE_112  # noqa: E402

RECIPES = Path(__file__).parents[4] / "facegate" / "training" / "recipes"

RECIPE = EmbedderRecipe.model_validate(
    {
        "network": "mobilefacenet",
        "sets": ["people", "strangers"],
        "seed": 3,
        "images": 24,
        "batch": 8,
        "learning_rate": 1e-3,
        "relative_rate": True,
        "warm_up_images": 8,
        "weight_decay": 1e-4,
        "ema": 0.9,
        "frozen_blocks": 12,
        "objective": {"people": 2, "images": 2},
        "distillation": {
            "embedding": 1.0, "similarity": 20.0, "relational": 1.0, "teachers": {"a": 1.0},
        },
        "validation": {"people": 2, "faces": 6, "every_images": 1000, "max_fmr": 0.1},
    }
)  # fmt: skip


def faces(n: int, people: int, seed: int) -> AlignedFaces:
    rng = np.random.default_rng(seed)
    return AlignedFaces(
        crops_rgb=rng.integers(0, 256, (n, 112, 112, 3)).astype(np.uint8),
        person=np.arange(n) % people if people else np.full(n, NOBODY),
        files=np.array([f"{i}.jpg" for i in range(n)]),
        teachers={"a": whitening.unit(rng.normal(size=(n, 130)).astype(np.float32))},
        left_out=np.full(n, ""),
        group=np.array(["left", "right"])[np.arange(n) % 2],
    )


def pool() -> FacePool:
    return FacePool([faces(16, 6, 0), faces(24, 0, 1)])


@pytest.fixture(scope="module")
def random_network() -> MobileFaceNet:
    torch.manual_seed(5)
    return MobileFaceNet().eval()


@pytest.fixture(scope="module")
def random_onnx(tmp_path_factory, random_network) -> Path:
    path = tmp_path_factory.mktemp("network") / "random.onnx"
    export_onnx(random_network, path)
    return path


def training(folder: Path, start: Path, **changes: object) -> EmbedderTraining:
    recipe = EmbedderRecipe.model_validate({**RECIPE.model_dump(), **changes})
    return EmbedderTraining(recipe, pool(), read_start(start, recipe.network), folder)


@pytest.mark.parametrize("network", ["mobilefacenet", "edgenext_int8"])
def test_an_interrupted_run_ends_like_one_that_was_not(tmp_path, network):
    torch.manual_seed(5)
    start = tmp_path / "start.onnx"
    export_onnx(build_network(network), start)
    changes = {"network": network, "frozen_blocks": 12}
    whole = training(tmp_path / "whole", start, **changes)
    list(whole.train())

    class PoweredOff(Exception):
        pass

    first = training(tmp_path / "parts", start, **changes)
    original = first._losses

    def losses(batch):
        if first.run.seen == 16:
            first.run.save()
            raise PoweredOff
        return original(batch)

    first._losses = losses
    with pytest.raises(PoweredOff):
        list(first.train())
    second = training(tmp_path / "parts", start, **changes)
    assert second.run.seen == 16
    list(second.train())
    ends = [t.run.average.state_dict() for t in (whole, second)]
    for name in ends[0]:
        assert torch.equal(ends[0][name], ends[1][name]), name


def test_a_run_of_another_recipe_is_refused(tmp_path, random_onnx):
    training(tmp_path, random_onnx)
    with pytest.raises(ConfigError, match="another recipe"):
        training(tmp_path, random_onnx, images=32)


def test_a_recipe_that_has_gained_a_setting_is_the_same(tmp_path, random_onnx):
    training(tmp_path, random_onnx)
    path = tmp_path / "recipe.json"
    begun = {k: v for k, v in json.loads(path.read_text()).items() if k != "look_alikes"}
    path.write_text(json.dumps(begun))
    training(tmp_path, random_onnx)


def test_a_run_cut_off_while_it_began_begins_anew(tmp_path, random_onnx):
    training(tmp_path / "run", random_onnx)
    (tmp_path / "run" / "recipe.json").unlink()  # written last
    torch.manual_seed(8)
    export_onnx(MobileFaceNet().eval(), tmp_path / "other.onnx")
    again = training(tmp_path / "run", tmp_path / "other.onnx")
    other = training(tmp_path / "fresh", tmp_path / "other.onnx")
    assert again.start_path.read_bytes() == other.start_path.read_bytes()


def test_a_refused_recipe_leaves_no_run(tmp_path, random_onnx):
    with pytest.raises(ConfigError, match="Too few"):
        training(tmp_path, random_onnx, batch=1000)
    training(tmp_path, random_onnx)


@pytest.mark.parametrize(
    "wrong",
    [
        {"look_alikes": {"nearest": 2, "each": 3}},
        {"objective": {"people": 4, "images": 5}},
        {"validation": {**RECIPE.validation.model_dump(), "sets": ["elsewhere"]}},
    ],
    ids=["look-alikes", "people", "sets"],
)
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match=r"cannot come|does not hold|no set"):
        EmbedderRecipe.model_validate({**RECIPE.model_dump(), **wrong})


def test_a_run_that_goes_on_holds_out_the_same_people(tmp_path, random_onnx):
    def seen_and_kept(name: str, seed: int, chooses: int | None):
        checks = {**RECIPE.validation.model_dump(), "seed": chooses}
        run = training(tmp_path / name, random_onnx, seed=seed, validation=checks)
        crops = run._batch(np.random.default_rng(0), 0).crops_rgb
        return crops, sorted(run._held_out.all.tolist())

    first, kept = seen_and_kept("first", 3, None)
    again, kept_again = seen_and_kept("again", 4, 3)
    _, kept_by_other = seen_and_kept("other", 4, None)
    assert kept_again == kept != kept_by_other
    assert not np.array_equal(first, again)


@pytest.mark.parametrize("teacher", ["a", ""])
def test_look_alikes_train_and_need_a_teacher_who_sees_them(tmp_path, random_onnx, teacher):
    how = {"teacher": teacher, "nearest": 3, "each": 1}
    run = training(tmp_path / "run", random_onnx, images=8, look_alikes=how)
    again = training(tmp_path / "run", random_onnx, images=8, look_alikes=how)
    for step in range(3):
        np.testing.assert_array_equal(run._fill.batch(step), again._fill.batch(step))
    list(again.train())
    assert again.run.seen == 8
    done = training(tmp_path / "run", random_onnx, images=8, look_alikes=how)
    assert not list(done.train()), "nothing is left to do"
    with pytest.raises(ConfigError, match="blind"):
        training(tmp_path / "blind", random_onnx, look_alikes={**how, "teacher": "blind"})


@pytest.mark.parametrize("method", list(Method))
def test_every_method_trains(tmp_path, random_onnx, method):
    objective = {**RECIPE.objective.model_dump(), "method": method}
    run = training(tmp_path, random_onnx, images=8, objective=objective)
    before = {name: value.clone() for name, value in run.run.network.state_dict().items()}
    reports = list(run.train())
    after = run.run.network.state_dict()
    frozen, free = (f"network.blocks.{n}.project.weight" for n in (11, 12))
    assert torch.equal(before[frozen], after[frozen])
    assert not torch.equal(before[free], after[free])
    assert reports[0]["seen"] == 0
    assert 0 <= reports[-1]["score"] <= 1
    assert read_log(tmp_path)[-1]["score"] == pytest.approx(reports[-1]["score"], abs=1e-5)


def test_training_without_teachers_learns_from_people_alone(tmp_path, random_onnx):
    run = training(tmp_path, random_onnx, images=8, distillation=None)
    list(run.train())
    assert run.run.seen == 8


def test_a_teacher_that_was_not_cached_is_a_sentence(tmp_path, random_onnx):
    distillation = {**RECIPE.distillation.model_dump(), "teachers": {"wise": 1.0}}
    with pytest.raises(ConfigError, match="wise"):
        training(tmp_path, random_onnx, distillation=distillation)


def test_batches_are_the_same_wherever_the_run_begins(tmp_path, random_onnx):
    one, other = (training(tmp_path / name, random_onnx) for name in "ab")
    for seen in (0, 16):
        batches = [run._batch(np.random.default_rng(seen), seen) for run in (one, other)]
        np.testing.assert_array_equal(batches[0].crops_rgb, batches[1].crops_rgb)
        np.testing.assert_array_equal(batches[0].person, batches[1].person)
    assert len(batches[0].person) == RECIPE.batch
    strangers = batches[0].person[batches[0].person < 0]
    assert len(set(strangers.tolist())) == len(strangers)
    assert NOBODY not in strangers


def test_curves_are_a_picture_even_of_a_run_that_just_began(tmp_path):
    log = [{"seen": 0.0, "tmr_strangers": 0.5, "tmr_same_source": 0.6, "score": 0.55}]
    assert curves_png(log, "begun").startswith(b"\x89PNG")
    log += [{"seen": 8.0, "total": 1.0, "easy": 0.4, "images_per_s": 3.0}]
    assert curves_png(log, "going on").startswith(b"\x89PNG")


def test_weights_can_be_blended_with_the_whitened_start(tmp_path, random_onnx):
    run = training(tmp_path, random_onnx, images=8)
    list(run.train())
    start, tuned = read_onnx(run.start_path), run.run.average.network
    mixed = blend(tuned, start, 0.25).state_dict()
    for name, value in start.state_dict().items():
        expected = 0.75 * value + 0.25 * tuned.state_dict()[name]
        torch.testing.assert_close(mixed[name], expected)
    assert not torch.equal(mixed["embedding.bias"], start.state_dict()["embedding.bias"])


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_a_network_that_sees_both_mirror_images_stays_so_through_a_file(tmp_path, name):
    crops = torch.from_numpy(faces(2, 0, 3).crops_rgb)
    torch.manual_seed(2)
    network = build_network(name).eval()
    for sees_mirrored in (False, True):
        network.sees_mirrored = sees_mirrored
        export_onnx(network, tmp_path / "network.onnx")
        again = read_onnx(tmp_path / "network.onnx")
        assert again.sees_mirrored is sees_mirrored
        embedder = OnnxEmbedder(open_session((tmp_path / "network.onnx").read_bytes(), 1), "made@1")
        with torch.no_grad():
            one, two = (network(view).numpy() for view in (crops, crops.flip(2)))
        np.testing.assert_allclose(embedder.embed(crops.numpy()), one, atol=1e-4)
        if sees_mirrored:
            np.testing.assert_allclose(one, two, atol=1e-5)


@pytest.mark.parametrize("name", sorted(NETWORKS))
@pytest.mark.parametrize("bits", [32, 16, 8])
def test_every_network_gives_the_same_at_the_gate(tmp_path, name, bits):
    torch.manual_seed(1)
    path = tmp_path / "network.onnx"
    export_onnx(build_network(name), path, bits)
    images = faces(3, 0, 3).crops_rgb
    embedder = OnnxEmbedder(open_session(path.read_bytes(), 1), "made@1")
    with torch.no_grad():
        expected = read_onnx(path)(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(embedder.embed(images), expected, atol=1e-5)


@pytest.mark.parametrize(("bits", "share", "alike"), [(16, 0.6, 0.9999), (8, 0.4, 0.999)])
def test_fewer_bits_make_a_small_file_and_hardly_change_the_result(
    tmp_path, random_network, bits, share, alike
):
    paths = [tmp_path / "whole.onnx", tmp_path / "small.onnx"]
    export_onnx(random_network, paths[0])
    export_onnx(random_network, paths[1], bits)
    whole, small = (path.stat().st_size for path in paths)
    assert small < share * whole
    crops = torch.from_numpy(faces(2, 0, 3).crops_rgb)
    with torch.no_grad():
        one, other = (read_onnx(path)(crops) for path in paths)
    assert float((one * other).sum(dim=1).min()) > alike
    export_onnx(read_onnx(paths[1]), paths[0], bits)
    assert paths[0].read_bytes() == paths[1].read_bytes()  # rounded once, it stays as it is


def test_values_in_bytes_are_off_by_half_a_step_at_most(tmp_path):
    network = build_network("edgenext")
    with torch.no_grad():
        network.embedding.weight[0] = 0  # a row without any step
        network.embedding.weight[1] *= 1000  # and one that must not coarsen the others
    export_onnx(network, tmp_path / "small.onnx", 8)
    wanted, found = network.state_dict(), read_onnx(tmp_path / "small.onnx").state_dict()
    for name, value in wanted.items():
        rows = value.reshape(len(value), -1)
        if name == "embedding.weight":
            assert (found[name][0] == 0).all()
        if rows.numel() >= 4096 and len(rows) > 1:
            step = rows.abs().amax(dim=1, keepdim=True) / 127
            off = (found[name].reshape(rows.shape) - rows).abs()
            assert (off <= step / 2 + 1e-6).all(), name
        elif len(rows) > 1:
            assert (found[name] == value).all(), name


def test_an_unknown_network_is_a_sentence():
    with pytest.raises(ConfigError, match="mobilefacenet"):
        build_network("resnet")


def whitened_and_folded(network, crops: FacePool, rows: np.ndarray):
    """Outputs whitened by numpy, and what the network gives with the whitening folded in."""
    images = torch.from_numpy(crops.crops_rgb(rows))
    with torch.no_grad():
        outputs = network.unnormalized(images).numpy()
    whiten_network(network, crops, rows, 0.5)
    with torch.no_grad():
        folded = network(images).numpy()
    return whitening.fit_whitening(outputs, 0.5).apply(outputs), folded


def test_whitening_folded_into_the_network_is_the_whitening_of_its_output(random_onnx):
    crops = pool()
    rows = np.arange(12)
    expected, folded = whitened_and_folded(read_start(random_onnx, "mobilefacenet"), crops, rows)
    # Random weights see all faces nearly alike: what is left of 32 bits after centering is coarse.
    assert float((folded * expected).sum(axis=1).min()) > 0.999


def edgeface_like(network: EdgeNeXt, path: Path) -> None:
    """Write a network's values as the makers of EdgeFace's file laid theirs down.

    Only names and order count: matrices are turned over and have no names, biases come before the
    sums they join, and each block's result is scaled by a `gamma`, here 2.
    """
    import onnx

    nodes, items = [], []

    def use(kind: str, name: str, value: np.ndarray, first: bool = False) -> None:
        items.append(onnx.numpy_helper.from_array(np.array(value, order="C"), name))
        nodes.append(onnx.helper.make_node(kind, [name, "x"] if first else ["x", name], ["x"]))

    values = {name: value.detach().numpy() for name, value in network.named_parameters()}
    for number, (name, value) in enumerate(values.items()):
        if name.startswith("embedding"):
            break
        if value.ndim == 2:
            scaled = ".second.widen" in name or ".projection.widen" in name
            use("MatMul", f"onnx::MatMul_{number}", value.T / (2 if scaled else 1))
        elif ".second.widen" in name or ".projection.widen" in name:
            use("Add", name, value / 2, first=True)
            use("Mul", f"{number}.gamma", np.full(value.shape, 2, np.float32), first=True)
        else:
            use("Conv" if value.ndim == 4 else "Add", name, value)
    use("Mul", "scalar", np.float32(3))  # numbers without a shape are the operators' own
    rows = values["embedding.weight"]
    use("MatMul", "onnx::MatMul_last", np.eye(rows.shape[1], dtype=np.float32))
    items.append(onnx.numpy_helper.from_array(rows, "head.weight"))
    items.append(onnx.numpy_helper.from_array(values["embedding.bias"], "head.bias"))
    nodes.append(onnx.helper.make_node("Gemm", ["x", "head.weight", "head.bias"], ["x"]))
    ends = [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [1, 3]) for n in "xy"]
    graph = onnx.helper.make_graph(nodes, "edgeface", ends[:1], ends[1:], items)
    onnx.save(onnx.helper.make_model(graph), path)


def test_an_edgenext_starts_from_the_values_of_edgeface(tmp_path):
    torch.manual_seed(2)
    whole = EdgeFaceS(40).eval()
    edgeface_like(whole, tmp_path / "edgeface.onnx")
    crops = torch.from_numpy(faces(2, 0, 3).crops_rgb)
    whole.blocks = whole.blocks[:20]
    for name in ("edgenext", "edgenext_int8"):
        started = read_start(tmp_path / "edgeface.onnx", name)
        with torch.no_grad():
            torch.testing.assert_close(started.unnormalized(crops), whole.unnormalized(crops))


@pytest.mark.parametrize(
    ("one", "other"), [("edgenext", "edgenext_int8"), ("edgenext_int8", "edgenext")]
)
def test_kinds_of_edgenext_start_from_each_other(tmp_path, one, other):
    torch.manual_seed(2)
    export_onnx(build_network(one), tmp_path / "one.onnx")
    started = read_start(tmp_path / "one.onnx", other)
    assert type(started) is NETWORKS[other]
    crops = torch.from_numpy(faces(2, 0, 3).crops_rgb)
    with torch.no_grad():
        wanted = read_onnx(tmp_path / "one.onnx")(crops)
        torch.testing.assert_close(started(crops), wanted)


def test_a_network_of_whole_numbers_is_one_from_the_first_validation_on(tmp_path):
    export_onnx(build_network("edgenext"), tmp_path / "start.onnx")
    run = training(tmp_path / "run", tmp_path / "start.onnx", network="edgenext_int8")
    next(run.train())
    network = best_network(tmp_path / "run")
    steps = [float(v) for name, v in network.state_dict().items() if name.endswith(".step")]
    assert len(steps) == 70
    assert min(steps) > 0
    # What it began with is kept without whole numbers, and blending goes from there to here.
    half = blend(network, read_onnx(run.start_path), 0.5).state_dict()
    assert all(
        half[name] == value for name, value in network.state_dict().items() if "step" in name
    )


def test_more_dimensions_than_ours_become_those_of_largest_spread():
    torch.manual_seed(3)
    crops, rows = pool(), np.arange(24)
    network = EdgeNeXt(EdgeNeXt.dimension + 30).eval()
    before, folded = whitened_and_folded(network, crops, rows)
    assert folded.shape == (24, EdgeNeXt.dimension)
    # 24 faces span fewer directions than are kept: nothing is lost.
    np.testing.assert_allclose(folded @ folded.T, before @ before.T, atol=1e-2)


def test_a_network_of_another_kind_is_refused(tmp_path):
    export_onnx(build_network("mobilenet"), tmp_path / "other.onnx")
    for name in ("edgenext", "edgenext_int8", "mobilefacenet"):
        with pytest.raises(ModelError):
            read_start(tmp_path / "other.onnx", name)


def test_targets_turn_the_teachers_onto_the_student():
    rng = np.random.default_rng(0)
    truth = whitening.unit(rng.normal(size=(200, 4)).astype(np.float32))
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0][:4].astype(np.float32)
    targets = aim_at(truth[:50], np.arange(50), whitening.unit(truth @ turn))
    np.testing.assert_allclose(targets.embedding, truth, atol=1e-4)


def test_a_pool_numbers_people_across_sets_and_skips_what_was_left_out():
    first, second = faces(6, 3, 0), faces(4, 2, 1)
    first.left_out[[0, 2]] = DOUBLED  # of person 2 one picture is left: no pair
    joined = FacePool([first, second, faces(2, 0, 2)])
    assert len(joined) == 10
    assert joined.person.tolist() == [0, NOBODY, 0, NOBODY, 1, 2, 1, 2, NOBODY, NOBODY]
    np.testing.assert_array_equal(joined.crops_rgb(np.array([0]))[0], first.crops_rgb[1])
    np.testing.assert_array_equal(joined.crops_rgb(np.array([4]))[0], second.crops_rgb[0])


def test_cleaning_finds_test_people_doubles_and_wrong_names():
    rng = np.random.default_rng(0)
    clean = whitening.unit(rng.normal(size=(3000, 64)).astype(np.float32))
    person = np.full(3000, NOBODY)
    person[:4] = 1
    clean[1:3] = whitening.unit(clean[:1] + 0.2 * clean[1:3])  # person 1; the fourth is another's
    clean[2900] = clean[100]
    test = whitening.unit(clean[[200]] + 0.1 * clean[[300]])
    reasons = left_out([clean, clean], person, [test, test], stranger=0.3)
    found = {int(i): reasons[i] for i in np.flatnonzero(reasons != "")}
    assert found == {3: WRONG_NAME, 2900: DOUBLED, 200: TEST_PERSON}
    assert not (left_out([clean], np.full(3000, NOBODY), [])[:2900] != "").any()


def test_folders_are_people_or_nobody(tmp_path):
    for name in ("ann/1.jpg", "bea/2.PNG", "bea/deep/3.webp", "bea/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    named = [(face.name, face.person) for face in folder_faces(tmp_path, named=True)]
    assert named == [("ann/1.jpg", 0), ("bea/2.PNG", 1), ("bea/deep/3.webp", 1)]
    assert {face.person for face in folder_faces(tmp_path, named=False)} == {NOBODY}


def test_full_whitening_evens_out_all_directions():
    rng = np.random.default_rng(0)
    values = (rng.normal(size=(500, 6)) * [1, 2, 3, 4, 5, 6] + 7).astype(np.float32)
    fitted = whitening.fit_whitening(values, 0.0)
    covariance = np.cov(((values - fitted.mean) @ fitted.matrix).T)
    np.testing.assert_allclose(covariance, np.eye(6) * covariance[0, 0], atol=1e-3)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_one_face_has_no_spread(count):
    with pytest.raises(ConfigError, match="two different faces"):
        whitening.fit_whitening(np.ones((count, 4), np.float32), 0.5)


def test_verification_counts_like_plain_loops():
    rng = np.random.default_rng(2)
    people, strangers = (
        whitening.unit(rng.normal(size=(n, 4)).astype(np.float32)) for n in (12, 30)
    )
    person = np.arange(12) % 4
    others = sorted(
        (float(strangers[i] @ strangers[j]) for i in range(30) for j in range(i)), reverse=True
    )
    tau = others[int(0.1 * len(others))]
    mated = [
        float(people[i] @ people[j]) > tau
        for i in range(12)
        for j in range(i)
        if person[i] == person[j]
    ]
    outcome = verify(people, person, strangers, 0.1)
    assert outcome.tmr_strangers == pytest.approx(np.mean(mated))
    assert (outcome.mated, outcome.non_mated) == (len(mated), len(others))


def test_held_out_strangers_are_never_two_of_one_person():
    strangers = faces(30, 0, 7)
    strangers.teachers["a"][1::2] = strangers.teachers["a"][::2]
    kept = hold_out(FacePool([faces(16, 6, 0), strangers]), people=2, faces=30, seed=0)
    assert len(kept.strangers) == len(kept.doubles) == 15
    assert sorted(((kept.strangers - 16) // 2).tolist()) == list(range(15))
    assert len(set(kept.all.tolist())) == len(kept.all)


def test_a_further_set_changes_nobody_who_is_held_out():
    sets = [faces(16, 6, 0), faces(24, 0, 1)]
    before = hold_out(FacePool(sets), people=2, faces=9, seed=5)
    after = hold_out(FacePool([*sets, faces(50, 0, 2)]), people=2, faces=9, seed=5, sets=[0, 1])
    assert sorted(before.all.tolist()) == sorted(after.all.tolist())


@pytest.mark.parametrize("change", list(Augmentation.__dataclass_fields__))
def test_each_augmentation_changes_the_crop_and_nothing_else(change):
    crop = cv2.GaussianBlur(faces(1, 0, 3).crops_rgb[0], (0, 0), 2)
    before = crop.copy()
    how = Augmentation(**{"mirror": 0.0, change: 1.0})
    first, again = (augment(crop, how, np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(crop, before)
    np.testing.assert_array_equal(first, again)
    assert (first.shape, first.dtype) == (crop.shape, np.uint8)
    assert not np.array_equal(first, crop)


def test_no_augmentation_is_a_copy():
    crop = faces(1, 0, 3).crops_rgb[0]
    same = augment(crop, Augmentation(mirror=0.0), np.random.default_rng(0))
    np.testing.assert_array_equal(same, crop)
    assert not np.shares_memory(same, crop)


def test_prepared_faces_come_back_and_broken_ones_are_dropped(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    rng = np.random.default_rng(0)
    for name in ("000001.png", "000002.png", "000003.png"):
        cv2.imwrite(str(images / name), rng.integers(0, 256, (120, 120, 3)).astype(np.uint8))
    (images / "000004.png").write_bytes(b"not a picture")
    identities = tmp_path / "identity.txt"
    identities.write_text("".join(f"00000{i}.png {i % 2}\n" for i in range(1, 6)))
    listed = list(celeba_faces(images, identities))
    assert [face.name for face in listed] == [f"00000{i}.png" for i in range(1, 5)]

    unseen = [SourceFace(listed[1].path, "no face", 5), *listed]
    found = iter([None])
    kept = prepare(
        unseen,
        tmp_path / "out",
        lambda _frame: next(found, TEMPLATE_112.astype(np.float32)),
        {"a": np.eye(5, dtype=np.float32)},
    )
    prepared = open_prepared(tmp_path / "out")
    assert kept == len(prepared) == 3
    assert prepared.person.tolist() == [1, 0, 1]
    np.testing.assert_array_equal(prepared.teachers["a"], np.eye(5)[1:4])
    expected = cv2.imread(str(images / "000002.png"))[:112, :112, ::-1]
    np.testing.assert_array_equal(prepared.crops_rgb[1], expected)


def test_a_teacher_is_the_mean_over_a_face_and_its_mirror_image(
    tmp_path, random_network, random_onnx
):
    crops = faces(3, 0, 0).crops_rgb
    (tmp_path / "crops.u8").write_bytes(crops.tobytes())
    np.savez(tmp_path / "faces.npz", files=np.array(["a", "b", "c"]), person=np.full(3, NOBODY))
    done = list(add_teacher(tmp_path, "ours", Teacher(random_onnx.read_bytes(), batch=2)))
    assert done == [2, 3]
    with torch.no_grad():
        both = random_network(torch.from_numpy(crops)) + random_network(
            torch.from_numpy(crops[:, :, ::-1].copy())
        )
    stored = open_prepared(tmp_path).teachers["ours"]
    np.testing.assert_allclose(stored, whitening.unit(both.numpy()), atol=1e-3)


def test_nothing_prepared_is_a_sentence(tmp_path):
    with pytest.raises(ConfigError):
        open_prepared(tmp_path)


@pytest.mark.parametrize("path", sorted(RECIPES.glob("embedder*.toml")), ids=lambda p: p.stem)
def test_shipped_recipes_can_be_read(path):
    assert read_recipe(EmbedderRecipe, path.stem).network in NETWORKS


def test_a_misspelled_recipe_is_refused(tmp_path):
    text = (RECIPES / "embedder_fast.toml").read_text(encoding="utf-8")
    path = tmp_path / "embedder.toml"
    path.write_text(text.replace("margin", "margn"), encoding="utf-8")
    with pytest.raises(ConfigError, match="margn"):
        read_recipe(EmbedderRecipe, path)


def test_another_network_is_not_taken_for_ours(tmp_path, random_onnx):
    import onnx

    path = tmp_path / "other.onnx"
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([], "empty", [], [])), path)
    with pytest.raises(ModelError):
        read_onnx(path)
    for name in NETWORKS:
        with pytest.raises(ModelError):
            read_start(path, name)
    with pytest.raises(ModelError):
        read_start(random_onnx, "mobilenet")


LAST_LAYER = {"steps": 4, "every": 2, "faces": 12, "people": 2, "images": 2}


def test_a_run_ends_with_its_last_layer(tmp_path, random_onnx):
    run = training(tmp_path, random_onnx, last_layer=LAST_LAYER)
    reports = list(run.train())
    assert [r["encoded"] for r in reports if "encoded" in r][-1] == 1.0
    finished = [r for r in reports if "worst_group" in r]
    assert len(finished) == 3
    assert all(math.isfinite(value) for report in finished for value in report.values())
    ended = best_network(tmp_path)
    assert (tmp_path / "finished.pt").is_file()
    again = training(tmp_path, random_onnx, last_layer=LAST_LAYER)
    assert list(again.train()) == [], "nothing is left to do"
    (tmp_path / "finished.pt").unlink()  # as if it was cut off
    assert len([r for r in again.train() if "worst_group" in r]) == 3
    for name, value in best_network(tmp_path).state_dict().items():
        assert torch.equal(value, ended.state_dict()[name]), name


def test_finishing_keeps_the_turn_that_validates_best(tmp_path, random_onnx):
    run = training(tmp_path, random_onnx, last_layer={**LAST_LAYER, "learning_rate": 1.0})
    scores = [r["score"] for r in run.train() if "worst_group" in r]
    crops, recipe = pool(), run._recipe
    kept = held_out_by(recipe, crops)
    network = best_network(tmp_path)
    found = verify(
        embed_all(network, crops, kept.people),
        crops.person[kept.people],
        embed_all(network, crops, kept.strangers),
        recipe.validation.max_fmr,
    )
    assert found.score == pytest.approx(max(scores), abs=1e-6)


@pytest.mark.parametrize(
    ("wants", "why"),
    [({"faces": 30}, "faces of a known group"), ({"people": 9}, "people a batch")],
)
def test_a_last_layer_without_enough_to_learn_from_is_refused_at_the_start(
    tmp_path, random_onnx, wants, why
):
    with pytest.raises(ConfigError, match=why):
        training(tmp_path, random_onnx, last_layer={**LAST_LAYER, **wants})
    assert not (tmp_path / "recipe.json").exists()


def test_faces_get_the_groups_that_a_table_names(tmp_path):
    arrays = {"files": np.array(["a.jpg", "b.jpg"]), "person": np.array([NOBODY, NOBODY])}
    np.savez(tmp_path / "faces.npz", **arrays)
    (tmp_path / "crops.u8").write_bytes(bytes(2 * 112 * 112 * 3))
    assert open_prepared(tmp_path).group.tolist() == ["", ""]
    assert label(tmp_path, {"b.jpg": "left", "c.jpg": "right"}) == 1
    assert open_prepared(tmp_path).group.tolist() == ["", "left"]
    with pytest.raises(InputError, match="no picture"):
        label(tmp_path, {"c.jpg": "right"})
    assert open_prepared(tmp_path).group.tolist() == ["", "left"], "as before"


def test_doubles_are_told_by_the_teachers_named():
    crops = pool()
    crops.teachers["same"] = np.ones((len(crops), 1), np.float32)
    assert len(hold_out(crops, 2, 6, 3, doubles_by=["a"]).strangers) > 1
    assert len(hold_out(crops, 2, 6, 3).strangers) == 1
    with pytest.raises(ConfigError, match="teachers other are cached"):
        hold_out(crops, 2, 6, 3, doubles_by=["other"])


def test_what_a_lost_part_of_a_run_logged_is_forgotten(tmp_path, random_onnx):
    run = training(tmp_path, random_onnx)
    list(run.train())
    whole = read_log(tmp_path)
    run.run.file.unlink()  # as if the power had gone before the first checkpoint
    again = training(tmp_path, random_onnx)
    assert [line["seen"] for line in read_log(tmp_path)] == [0.0], "the validation of the start"
    list(again.train())

    def lasting(log: list[dict[str, float]]) -> list[dict[str, float]]:
        return [{k: v for k, v in line.items() if k != "images_per_s"} for line in log]

    assert lasting(read_log(tmp_path)) == lasting(whole)


def test_a_run_stopped_by_hand_has_a_checkpoint_of_its_last_step(tmp_path, random_onnx):
    checks = {**RECIPE.validation.model_dump(), "every_images": 8}
    run = training(tmp_path, random_onnx, validation=checks)
    reports = run.train()
    while not run.run.seen:
        next(reports)
    reports.close()
    assert training(tmp_path, random_onnx, validation=checks).run.seen == run.run.seen == 8


def test_validations_come_as_often_as_the_recipe_says(tmp_path, random_onnx):
    checks = {**RECIPE.validation.model_dump(), "every_images": 8}
    run = training(tmp_path, random_onnx, validation=checks)
    assert [r["seen"] for r in run.train() if "score" in r] == [0.0, 8.0, 16.0, 24.0]
    assert best_seen(tmp_path) in {0, 8, 16, 24}


@pytest.mark.parametrize("line", ["000001.jpg", "000001.jpg x", "", "000001.jpg 3 4"])
def test_a_wrong_list_of_identities_is_a_sentence(tmp_path, line):
    (tmp_path / "people.txt").write_text(f"a.jpg 1\n{line}\n")
    with pytest.raises(InputError, match="line 2"):
        list(celeba_faces(tmp_path, tmp_path / "people.txt"))


def test_other_files_are_no_teachers(tmp_path):
    (tmp_path / "x").write_bytes(b"no network")
    with pytest.raises(ModelError):
        plain_onnx(tmp_path / "x")
    with pytest.raises(ModelError):
        read_start(tmp_path / "x", "mobilefacenet")
    with pytest.raises(ModelError):
        YunetLandmarks(tmp_path / "x")
    with pytest.raises(InputError):
        fairface_faces(tmp_path, tmp_path / "x")
    np.savez(tmp_path / "y.npz", files=np.array(["a.jpg"]))
    with pytest.raises(InputError, match="landmarks_xy"):
        fairface_faces(tmp_path, tmp_path / "y.npz")


def test_an_unknown_recipe_names_those_that_ship():
    with pytest.raises(ConfigError) as refused:
        read_recipe(EmbedderRecipe, "embedder_best")
    assert "embedder_accurate" in refused.value.hint


def test_more_blocks_than_there_are_cannot_be_frozen(random_network):
    with pytest.raises(ConfigError, match="99 blocks"):
        freeze(copy.deepcopy(random_network), 99)


def test_an_unknown_network_is_named(tmp_path, random_onnx):
    with pytest.raises(ConfigError, match="no embedding network resnet"):
        read_start(random_onnx, "resnet")
