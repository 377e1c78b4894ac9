from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from pages import check_page

from facegate.domain.decisions import Rate, Threshold
from facegate.evaluation.examples import telling_pairs
from facegate.evaluation.non_mated import scan_pairs
from facegate.evaluation.operating_points import non_mated_report
from facegate.evaluation.pairs import ComparisonPair
from facegate.evaluation.verification import verification_report
from facegate.report.content import Picture, Section
from facegate.report.html import render
from facegate.report.networks import Network
from facegate.report.page import Evidence, SeenOnce, verification_page
from facegate.report.verification import Measured, limits, privacy, statements
from facegate.report.words import interval

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
MODEL = "fake-embedder@000000000000"
ROOT = Path("/pictures")
CARD = {
    "task": "face_embedding",
    "license": "Apache-2.0",
    "summary": "A network.",
    "sha256": "ab" * 32,
    "training": {"data": [{"name": "Faces <b>", "terms": "research"}]},
    "limits": {"text": "Not for\nchildren."},
}


def measured(false_matches: int = 0, misses: int = 9, each: int = 200) -> Measured:
    same = np.linspace(0.6, 0.9, each, dtype=np.float32)
    different = np.linspace(-0.2, 0.3, each, dtype=np.float32)
    same[:misses] = np.linspace(0.31, 0.45, misses)
    different[:false_matches] = np.linspace(0.5, 0.55, false_matches)
    scores = np.concatenate([same, different])
    mated = np.arange(2 * each) < each
    folds = np.arange(2 * each) % 10
    result = verification_report(
        scores, mated, folds,
        tau=0.47, model_id=MODEL, failed_pairs=3, failed_to_acquire=2, pictures=500,
    )  # fmt: skip
    source = Rate(60, 1557736, 2.9e-05, 4.9e-05)
    threshold = Threshold(0.47, 0.04, MODEL, "f1", 0.8, source, source, "other pictures", NOW)
    return Measured(
        result, scores, mated, folds, 4 * each, 1,
        {"a/<script>1.jpg": "no_face", "b/2.jpg": "truncated"}, threshold, True,
        "faces", "pairs.txt",
    )  # fmt: skip


def evidence(one: Measured, *, pictures: bool = True, once: SeenOnce | None = None) -> Evidence:
    pairs = [
        ComparisonPair(ROOT / f"name {n}" / "a.jpg", ROOT / f"name {n}" / "b<i>.jpg", bool(mated))
        for n, mated in enumerate(one.mated)
    ]
    telling = telling_pairs(pairs, one.similarities, one.result.tau, 4)
    crops = {
        path: Picture(b"jpeg", "image/jpeg", "aligned face")
        for pair in telling.all()
        for path in (pair.pair.path_a, pair.pair.path_b)
    }
    networks = tuple(Network(f"{name}@1", CARD, 123_000) for name in ("d", "l", "e"))
    return Evidence(
        one, telling, crops if pictures else None, 4, ROOT, "cd" * 32, once, networks, (),
        Section("How to repeat it", "", ()),
    )  # fmt: skip


def words_of(one: Measured, *, pictures: bool = True, once: SeenOnce | None = None) -> str:
    page = verification_page(evidence(one, pictures=pictures, once=once), "", NOW, "FaceGate 1")
    return check_page(render(page)).text.replace("\u00a0", " ")


def test_the_headline_is_plain_and_bounded() -> None:
    first, second, third = statements(measured())
    assert first.count == "none of 200"
    assert first.sentence.replace("\u00a0", " ") == (
        "Of 200 pairs of two different people, none was taken for one person "
        "(at most 1.83 %, 95 %)."
    )
    assert second.count == "9 of 200"
    assert "9 were not recognized as one (4.50 %; 95 % interval 2.08 % to 8.37 %)" in (
        second.sentence.replace("\u00a0", " ")
    )
    assert third.count == "2 of 500"


def test_errors_are_told_as_plainly() -> None:
    first = statements(measured(false_matches=2))[0]
    assert "2 were taken for one person (1.00 %; 95 % interval 0.12 % to 3.57 %)" in (
        first.sentence.replace("\u00a0", " ")
    )


def test_the_page_says_what_the_sample_cannot_show() -> None:
    said = " ".join(limits(measured())).replace("\u00a0", " ")
    assert "fewer than 1.83 % of strangers (1 in 54)" in said
    assert "1 % or less: that takes about 300 pairs of different people without an error" in said
    assert "takes about 3,000 pairs" in " ".join(limits(measured(each=400)))
    assert "among 100" in said
    assert "500 pictures fill 800 places" in said
    assert "only 40 pairs" in " ".join(limits(measured(each=40, misses=1)))


def test_a_threshold_tuned_on_these_pictures_is_called_favorable() -> None:
    one = measured()
    same = replace(one, threshold=replace(one.threshold, data="pairs.txt: 400 pairs"))
    assert not any("favorable" in text for text in limits(one))
    assert any("favorable" in text for text in limits(same))


def test_every_figure_has_count_and_interval() -> None:
    one = measured(false_matches=1)
    page = words_of(one)
    result = one.result
    rates = [result.fmr, result.fnmr, *result.tmr_at_fmr.values()]
    assert len(rates) == 3
    for rate in rates:
        counts = f"{rate.errors or 'none'} of {rate.trials}"
        assert f"{counts} {interval(rate)}".replace("\u00a0", " ") in page
    assert "FNMR, pairs without a face counted as errors 4.98 % 10 of 201" in page
    assert "all folds" in page
    assert "no face found 0.20 % 1 of 500 0.0051 % to 1.11 %" in page
    assert "all failures to acquire 0.40 % 2 of 500" in page


def test_no_error_is_not_called_zero() -> None:
    page = words_of(measured())
    assert "No error is not a rate of zero" in page
    assert "3 / 200 = 1.50 %" in page
    assert "None: no pair of different people reached τ." in page


def test_the_page_names_networks_data_and_threshold() -> None:
    page = words_of(measured())
    for words in (
        "d@1", "l@1", "e@1", "Apache-2.0", "Faces <b>. Terms: research.", "Not for children.",
        "other pictures", "60 of 1,557,736", "cd" * 32, "came with the network", "2 January 2026",
    ):  # fmt: skip
        assert words in page, words


def test_pairs_are_shown_with_their_names() -> None:
    page = words_of(measured(false_matches=1))
    shown = 2 * sum(page.count(f" {side} τ") for side in ("above", "below"))
    assert f"This file contains photographs of people: {shown} faces" in page
    assert "contains no templates" in page
    assert "name 0/" in page.replace("/ ", "/")
    assert "<script>1.jpg" in page


def test_without_pictures_nobody_is_named_or_shown() -> None:
    one = replace(measured(), failed={"picture 1": "no_face"})
    page = words_of(one, pictures=False)
    raw = render(verification_page(evidence(one, pictures=False), "A title", NOW, "FaceGate 1"))
    assert "data:image" not in raw
    assert "name 0" not in page
    assert "no photographs of people and no templates" in page
    assert "left out" in page
    assert "0.310" in page  # the similarities are no names


def test_people_seen_once_bring_smaller_rates() -> None:
    random = np.random.default_rng(0)
    faces = random.normal(size=(60, 6)).astype(np.float32)
    faces /= np.linalg.norm(faces, axis=1, keepdims=True)
    one = measured()
    scan = scan_pairs(faces, (one.result.tau,))
    paths = [ROOT / "once" / f"{n}.jpg" for n in range(60)]
    report = non_mated_report(
        scan, paths, one.similarities[one.mated], np.arange(200),
        tau=one.result.tau, failed={"no_face": 2}, replicates=50,
    )  # fmt: skip
    page = words_of(one, once=SeenOnce(report, scan, "once.txt", "ef" * 32, ROOT))
    let_in = scan.counts[one.result.tau]
    assert f"{let_in} of 1,770" in page
    assert "60 people of once.txt" in page
    assert "ef" * 32 in page
    assert "cannot express an FMR of 1e-06" in page
    hidden = words_of(one, pictures=False, once=SeenOnce(report, scan, "once.txt", "", ROOT))
    assert "once/" not in hidden


def test_the_privacy_words_fit_what_is_shown() -> None:
    assert "no photographs" in privacy(0)
    assert "names" not in privacy(0)
    assert "left out" in privacy(None)
    assert "1 face cut out" in privacy(1)
    assert "a.json, b.json" in privacy(None, ["a.json", "b.json"])
