from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
from fakes import ANY_QUALITY, FakeDetector, FakeEmbedder, picture

from facegate.domain.quality import Flaw, QualityRules
from facegate.domain.quality_components import components
from facegate.services.face_quality import JudgedImage, judge_files
from facegate.services.reading import FaceReader

STRICT = QualityRules(10_000, 0, 0, 1, 0, 0, 90, 90, 180)


def judged(*paths: Path) -> list[JudgedImage]:
    reader = FaceReader(FakeDetector(), FakeEmbedder())
    rows = list(judge_files(reader, paths, {"enrollment": STRICT, "gate": ANY_QUALITY}))
    assert [image is None for _, image in rows] == [row.error is not None for row, _ in rows]
    return [row for row, _ in rows]


def test_each_use_has_its_flaws(tmp_path: Path) -> None:
    (row,) = judged(picture(tmp_path / "a.png", 3, faces=2))
    assert len(row.faces) == 2
    for face in row.faces:
        assert face.flaws == {"enrollment": (Flaw.TOO_SMALL,), "gate": ()}
        assert [one.score for one in face.weakest] == sorted(
            one.score for one in components(face.quality)
        )


def test_the_row_of_a_picture(tmp_path: Path) -> None:
    (row,) = judged(picture(tmp_path / "a.png", 3))
    found = row.as_dict()
    assert list(found) == ["path", "width", "height", "error", "faces"]
    (face,) = found["faces"]
    assert list(face) == [
        "bbox_xyxy", "landmarks_xy", "score", "quality", "unified_quality_score", "components",
        "flaws",
    ]  # fmt: skip
    assert face["flaws"] == {"enrollment": ["too_small"], "gate": []}
    assert set(face["quality"]) == set(asdict(row.faces[0].quality))
    assert np.isclose(face["unified_quality_score"], 100 * face["quality"]["score"], atol=0.06)


def test_unreadable_and_empty_pictures_are_rows_too(tmp_path: Path) -> None:
    broken = tmp_path / "b.png"
    broken.write_bytes(b"not a picture")
    rows = judged(broken, picture(tmp_path / "c.png", 3, faces=0))
    assert rows[0].error is not None
    assert rows[0].as_dict()["faces"] == rows[1].as_dict()["faces"] == []
    assert rows[1].error is None
