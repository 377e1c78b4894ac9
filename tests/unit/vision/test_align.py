from __future__ import annotations

import warnings

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from facegate.errors import ShapeError
from facegate.vision.align import CROP_PX, TEMPLATE_112, align_face, inside_frame, umeyama

points = arrays(np.float64, (5, 2), elements=st.floats(-500, 500, width=32)).filter(
    lambda p: np.ptp(p, axis=0).max() > 1
)


def similarity(angle: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[c, -s, shift[0]], [s, c, shift[1]]])


def moved(matrix: np.ndarray, xy: np.ndarray) -> np.ndarray:
    return xy @ matrix[:, :2].T + matrix[:, 2]


def umeyama_by_svd(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The paper's own steps (equations 38 to 43), with loops for the sums."""
    n, dim = source.shape
    mean_s, mean_t = source.mean(axis=0), target.mean(axis=0)
    covariance, variance = np.zeros((dim, dim)), 0.0
    for s, t in zip(source, target, strict=True):
        covariance += np.outer(t - mean_t, s - mean_s) / n
        variance += float((s - mean_s) @ (s - mean_s)) / n
    u, d, vt = np.linalg.svd(covariance)
    sign = np.eye(dim)
    if np.linalg.det(u) * np.linalg.det(vt) < 0:
        sign[-1, -1] = -1
    turn = u @ sign @ vt
    scale = float(np.trace(np.diag(d) @ sign)) / variance
    return np.column_stack([scale * turn, mean_t - scale * turn @ mean_s])


def squared_error(matrix: np.ndarray, source: np.ndarray, target: np.ndarray) -> float:
    return float(np.square(moved(matrix, source) - target).sum())


def smooth_frame(height: int = 240, width: int = 320) -> np.ndarray:
    noise = np.random.default_rng(5).integers(0, 256, (height // 20, width // 20, 3))
    frame = cv2.resize(noise.astype(np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(frame)


@given(
    points,
    st.floats(-np.pi, np.pi),
    st.floats(0.05, 20),
    st.tuples(st.floats(-1000, 1000), st.floats(-1000, 1000)),
)
def test_umeyama_recovers_a_similarity_transform(source, angle, scale, shift):
    truth = similarity(angle, scale, shift)
    found = umeyama(source, moved(truth, source))
    np.testing.assert_allclose(found, truth, atol=1e-6, rtol=1e-6)


@given(points, points)
def test_umeyama_agrees_with_the_papers_svd(source, target):
    # Where the best rotation is not unique the errors are equal, the matrices need not be.
    try:
        found = umeyama(source, target)
    except ShapeError:
        return
    reference = umeyama_by_svd(source, target)
    best = squared_error(reference, source, target)
    assert squared_error(found, source, target) <= best * (1 + 1e-7) + 1e-6


def test_umeyama_agrees_with_scikit_image():
    transform = pytest.importorskip("skimage.transform", reason="needs scikit-image")
    rng = np.random.default_rng(3)
    for _ in range(20):
        source = rng.normal(100, 40, (5, 2))
        reference = transform.SimilarityTransform()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # older versions know no other way
            reference.estimate(source, TEMPLATE_112)
        np.testing.assert_allclose(umeyama(source, TEMPLATE_112), reference.params[:2], atol=1e-9)


def test_umeyama_does_not_mirror():
    mirrored = TEMPLATE_112 * [-1, 1]
    assert np.linalg.det(umeyama(mirrored, TEMPLATE_112)[:, :2]) > 0


@pytest.mark.parametrize(
    "bad",
    [np.full((5, 2), 7.0), np.full((5, 2), np.nan), np.zeros((5, 3)), np.zeros(10)],
    ids=["one spot", "nan", "wrong shape", "flat"],
)
def test_points_without_a_pose_are_refused(bad):
    with pytest.raises(ShapeError):
        umeyama(bad, TEMPLATE_112)
    with pytest.raises(ShapeError):
        align_face(smooth_frame(), bad)


@settings(max_examples=25, deadline=None)
@given(
    st.floats(-0.8, 0.8),
    st.floats(0.8, 1.4),
    st.tuples(st.floats(-10, 10), st.floats(-10, 10)),
)
def test_alignment_undoes_a_similarity_transform(angle, scale, shift):
    """A face that was turned, scaled and moved comes out as the one that was not."""
    frame = smooth_frame()
    landmarks = TEMPLATE_112 + np.array([104, 64])
    change = similarity(angle, scale, shift)
    middle = np.array([160.0, 120.0])
    change[:, 2] += middle - change[:, :2] @ middle
    turned = cv2.warpAffine(frame, change, (320, 240), flags=cv2.INTER_CUBIC)
    crop = align_face(frame, landmarks).astype(int)
    again = align_face(turned, moved(change, landmarks)).astype(int)
    center = slice(20, 92)  # what no transform above moves out of the frame
    assert np.abs(crop - again)[center, center].mean() < 3


def test_a_face_in_template_pose_is_copied_as_rgb():
    frame = smooth_frame(CROP_PX * 2, CROP_PX * 2)
    crop = align_face(frame, TEMPLATE_112 + np.array([50, 60]))
    np.testing.assert_array_equal(crop, frame[60:172, 50:162, ::-1])


@pytest.mark.parametrize("shift", [(-60, -50), (0, 0), (240, 170), (-60, 170)])
def test_outside_of_the_frame_is_black_and_the_inside_does_not_move(shift):
    frame = np.full((240, 320, 3), 200, dtype=np.uint8)
    crop = align_face(frame, TEMPLATE_112 + shift)
    ys, xs = np.mgrid[0:CROP_PX, 0:CROP_PX]
    x, y = xs + shift[0], ys + shift[1]
    inside = (x >= 0) & (x < 320) & (y >= 0) & (y < 240)
    assert (crop[inside] == 200).all()
    assert (crop[~inside] == 0).all()


@pytest.mark.parametrize("shift", [(-30.0, 0.0), (0.0, -30.0), (150.0, 40.0), (20.0, 20.0)])
def test_inside_the_frame_is_what_is_not_black(shift: tuple[float, float]) -> None:
    frame = np.full((120, 200, 3), 255, np.uint8)
    landmarks = TEMPLATE_112 * 0.7 + shift
    shown = align_face(frame, landmarks)[:, :, 0]
    inside = inside_frame(landmarks, (200, 120))
    assert (inside != (shown > 127)).mean() < 0.02
    assert inside_frame(landmarks + 1e4, (200, 120)).sum() == 0


def test_a_crop_does_not_depend_on_how_much_frame_surrounds_it():
    frame = smooth_frame(400, 400)
    landmarks = TEMPLATE_112 * 1.3 + 90
    whole = align_face(frame, landmarks)
    part = align_face(frame[60:320, 70:330], landmarks - [70, 60])
    assert np.abs(whole.astype(int) - part).max() <= 1


def test_large_faces_are_averaged_not_picked():
    """Fine stripes of a 900-pixel face become gray instead of coarse false stripes."""
    frame = np.zeros((1000, 1000, 3), dtype=np.uint8)
    frame[:, ::2] = 255
    crop = align_face(frame, TEMPLATE_112 * 8.3 + 20)
    assert np.abs(crop.astype(int) - 127).max() < 40


def test_views_and_tiny_frames_are_accepted():
    frame = smooth_frame()
    landmarks = (TEMPLATE_112 + 30).astype(np.float32)
    view = np.asfortranarray(frame)[::-1][::-1]
    np.testing.assert_array_equal(align_face(view, landmarks), align_face(frame, landmarks))
    assert align_face(frame[:1, :1], TEMPLATE_112).shape == (CROP_PX, CROP_PX, 3)
    assert align_face(frame, landmarks, size_px=224).shape == (224, 224, 3)


@pytest.mark.parametrize("dtype", [np.float32, np.uint16])
def test_other_pixel_types_are_refused(dtype):
    with pytest.raises(ShapeError):
        align_face(np.zeros((50, 50, 3), dtype=dtype), TEMPLATE_112)


def test_landmarks_far_outside_the_frame_are_refused():
    with pytest.raises(ShapeError):
        align_face(smooth_frame(), TEMPLATE_112 + 5000)
