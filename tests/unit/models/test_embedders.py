"""The shipped embedding networks, at the gate (onnxruntime) and in training (torch)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from facegate.errors import ModelError, ShapeError
from facegate.locations import shipped
from facegate.models.onnx_embedder import BATCH_FACES, OnnxEmbedder
from facegate.models.registry import ModelCard, Task, choose_card, read_cards
from facegate.models.runtime import open_session

TOLERANCE = 1e-5
"""Largest difference between torch and onnxruntime; float32 sums in another order give 1e-6."""


CARDS = [card for card in read_cards(shipped("assets") / "models") if card.task is Task.EMBEDDING]
LARGEST = {"accurate": 20_000_000, "fast": 5_000_000}


@pytest.fixture(scope="module", params=CARDS, ids=lambda card: card.alias)
def card(request) -> ModelCard:
    return request.param


def test_two_networks_ship_and_the_accurate_one_is_the_default():
    assert {one.alias for one in CARDS} == set(LARGEST)
    assert choose_card(CARDS, Task.EMBEDDING).alias == "accurate"
    assert choose_card(CARDS, Task.EMBEDDING, "fast").alias == "fast"


@pytest.fixture(scope="module")
def embedder(card) -> OnnxEmbedder:
    return OnnxEmbedder(open_session(card.read_weights(), threads=1), card.model_id)


def crops(n: int) -> np.ndarray:
    return np.random.default_rng(11).integers(0, 256, (n, 112, 112, 3)).astype(np.uint8)


def test_torch_and_onnxruntime_agree_on_the_shipped_file(card, embedder):
    torch = pytest.importorskip("torch", reason="training needs torch, which the gate does not")
    pytest.importorskip("onnx", reason="rebuilding the torch network needs onnx")
    from facegate.training.embedder.export import read_onnx

    images = crops(5)
    with torch.no_grad():
        expected = read_onnx(card.path)(torch.from_numpy(images)).numpy()
    found = embedder.embed(images)
    if card.alias == "fast":
        # It rounds, and a value between two steps may go to either side, and others after it.
        assert float((found * expected).sum(axis=1).min()) > 0.95
    else:
        np.testing.assert_allclose(found, expected, atol=TOLERANCE)


def test_exporting_again_gives_the_same_bytes(card, tmp_path):
    pytest.importorskip("torch", reason="training needs torch, which the gate does not")
    pytest.importorskip("onnx", reason="rebuilding the torch network needs onnx")
    from facegate.training.embedder.export import export_onnx, read_onnx

    paths = [tmp_path / "first.onnx", tmp_path / "second.onnx"]
    for path in paths:
        export_onnx(read_onnx(card.path), path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    again = read_onnx(paths[0]).state_dict()
    for name, value in read_onnx(card.path).state_dict().items():
        assert (again[name] == value).all(), name


def test_card_tells_the_contract(card, embedder):
    assert embedder.model_id == card.model_id
    assert card.content["input"]["shape"][1:] == [112, 112, 3]
    assert card.content["input"]["color_order"] == "RGB"
    assert card.content["output"]["shape"][1] == embedder.dim
    assert card.path.stat().st_size <= LARGEST[card.alias]


def test_embeddings_have_unit_length_and_do_not_depend_on_the_batch(embedder):
    images = crops(BATCH_FACES + 3)
    together = embedder.embed(images)
    assert together.shape == (len(images), embedder.dim)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = np.concatenate([embedder.embed(images[i : i + 1]) for i in (0, BATCH_FACES + 2)])
    np.testing.assert_allclose(together[[0, BATCH_FACES + 2]], alone, atol=TOLERANCE)


def test_flat_crops_are_embedded_too(embedder):
    for level in (0, 255):
        embedding = embedder.embed(np.full((1, 112, 112, 3), level, dtype=np.uint8))
        assert np.isfinite(embedding).all()


def test_no_faces_give_no_embeddings(embedder):
    assert embedder.embed(crops(0)).shape == (0, embedder.dim)


def test_views_are_accepted(embedder):
    images = crops(4)
    np.testing.assert_array_equal(embedder.embed(images[::2]), embedder.embed(images[::2].copy()))


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((1, 112, 112, 3), np.float32),
        np.zeros((112, 112, 3), np.uint8),
        np.zeros((1, 3, 112, 112), np.uint8),
        np.zeros((1, 96, 112, 3), np.uint8),
    ],
    ids=["float", "no batch", "channels first", "small"],
)
def test_other_arrays_are_refused(embedder, bad):
    with pytest.raises(ShapeError):
        embedder.embed(bad)


class FakeSession:
    """Looks like an embedding network and gives what it was told."""

    class Port:
        def __init__(self, name, kind, shape):
            self.name, self.type, self.shape = name, kind, shape

    def __init__(self, output=None, kind="tensor(uint8)", shape=("n", 112, 112, 3)):
        self._output = output
        self._input = self.Port("crops", kind, list(shape))

    def get_inputs(self):
        return [self._input]

    def get_outputs(self):
        return [self.Port("embeddings", "tensor(float)", ["n", 4])]

    def run(self, _names, feed):
        if self._output is None:
            raise RuntimeError("broken")
        return [np.tile(np.float32(self._output), (len(feed["crops"]), 1))]


@pytest.mark.parametrize(
    "session",
    [FakeSession(kind="tensor(float)"), FakeSession(shape=("n", 3, 112, 112))],
    ids=["float pixels", "channels first"],
)
def test_networks_with_another_contract_are_refused(session):
    with pytest.raises(ModelError):
        OnnxEmbedder(session, "other@1")


@pytest.mark.parametrize(
    "output", [None, [np.nan] * 4, [0, 0, 0, 0], [1, 1, 1, 1]], ids=["fails", "nan", "zero", "long"]
)
def test_a_failing_network_is_an_error_never_an_embedding(output):
    embedder = OnnxEmbedder(FakeSession(output), "fake@1")
    with pytest.raises(ModelError):
        embedder.embed(crops(1))


def test_faces_shared_among_threads_are_what_they_are_alone(card, embedder):
    shared = OnnxEmbedder(open_session(card.read_weights(), threads=1), card.model_id, threads=3)
    images = crops(BATCH_FACES * 3 + 2)
    for count in (0, 1, 2, 7, len(images)):
        np.testing.assert_allclose(
            shared.embed(images[:count]), embedder.embed(images[:count]), atol=TOLERANCE
        )


def test_a_network_that_fails_in_one_thread_of_several_is_an_error():
    with pytest.raises(ModelError):
        OnnxEmbedder(FakeSession(None), "fake@1", threads=2).embed(crops(5))


def test_the_gate_does_not_import_torch():
    code = (
        "import sys, facegate.models.onnx_embedder, facegate.models.runtime, facegate.vision.align;"
        "sys.exit('torch' in sys.modules)"
    )
    root = Path(__file__).parents[3]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
