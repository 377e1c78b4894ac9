"""Data, augmentation, recipe, teachers and the loop, on made-up faces."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch, which the gate does not")
pytest.importorskip("onnx", reason="training starts from an ONNX file")

from facegate.errors import ConfigError, ModelError  # noqa: E402
from facegate.locations import shipped  # noqa: E402
from facegate.models.mobilefacenet import MobileFaceNet  # noqa: E402
from facegate.training.embedder import whitening  # noqa: E402
from facegate.training.embedder.augment import Augmentation, augment  # noqa: E402
from facegate.training.embedder.data import (  # noqa: E402
    NOBODY,
    AlignedFaces,
    SourceFace,
    celeba_faces,
    open_prepared,
    prepare,
)
from facegate.training.embedder.export import (  # noqa: E402
    blend,
    export_onnx,
    read_onnx,
    read_start,
)
from facegate.training.embedder.loop import EmbedderTraining, learning_rate  # noqa: E402
from facegate.training.embedder.recipe import EmbedderRecipe  # noqa: E402
from facegate.training.embedder.targets import whiten_network  # noqa: E402
from facegate.training.embedder.teachers import add_teacher, read_teacher  # noqa: E402
from facegate.training.embedder.validation import hold_out, verify  # noqa: E402
from facegate.training.recipe import read_recipe  # noqa: E402
from facegate.vision.align import TEMPLATE_112  # noqa: E402

SHIPPED_ONNX = shipped("assets") / "models" / "facegate-mobileface-m1.onnx"
RECIPES = Path(__file__).parents[4] / "facegate" / "training" / "recipes"

RECIPE = EmbedderRecipe.model_validate(
    {
        "name": "test",
        "seed": 3,
        "batch": {"people": 2, "images": 2, "unlabeled": 3},
        "loss": {"triplet": 1.0, "relational": 20.0, "embedding": 1.0},
        "teacher": {"weights": {"a": 1.0}},
        "optimizer": {
            "steps": 3,
            "learning_rate": 1e-3,
            "warmup_steps": 1,
            "weight_decay": 1e-4,
            "frozen_blocks": 12,
            "ema": 0.9,
        },
        "validation": {"people": 2, "faces": 6, "every_steps": 100, "max_fmr": 0.1},
    }
)


def faces(n: int, people: int, seed: int) -> AlignedFaces:
    rng = np.random.default_rng(seed)
    return AlignedFaces(
        crops_rgb=rng.integers(0, 256, (n, 112, 112, 3)).astype(np.uint8),
        person=np.arange(n) % people if people else np.full(n, NOBODY),
        files=np.array([f"{i}.jpg" for i in range(n)]),
        teachers={"a": whitening.unit(rng.normal(size=(n, 130)).astype(np.float32))},
    )


def training(folder: Path, steps: int = 3) -> EmbedderTraining:
    recipe = RECIPE.model_copy(
        update={"optimizer": RECIPE.optimizer.model_copy(update={"steps": steps})}
    )
    start = read_start(SHIPPED_ONNX)
    return EmbedderTraining(recipe, faces(16, 6, 0), faces(24, 0, 1), start, folder)


def test_an_interrupted_run_ends_like_one_that_was_not(tmp_path):
    whole = training(tmp_path / "whole")
    whole.run()

    class PoweredOff(Exception):
        pass

    first = training(tmp_path / "parts")
    original, first._one_step = first._one_step, None

    def one_step():
        if first.step == 2:
            first._save()
            raise PoweredOff
        return original()

    first._one_step = one_step
    with pytest.raises(PoweredOff):
        first.run()
    second = training(tmp_path / "parts")
    assert second.step == 2
    second.run()
    ends = [t._mean.state_dict() for t in (whole, second)]
    for name in ends[0]:
        assert torch.equal(ends[0][name], ends[1][name]), name


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path):
    training(tmp_path, steps=1).run()
    with pytest.raises(ConfigError):
        training(tmp_path, steps=2)


def test_frozen_layers_stay_and_the_others_move(tmp_path):
    run = training(tmp_path, steps=1)
    before = {name: value.clone() for name, value in run._network.state_dict().items()}
    run.run()
    after = run._network.state_dict()
    assert torch.equal(before["blocks.11.project.weight"], after["blocks.11.project.weight"])
    assert not torch.equal(before["blocks.12.project.weight"], after["blocks.12.project.weight"])


def test_the_best_weights_can_be_blended_with_the_whitened_start(tmp_path):
    run = training(tmp_path, steps=1)
    run.run()
    start, tuned = read_onnx(run.start_path), run._mean
    mixed = blend(tuned, start, 0.25).state_dict()
    for name, value in start.state_dict().items():
        expected = 0.75 * value + 0.25 * tuned.state_dict()[name]
        torch.testing.assert_close(mixed[name], expected)
    assert not torch.equal(mixed["embedding.bias"], start.state_dict()["embedding.bias"])


def test_a_network_that_sees_both_mirror_images_stays_so_through_a_file(tmp_path):
    crops = torch.from_numpy(faces(2, 0, 3).crops_rgb)
    network = read_onnx(SHIPPED_ONNX)
    for sees_mirrored in (False, True):
        network.sees_mirrored = sees_mirrored
        export_onnx(network, tmp_path / "network.onnx")
        again = read_onnx(tmp_path / "network.onnx")
        assert again.sees_mirrored is sees_mirrored
        with torch.no_grad():
            one, other = again(crops), again(crops.flip(2))
        assert torch.allclose(one, other, atol=1e-5) is sees_mirrored


def test_learning_rate_rises_and_falls():
    settings = RECIPE.optimizer.model_copy(update={"steps": 100, "warmup_steps": 10})
    rates = [learning_rate(settings, step) for step in range(101)]
    assert rates[0] == pytest.approx(1e-4)
    assert max(rates) == rates[9] == pytest.approx(1e-3)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[100] == pytest.approx(1e-5)


def test_whitening_folded_into_the_network_is_the_whitening_of_its_output():
    crops = faces(12, 0, 5).crops_rgb
    network = read_start(SHIPPED_ONNX)
    with torch.no_grad():
        outputs = network.unnormalized(torch.from_numpy(crops)).numpy()
    expected = whitening.fit_whitening(outputs, 0.5).apply(outputs)
    returned = whiten_network(network, crops, np.arange(12), 0.5)
    with torch.no_grad():
        folded = network(torch.from_numpy(crops)).numpy()
    np.testing.assert_allclose(returned, expected, atol=1e-5)
    np.testing.assert_allclose(folded, expected, atol=1e-4)


def test_full_whitening_evens_out_all_directions():
    rng = np.random.default_rng(0)
    values = (rng.normal(size=(500, 6)) * [1, 2, 3, 4, 5, 6] + 7).astype(np.float32)
    fitted = whitening.fit_whitening(values, 0.0)
    covariance = np.cov(((values - fitted.mean) @ fitted.matrix).T)
    np.testing.assert_allclose(covariance, np.eye(6) * covariance[0, 0], atol=1e-3)


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


def test_held_out_faces_are_never_two_of_one_person():
    unlabeled = faces(30, 0, 7)
    twice = unlabeled.teachers["a"].copy()
    twice[1::2] = twice[::2]
    doubled = AlignedFaces(unlabeled.crops_rgb, unlabeled.person, unlabeled.files, {"a": twice})
    kept = hold_out(faces(16, 6, 0), doubled, people=2, faces=30, seed=0)
    assert len(kept.faces) == len(kept.near_faces) == 15
    assert sorted((kept.faces // 2).tolist()) == list(range(15))


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


def test_a_teacher_is_the_mean_over_a_face_and_its_mirror_image(tmp_path):
    crops = faces(3, 0, 0).crops_rgb
    (tmp_path / "crops.u8").write_bytes(crops.tobytes())
    np.savez(tmp_path / "faces.npz", files=np.array(["a", "b", "c"]), person=np.full(3, NOBODY))
    add_teacher(tmp_path, "ours", read_teacher(SHIPPED_ONNX))
    with torch.no_grad():
        network = read_onnx(SHIPPED_ONNX)
        both = network(torch.from_numpy(crops)) + network(
            torch.from_numpy(crops[:, :, ::-1].copy())
        )
    stored = open_prepared(tmp_path).teachers["ours"]
    np.testing.assert_allclose(stored, whitening.unit(both.numpy()), atol=1e-3)


def test_nothing_prepared_is_a_sentence(tmp_path):
    with pytest.raises(ConfigError):
        open_prepared(tmp_path)


@pytest.mark.parametrize("path", sorted(RECIPES.glob("embedder*.toml")), ids=lambda p: p.stem)
def test_shipped_recipes_can_be_read(path):
    assert read_recipe(EmbedderRecipe, path).name == path.stem


def test_a_misspelled_recipe_is_refused(tmp_path):
    text = (RECIPES / "embedder_m1.toml").read_text(encoding="utf-8")
    path = tmp_path / "embedder.toml"
    path.write_text(text.replace("margin", "margn"), encoding="utf-8")
    with pytest.raises(ConfigError, match="margn"):
        read_recipe(EmbedderRecipe, path)


def test_another_network_is_not_taken_for_ours(tmp_path):
    import onnx

    path = tmp_path / "other.onnx"
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([], "empty", [], [])), path)
    for read in (read_onnx, read_start):
        with pytest.raises(ModelError):
            read(path)


def test_training_can_start_from_a_shipped_file():
    names = set(MobileFaceNet().state_dict())
    assert set(read_start(SHIPPED_ONNX).state_dict()) == names
