"""Networks from elsewhere on the command line: added, chosen, fed from kept crops, removed."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import facegate
from networks import tiny_network

OPTIONS = ("--color-order", "RGB", "--mean", "127.5", "--scale", "1/128", "--license", "MIT")


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A file of a network with crops of 64 pixels."""
    path = tmp_path / "Netz ü" / "tiny.onnx"
    path.parent.mkdir()
    path.write_bytes(tiny_network(side=64, dim=16))
    return path


def test_a_network_is_added_chosen_fed_and_removed(
    network: Path, tmp_path: Path, portrait_paths: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACEGATE_KEEP_CROPS", "true")
    hopper = portrait_paths["hopper"]
    assert facegate("enroll", "--name", "Grace Hopper", hopper).code == 0

    refused = facegate("models", "add", network, "--json")
    assert refused.code == 11
    assert refused.json()["model"] is None
    added = facegate("models", "add", network, *OPTIONS, "--json")
    assert added.code == 0, added.out + added.err
    model = added.json()["model"]
    assert all(check["passed"] for check in added.json()["checks"] if check["required"])
    assert network.with_suffix(".toml").is_file()
    assert (tmp_path / "data" / "models" / "tiny.toml").is_file()
    assert facegate("models", "add", network).code == 6, "the name is taken"

    assert facegate("people", "reenroll", "--model", "tiny", "--drop-old").code == 3
    (row,) = facegate("people", "reenroll", "--model", "tiny", "--json").lines()
    assert (row["status"], row["made"]) == ("done", 1)
    used = facegate("models", "use", "tiny")
    assert used.code == 0
    assert "no threshold" in used.err
    uses = {one["model"]: one["in_use"] for one in facegate("models", "list", "--json").json()}
    assert "door" in uses[model]

    denied = facegate("identify", hopper, "--json")
    (face,) = denied.lines()[0]["faces"]
    assert (face["outcome"], face["subject"], face["threshold"]) == ("unknown", None, None)
    assert face["model"] == model
    assert face["similarity"] > 0.9
    assert "no threshold" in denied.err
    assert "no threshold" in facegate("identify", hopper).out
    unsure = facegate("verify", hopper, hopper)
    assert (unsure.code, "no threshold" in unsure.err) == (6, True)

    taken = facegate("models", "remove", "tiny")
    assert (taken.code, "in use" in taken.err) == (6, True)
    assert facegate("models", "use", "default").code == 0
    needed = facegate("models", "remove", "tiny")
    assert (needed.code, "1 stored template" in needed.err) == (6, True)
    assert facegate("models", "remove", "tiny", "--force", "--json").json()["templates_left"] == 1
    assert facegate("people", "drop-crops", "--yes", "--json").json() == {"removed": 1}
    lacking = facegate("people", "reenroll", "--model", "facegate-edgenext-e2", "--drop-old")
    assert lacking.code == 0
    (left,) = facegate("people", "show", "Grace Hopper", "--json").json()["templates"]
    assert not left["model"].startswith("tiny")
    assert not left["picture_kept"]


def test_a_tampered_network_never_decides(
    network: Path, tmp_path: Path, portrait_paths: dict[str, Path]
) -> None:
    assert facegate("models", "add", network, *OPTIONS).code == 0
    assert facegate("models", "use", "tiny").code == 0
    (weights,) = (tmp_path / "data" / "models").glob("*.onnx")
    data = bytearray(weights.read_bytes())
    data[-40] ^= 1
    weights.write_bytes(bytes(data))
    ran = facegate("identify", portrait_paths["hopper"])
    assert (ran.code, "never decide" in ran.err) == (6, True)
    card = tmp_path / "data" / "models" / "tiny.toml"
    card.write_text(card.read_text().replace('"RGB"', '"BGR"'))
    assert facegate("identify", portrait_paths["hopper"]).code == 6
    rows = facegate("models", "verify", "--json")
    assert rows.code == 11
    assert [one["model"] for one in rows.json() if not one["ok"]] == ["tiny"]
    assert facegate("models", "remove", "tiny").code == 0
    assert facegate("identify", portrait_paths["hopper"]).code == 6, "no fall back to another"
    assert facegate("models", "use", "default").code == 0
    assert facegate("identify", portrait_paths["hopper"]).code == 0


def test_going_back_to_our_network_says_whom_it_does_not_know(
    network: Path, portrait_paths: dict[str, Path]
) -> None:
    assert facegate("models", "add", network, *OPTIONS).code == 0
    assert facegate("models", "use", "tiny").code == 0
    enrolled = facegate("enroll", "--name", "Grace Hopper", portrait_paths["hopper"])
    assert enrolled.code == 0, enrolled.err
    back = facegate("models", "use", "default")
    assert (back.code, "1 of 1 people have no template of it" in back.err) == (0, True)


def test_wrong_additions_are_refused_in_words(network: Path, tmp_path: Path) -> None:
    contract = tmp_path / "contract.toml"
    contract.write_text("tempo = 3")
    text = tmp_path / "text.onnx"
    text.write_text("not a network")
    for arguments, code in (
        ([tmp_path / "gone.onnx"], 6),
        ([network, *OPTIONS, "--name", "../../evil"], 6),
        ([network, *OPTIONS, "--name", "accurate"], 6),
        ([network, "--contract", contract], 6),
        ([network, "--contract", tmp_path / "gone.toml"], 6),
        ([network, *OPTIONS, "--contract", contract], 6),
        ([text, *OPTIONS], 11),
    ):
        ran = facegate("models", "add", *arguments)
        assert ran.code == code, (arguments, ran.out, ran.err)
    assert not (tmp_path / "data" / "models").exists()
    assert not list(tmp_path.rglob("*evil*"))
    assert facegate("models", "use", "nonsense").code == 6
    assert facegate("models", "remove", "facegate-edgenext-e2").code == 6
    assert facegate("identify", network.parent, "--model", "nonsense").code in {4, 6}
