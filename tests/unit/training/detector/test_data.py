from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from facegate.errors import InputError
from facegate.training.detector.data import (
    PreparedSamples,
    Sample,
    write_samples,
    write_sets,
)
from tests.unit.training.detector.samples import dotted_sample, empty_sample


def forbidden() -> Iterator[Sample]:
    """A set that is written already must not be labeled again."""
    raise AssertionError
    yield


def same(one: Sample, other: Sample) -> bool:
    return (
        np.array_equal(one.frame_bgr, other.frame_bgr)
        and np.array_equal(one.bboxes_xyxy, other.bboxes_xyxy)
        and np.array_equal(one.landmarks_xy, other.landmarks_xy, equal_nan=True)
        and np.array_equal(one.ignored, other.ignored)
        and one.is_scene == other.is_scene
    )


def mixed_sets() -> dict[str, list[Sample]]:
    random = np.random.default_rng(0)
    samples = []
    for count in (3, 0, 1, 4):
        height, width = random.integers(20, 60, 2)
        frame = random.integers(0, 256, (height, width, 3)).astype(np.uint8)
        landmarks = random.uniform(0, 20, (count, 5, 2)).astype(np.float32)
        landmarks[:1] = np.nan
        samples.append(
            Sample(
                frame,
                random.uniform(0, 20, (count, 4)).astype(np.float32),
                landmarks,
                is_scene=bool(count % 2 == 0),
                ignored=random.random(count) < 0.5,
            )
        )
    return {"first": samples[:3], "nothing": [], "last": samples[3:]}


def test_samples_come_back_as_they_were(tmp_path: Path) -> None:
    sets = mixed_sets()
    assert write_sets(sets, tmp_path) == {"first": 3, "nothing": 0, "last": 1}
    prepared = PreparedSamples(tmp_path)
    assert len(prepared) == 4
    assert prepared.source_names == ("first", "nothing", "last")
    assert prepared.sources.tolist() == [0, 0, 0, 2]
    for number, sample in enumerate(s for samples in sets.values() for s in samples):
        assert same(prepared[number], sample)


def test_kinds_are_numbered_apart(tmp_path: Path) -> None:
    samples = [
        dotted_sample(is_scene=True),
        dotted_sample(is_scene=False),
        empty_sample(),
        dotted_sample(is_scene=True, ignored=True),
    ]
    write_samples(samples, tmp_path)
    prepared = PreparedSamples(tmp_path)
    assert prepared.scenes.tolist() == [0]
    assert prepared.portraits.tolist() == [1]
    # A scene whose faces are all ignored has none to teach.
    assert prepared.backgrounds.tolist() == [2, 3]


def test_a_face_counts_unless_it_is_ignored() -> None:
    sample = Sample(
        np.zeros((9, 9, 3), np.uint8), np.zeros((2, 4), np.float32), np.zeros((2, 5, 2)), True
    )
    assert sample.ignored.tolist() == [False, False]


def test_folders_of_the_first_version_ignore_nothing(tmp_path: Path) -> None:
    write_samples([dotted_sample(True), dotted_sample(False)], tmp_path)
    with np.load(tmp_path / "index.npz") as index:
        old = {name: index[name] for name in ("rows", "bboxes_xyxy", "landmarks_xy")}
    np.savez(tmp_path / "index.npz", **old)
    prepared = PreparedSamples(tmp_path)
    assert prepared[0].ignored.tolist() == [False]
    assert prepared.source_names == ("all",)
    assert prepared.sources.tolist() == [0, 0]
    assert prepared.scenes.tolist() == [0]


def test_an_interrupted_preparation_goes_on_with_the_next_set(tmp_path: Path) -> None:
    sets = mixed_sets()

    def broken() -> Iterator[Sample]:
        yield sets["last"][0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_sets({**sets, "last": broken()}, tmp_path, "options")
    assert not (tmp_path / "index.npz").exists()
    passed: list[Sample] = []
    again = {"first": forbidden(), "nothing": forbidden(), "last": sets["last"]}
    assert sum(write_sets(again, tmp_path, "options", passed.append).values()) == 4
    assert all(same(a, b) for a, b in zip(passed, sets["first"], strict=True))
    prepared = PreparedSamples(tmp_path)
    assert same(prepared[3], sets["last"][0])
    assert same(prepared[1], sets["first"][1])


def test_other_options_make_everything_again(tmp_path: Path) -> None:
    sets = mixed_sets()
    write_sets(sets, tmp_path, "one")
    changed = {**sets, "first": sets["last"]}
    assert write_sets(changed, tmp_path, "two") == {"first": 1, "nothing": 0, "last": 1}
    prepared = PreparedSamples(tmp_path)
    assert same(prepared[0], prepared[1])
    assert (tmp_path / "pixels.bin").stat().st_size == 2 * prepared[0].frame_bgr.size


def test_pixels_that_were_cut_off_are_made_again(tmp_path: Path) -> None:
    sets = mixed_sets()
    write_sets(sets, tmp_path)
    with (tmp_path / "pixels.bin").open("r+b") as pixels:
        pixels.truncate(100)
    write_sets(sets, tmp_path)
    assert same(PreparedSamples(tmp_path)[3], sets["last"][0])


def test_samples_of_one_kind_are_always_written_anew(tmp_path: Path) -> None:
    assert write_samples([dotted_sample(True)] * 2, tmp_path) == 2
    assert write_samples([empty_sample()], tmp_path) == 1
    assert len(PreparedSamples(tmp_path)) == 1


def test_no_picture_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No training pictures"):
        write_sets({"empty": []}, tmp_path)
    assert not (tmp_path / "index.npz").exists()
