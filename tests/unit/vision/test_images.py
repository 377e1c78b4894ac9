from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from facegate.errors import InputError, UnreadableImage
from facegate.vision import images
from facegate.vision.images import decode_image, find_images, load_image

NOWHERE = Path("picture")


def gradient(width: int = 60, height: int = 40) -> Image.Image:
    """A picture in which every place has its own color."""
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.stack([x * 255 // width, y * 255 // height, (x + y) % 256], axis=2)
    return Image.fromarray(rgb.astype(np.uint8))


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def rgb(data: bytes) -> np.ndarray:
    return decode_image(data, NOWHERE).frame_bgr[:, :, ::-1].astype(int)


def reason(path: Path) -> str:
    with pytest.raises(UnreadableImage) as caught:
        load_image(path)
    assert str(path) in str(caught.value)
    return caught.value.reason


def test_plain_picture_comes_as_bgr_with_size_and_digest(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    gradient().save(path)
    image = load_image(path)
    assert image.frame_bgr.dtype == np.uint8
    assert np.array_equal(image.frame_bgr[:, :, ::-1], np.asarray(gradient()))
    assert (image.width, image.height, image.pixels_per_frame_pixel) == (60, 40, 1)
    assert len(image.sha256) == 64


def test_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.touch()
    assert reason(path) == "empty"


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_truncated_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.jpg"
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 90, 3), np.uint8))
    data = encoded(noise, kind)
    path.write_bytes(data[: len(data) // 2])
    assert reason(path) == "truncated"


def test_text_named_as_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_text("this is not a picture\n" * 50)
    assert reason(path) == "not_an_image"


def test_missing_file_folder_and_pipe(tmp_path: Path) -> None:
    assert reason(tmp_path / "nobody.jpg") == "missing"
    assert reason(tmp_path) == "not_an_image"
    pipe = tmp_path / "pipe.jpg"
    os.mkfifo(pipe)
    assert reason(pipe) == "not_an_image"


def test_unreadable_permissions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The superuser may read everything, so the refusal is the system call's.
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(images.os, "open", refuse)
    assert reason(tmp_path / "a.jpg") == "permission"


@pytest.mark.parametrize("name", ["mit Leerzeichen.png", "李小龍.png", "a'b\"c.png", "[1].png"])
def test_names_of_all_kinds(tmp_path: Path, name: str) -> None:
    path = tmp_path / "größe" / name
    path.parent.mkdir()
    gradient().save(path)
    assert load_image(path).width == 60
    assert list(find_images([tmp_path])) == [path]


def test_gray_and_palette() -> None:
    gray = rgb(encoded(gradient().convert("L"), "PNG"))
    assert (gray[..., 0] == gray[..., 1]).all()
    assert (gray[..., 1] == gray[..., 2]).all()
    palette = rgb(encoded(gradient().quantize(64), "PNG"))
    assert np.abs(palette - np.asarray(gradient())).mean() < 10


def test_transparency_is_laid_over_white() -> None:
    image = gradient().convert("RGBA")
    image.putalpha(
        Image.fromarray(np.where(np.arange(60) < 30, 0, 255)[None].repeat(40, 0).astype(np.uint8))
    )
    shown = rgb(encoded(image, "PNG"))
    assert (shown[:, :30] == 255).all()
    assert np.array_equal(shown[:, 30:], np.asarray(gradient())[:, 30:])
    gray_alpha = rgb(encoded(Image.new("LA", (8, 8), (0, 0)), "PNG"))
    assert (gray_alpha == 255).all()


def test_cmyk_has_the_right_colors() -> None:
    solid = Image.new("RGB", (32, 32), (200, 40, 90))
    assert np.abs(rgb(encoded(solid.convert("CMYK"), "JPEG")) - (200, 40, 90)).max() < 12


def test_sixteen_bits_keep_their_range() -> None:
    deep = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(16, 0)
    shown = rgb(encoded(Image.fromarray(deep), "PNG"))
    assert np.abs(shown[0, :, 0] - np.arange(256)).max() <= 1


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_of_an_animation_the_first_picture_counts(kind: str) -> None:
    frames = [Image.new("RGB", (20, 20), color) for color in ("red", "blue", "green")]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    assert np.abs(rgb(data) - (255, 0, 0)).max() < 12


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    back = {
        1: [],
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }[orientation]
    stored = gradient()
    for step in back:
        stored = stored.transpose(step)
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = decode_image(encoded(stored, "PNG", exif=exif), NOWHERE)
    assert (image.width, image.height) == (60, 40)
    assert np.array_equal(image.frame_bgr[:, :, ::-1], np.asarray(gradient()))


def test_one_pixel() -> None:
    assert decode_image(encoded(Image.new("RGB", (1, 1)), "PNG"), NOWHERE).frame_bgr.shape == (
        1,
        1,
        3,
    )


@pytest.mark.parametrize("divisor", [1, 2, 4, 8])
def test_huge_jpeg_is_decoded_at_a_fraction(monkeypatch: pytest.MonkeyPatch, divisor: int) -> None:
    monkeypatch.setattr(images, "REDUCE_PIXELS", 80_000 // divisor**2)
    image = decode_image(encoded(gradient(400, 200), "JPEG"), NOWHERE)
    assert (image.width, image.height) == (400, 200)
    assert image.frame_bgr.shape == (200 // divisor, 400 // divisor, 3)
    assert image.pixels_per_frame_pixel == divisor
    small = gradient(400, 200).resize((400 // divisor, 200 // divisor), Image.Resampling.BOX)
    difference = image.frame_bgr[:, :, ::-1].astype(int) - np.asarray(small)
    assert np.abs(difference).mean() < 4, "it is the whole picture, not a corner of it"


def test_huge_png_is_refused_before_it_is_decoded() -> None:
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b""))
    with pytest.raises(UnreadableImage) as caught:
        decode_image(data, NOWHERE)
    assert caught.value.reason == "too_large"
    assert "20000x20000" in str(caught.value)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), kind=st.sampled_from(["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"]))
def test_damaged_bytes_never_end_in_anything_but_a_refusal(data: st.DataObject, kind: str) -> None:
    content = bytearray(encoded(gradient(24, 16), kind))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    try:
        image = decode_image(bytes(content[: max(1, cut)]), NOWHERE)
    except UnreadableImage:
        return
    assert image.frame_bgr.ndim == 3


@given(st.binary(min_size=1, max_size=300))
def test_random_bytes_are_refused(data: bytes) -> None:
    try:
        decode_image(data, NOWHERE)
    except UnreadableImage as error:
        assert error.reason in {"not_an_image", "truncated", "too_large"}


def test_folders_are_walked_in_order_and_each_picture_once(tmp_path: Path) -> None:
    for name in ("b/2.png", "b/1.JPG", "a.png", "notes.txt", ".hidden/x.png", "b/.y.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "b" / "loop").symlink_to(tmp_path)
    found = [path.relative_to(tmp_path).as_posix() for path in find_images([tmp_path])]
    assert found == ["a.png", "b/1.JPG", "b/2.png"]
    flat = [path.name for path in find_images([tmp_path], recursive=False)]
    assert flat == ["a.png"]
    named = tmp_path / "notes.txt"
    assert list(find_images([named, named, tmp_path / "gone.jpg"])) == [
        named,
        tmp_path / "gone.jpg",
    ]


def test_a_folder_without_pictures_gives_nothing(tmp_path: Path) -> None:
    assert list(find_images([tmp_path])) == []


def test_a_folder_that_cannot_be_listed_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(InputError, match="cannot be listed"):
        list(find_images([tmp_path]))


def test_a_huge_progressive_jpeg_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # Its decoder would hold the whole picture, however small it is asked to make it.
    monkeypatch.setattr(images, "REDUCE_PIXELS", 5_000)
    monkeypatch.setattr(images, "MAX_PIXELS", 20_000)
    whole = gradient(400, 200)
    assert decode_image(encoded(whole, "JPEG"), NOWHERE).pixels_per_frame_pixel == 4
    with pytest.raises(UnreadableImage, match="400x200"):
        decode_image(encoded(whole, "JPEG", progressive=True), NOWHERE)
