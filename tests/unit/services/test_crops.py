from __future__ import annotations

import io
from pathlib import Path

from fakes import FakeDetector, FakeEmbedder, picture
from PIL import Image

from facegate.services.crops import SHOWN_PX, face_jpegs
from facegate.services.reading import FaceReader


def test_faces_are_cut_out_and_what_has_none_is_left_out(tmp_path: Path) -> None:
    reader = FaceReader(FakeDetector(), FakeEmbedder())
    good = picture(tmp_path / "good.png", 12)
    empty = picture(tmp_path / "empty.png", 12, faces=0)
    found = face_jpegs(reader, [good, empty, tmp_path / "missing.png", good])
    assert list(found) == [good]
    with Image.open(io.BytesIO(found[good])) as crop:
        assert (crop.format, crop.size) == ("JPEG", (SHOWN_PX, SHOWN_PX))
        assert abs(crop.convert("RGB").getpixel((84, 84))[0] - 120) <= 3  # type: ignore[index]
    assert face_jpegs(reader, [good]) == found
