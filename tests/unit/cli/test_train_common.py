from __future__ import annotations

from pathlib import Path

import pytest

from facegate.cli.train.common import go_on, write_network


def test_a_run_goes_on_to_its_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reports, drawn = [{"seen": 30.0, "loss": 0.5}, {"seen": 40.0, "loss": 0.25}], []
    go_on(tmp_path, reports, 20, 40, lambda: drawn.append(1))
    assert drawn == [1, 1]
    shown = capsys.readouterr().err
    assert "30 images: loss 0.5" in shown
    assert "40 images: loss 0.25" in shown


def test_an_interrupted_run_says_how_it_is_taken_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def reports():
        yield {"seen": 10.0}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go_on(tmp_path, reports(), 0, 40)
    assert "goes on from the last checkpoint" in " ".join(capsys.readouterr().err.split())


def test_a_network_is_written_with_the_averaged_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch = pytest.importorskip("torch", reason="training needs torch, which the gate does not")
    from facegate.training.run import CHECKPOINT

    average = {"weight": torch.full((1, 2), 3.0), "bias": torch.zeros(1)}
    torch.save({"average": average, "seen": 70}, tmp_path / CHECKPOINT)
    written = []
    write_network(
        tmp_path,
        torch.nn.Linear(2, 1),
        lambda network, output: written.append((network.weight.tolist(), output)),
        tmp_path / "x.onnx",
    )
    assert written == [([[3.0, 3.0]], tmp_path / "x.onnx")]
    assert "after 70 images" in capsys.readouterr().out
