"""Layers that compute with whole numbers: in torch, in the file, and at the gate."""

from __future__ import annotations

import copy
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch, which the gate does not")
onnx = pytest.importorskip("onnx", reason="exporting needs onnx")

from facegate.errors import ModelError  # noqa: E402
from facegate.models.onnx_embedder import OnnxEmbedder  # noqa: E402
from facegate.models.quantized_linear import LARGEST, QuantizedLinear  # noqa: E402
from facegate.models.runtime import open_session  # noqa: E402
from facegate.training.embedder.data import NOBODY, AlignedFaces, FacePool  # noqa: E402
from facegate.training.embedder.export import export_onnx, read_onnx  # noqa: E402
from facegate.training.embedder.networks import (  # noqa: E402
    EmbeddingNetwork,
    build_network,
    freeze,
)
from facegate.training.embedder.start import read_start  # noqa: E402
from facegate.training.embedder.targets import measure_steps  # noqa: E402
from facegate.training.embedder.teachers import plain_onnx  # noqa: E402


def crops(n: int, seed: int = 0) -> np.ndarray:
    """Gray waves: random pixels would all look alike to a network."""
    rng = np.random.default_rng(seed)
    along = np.linspace(0, 6, 112)
    squares = np.outer(along, along)
    waves = [np.sin(squares * rng.uniform(0.2, 2) + rng.uniform(0, 6)) for _ in range(n)]
    return np.repeat(127 + 120 * np.stack(waves)[..., None], 3, axis=3).astype(np.uint8)


@pytest.fixture(scope="module")
def network() -> EmbeddingNetwork:
    torch.manual_seed(4)
    made = build_network("edgenext_int8").eval()
    images = crops(32)
    seen = AlignedFaces(
        crops_rgb=images,
        person=np.full(len(images), NOBODY),
        files=np.array([f"{i}.jpg" for i in range(len(images))]),
        teachers={},
        left_out=np.full(len(images), ""),
        group=np.full(len(images), ""),
    )
    measure_steps(made, FacePool([seen]), np.arange(len(images)))
    return made


@pytest.fixture(scope="module")
def file(tmp_path_factory, network) -> Path:
    path = tmp_path_factory.mktemp("quantized") / "made.onnx"
    export_onnx(network, path, bits=8)
    return path


def layer_with(low: float, high: float) -> QuantizedLinear:
    torch.manual_seed(0)
    layer = QuantizedLinear(6, 4).train()
    layer(torch.tensor([[low, 0, 0, 0, 0, high]]))
    return layer.eval()


def test_a_layer_multiplies_whole_numbers():
    layer = layer_with(-1.0, 3.0)
    x = torch.randn(9, 6)
    step, zero = float(layer.step), round(float(layer.zero))
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    rows = np.abs(weight).max(axis=1) / LARGEST
    expected = np.zeros((9, 4))
    for i in range(9):
        for j in range(4):
            total = 0
            for k in range(6):
                byte = min(255, max(0, round(float(x[i, k]) / step) + zero))
                total += (byte - zero) * round(weight[j, k] / rows[j])
            expected[i, j] = total * step * rows[j] + bias[j]
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, atol=1e-5)


def test_sums_of_two_products_fit_where_processors_add_them():
    assert 2 * 255 * LARGEST < 2**15


def test_before_it_has_seen_anything_a_layer_rounds_nothing():
    layer, x = QuantizedLinear(6, 4).eval(), torch.randn(3, 6)
    torch.testing.assert_close(layer(x), torch.nn.functional.linear(x, layer.weight, layer.bias))


def test_the_range_follows_what_training_sees_and_always_holds_zero():
    layer = layer_with(1.0, 5.0)
    assert float(layer.zero) == 0
    assert float(layer.step) == pytest.approx(5 / 255)
    layer.train()
    for _ in range(2000):
        layer(torch.tensor([[-2.0, 0, 0, 0, 0, 3.0]]))
    assert float(-layer.zero * layer.step) == pytest.approx(-2, abs=1e-3)
    assert float((255 - layer.zero) * layer.step) == pytest.approx(3, abs=1e-3)
    before = layer.step.clone()
    layer.eval()(torch.full((1, 6), 90.0))
    assert layer.step == before


def test_a_layer_learns_through_the_rounding_but_not_from_what_is_cut_off():
    layer = layer_with(-1.0, 1.0)
    x = torch.tensor([[0.5, -0.5, 0.1, 7.0, -7.0, 0.2]], requires_grad=True)
    layer(x).sum().backward()
    assert x.grad is not None
    assert (x.grad[0, [0, 1, 2, 5]] != 0).all()
    assert (x.grad[0, [3, 4]] == 0).all()
    assert (layer.weight.grad != 0).all()


def test_the_file_holds_whole_numbers_and_gives_what_training_saw(file, network):
    model = onnx.load(file)
    matrices = [item for item in model.graph.initializer if "narrow.weight.quantized" in item.name]
    assert len(matrices) == sum(name.endswith("narrow.step") for name in network.state_dict())
    for item in matrices:
        values = onnx.numpy_helper.to_array(item)
        assert values.dtype == np.int8
        assert (np.abs(values.astype(int)).max(axis=1) == LARGEST).all()
    images = crops(6, seed=1)
    found = OnnxEmbedder(open_session(file.read_bytes(), 1), "made@1").embed(images)
    with torch.no_grad():
        expected = network(torch.from_numpy(images)).numpy()
    # A value between two steps may go to either side.
    assert float((found * expected).sum(axis=1).min()) > 0.99


def test_the_gate_multiplies_bytes_everywhere(file, tmp_path):
    """Else onnxruntime would turn all back to fractions first, and take longer than without."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    wanted = Counter(node.op_type for node in onnx.load(file).graph.node)
    found = Counter(node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node)
    assert found["QGemm"] == wanted["QuantizeLinear"] == 70
    assert found["DequantizeLinear"] == 0


def test_a_face_by_itself_gives_what_it_gives_among_others(file):
    embedder = OnnxEmbedder(open_session(file.read_bytes(), 1), "made@1")
    images = crops(5, seed=2)
    alone = np.concatenate([embedder.embed(images[i : i + 1]) for i in range(5)])
    np.testing.assert_allclose(embedder.embed(images), alone, atol=1e-5)


def test_read_again_it_is_the_same_network(file, network, tmp_path):
    again = read_onnx(file)
    export_onnx(again, tmp_path / "again.onnx", bits=8)
    assert (tmp_path / "again.onnx").read_bytes() == file.read_bytes()
    values = again.state_dict()
    for name, layer in network.named_modules():
        if isinstance(layer, QuantizedLinear):
            off = (values[f"{name}.weight"] - layer.weight).abs()
            assert (off <= layer.row_steps()[:, None] / 2 + 1e-6).all()
            assert values[f"{name}.step"] == layer.step
            assert values[f"{name}.zero"] == layer.zero.round()


def test_its_file_is_a_start_and_a_teacher(file):
    wanted = read_onnx(file).state_dict()
    for kind in ("edgenext_int8", "edgenext"):
        for name, value in read_start(file, kind).state_dict().items():
            assert torch.equal(value, wanted[name])
    with pytest.raises(ModelError):
        read_start(file, "mobilenet")
    images = crops(2)
    found, alone = (
        OnnxEmbedder(open_session(weights, 1), "made@1").embed(images)
        for weights in (plain_onnx(file), file.read_bytes())
    )
    np.testing.assert_allclose(found, alone, atol=1e-5)


def agrees(network: EmbeddingNetwork, path: Path) -> bool:
    export_onnx(network, path)
    images = crops(4, seed=3)
    with torch.no_grad():
        wanted = network(torch.from_numpy(images)).numpy()
    found = OnnxEmbedder(open_session(path.read_bytes(), 1), "made@1").embed(images)
    return float((found * wanted).sum(axis=1).min()) > 0.99


def test_it_may_see_the_mirror_image_too(network, tmp_path):
    both = copy.deepcopy(network)
    both.sees_mirrored = True
    assert agrees(both, tmp_path / "both.onnx")


def test_equal_biases_are_kept_apart(network, tmp_path):
    """The exporter writes equal constants once, and lends them to the other layers."""
    equal = copy.deepcopy(network)
    mixers = [equal.blocks[0].mixer, equal.blocks[1].mixer]
    for layer in (*(mixer.first.widen for mixer in mixers), equal.blocks[5].mixer.norm):
        torch.nn.init.zeros_(layer.bias)
    assert agrees(equal, tmp_path / "equal.onnx")


def test_a_row_of_zeros_keeps_its_bias(network, tmp_path):
    pruned = copy.deepcopy(network)
    layer = pruned.blocks[0].mixer.first.widen
    with torch.no_grad():
        layer.weight[:2] = 0
        layer.bias[0], layer.bias[1] = 1, 0
    assert agrees(pruned, tmp_path / "pruned.onnx")
    again = read_onnx(tmp_path / "pruned.onnx").blocks[0].mixer.first.widen
    torch.testing.assert_close(again.bias[:2], torch.tensor([1.0, 0.0]))
    assert (again.weight[:2] == 0).all()


def test_the_range_of_frozen_layers_stays(network):
    partly = copy.deepcopy(network).train()
    before = {name: value.clone() for name, value in partly.state_dict().items()}
    freeze(partly, 4)
    with torch.no_grad():
        partly(torch.from_numpy(255 - crops(2)))
    moved = {
        int(name.split(".")[1])
        for name, value in partly.state_dict().items()
        if name.endswith(".step") and not torch.equal(value, before[name])
    }
    assert moved
    assert min(moved) >= 4


def test_exporting_leaves_the_network_as_it_was(network, tmp_path):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    export_onnx(network, tmp_path / "made.onnx")
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
