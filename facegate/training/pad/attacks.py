"""Makes presentation attacks from pictures of people: each a named kind.

A picture of one person is put on paper or a screen, and that is held up in a scene of another
picture. Nothing here has been in front of a camera: a network that refuses all of it has learned
this program's idea of an attack, so rates on these kinds say less than rates on photographed ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.training.pad.camera import photographed
from facegate.training.pad.surfaces import displayed, moire, printed

CANVASES_PX = (192, 256, 352)
"""Sides of the scenes that attacks are held up in: the same patterns on small and large faces."""

GENERATED_KINDS = (
    "generated_print",
    "generated_screen",
    "generated_cutout",
    "generated_paper_mask",
)


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A face in a scene. `bgr` (h, w, 3) uint8, `bbox_xyxy` (4,) float32 pixels of it."""

    bgr: ImageArray
    bbox_xyxy: FloatArray


def bona_fide(bgr: ImageArray, bbox_xyxy: FloatArray, random: np.random.Generator) -> Shown:
    """The same camera, and nothing held up."""
    if random.random() < 0.1:
        return Shown(bgr, bbox_xyxy)
    return Shown(photographed(bgr.astype(np.float32), random), bbox_xyxy)


def attack(
    kind: str,
    shown: tuple[ImageArray, FloatArray],
    behind: tuple[ImageArray, FloatArray],
    random: np.random.Generator,
) -> Shown:
    """Make an attack.

    Args:
        kind: one of GENERATED_KINDS.
        shown: picture (h, w, 3) uint8 of the person shown and the face's box in it.
        behind: picture and box of the person or place behind.
        random: decides all else.
    """
    side = int(random.choice(CANVASES_PX))
    scene = np.asarray(cv2.resize(behind[0], (side, side)), np.float32)
    scale = side / behind[0].shape[0]
    if kind == "generated_print":
        item, box = _item(*shown, side, random)
        item = printed(item, random)
        if random.random() < 0.6:
            item, box = _bordered(item, box, _paper_white(random), random.uniform(0.01, 0.15))
        return _held_up(item, box, scene, random, hands=0.5)
    if kind == "generated_screen":
        item, box = _item(*shown, side, random)
        item = displayed(item, random)
        if random.random() < 0.6:
            shade = (
                np.full(3, random.uniform(2, 45), np.float32)
                if random.random() < 0.8
                else _paper_white(random)
            )
            item, box = _bordered(item, box, shade, random.uniform(0.02, 0.25))
        return _held_up(item, box, scene, random, hands=0.25, screen=True)
    worn_over = behind[1] * np.float32(scale)
    return _worn(*shown, scene, worn_over, random, holes=kind == "generated_cutout")


def _item(
    bgr: ImageArray, bbox_xyxy: FloatArray, canvas: int, random: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """The part of a picture that is shown, larger or smaller around the face."""
    height, width = bgr.shape[:2]
    x1, y1, x2, y2 = (float(value) for value in bbox_xyxy)
    side = max(x2 - x1, y2 - y1)
    # Of a screen held near, or a large print, no edge is seen.
    farthest = 2.6 if random.random() < 0.4 else 1.1
    reach = side * random.uniform(0.08, farthest, 4)
    left, top = int(max(0, x1 - reach[0])), int(max(0, y1 - reach[1]))
    right, bottom = int(min(width, x2 + reach[2])), int(min(height, y2 + reach[3]))
    part = bgr[top : max(bottom, top + 8), left : max(right, left + 8)]
    # Effects of the surface are in its own pixels: show it at about the size it will have.
    scale = canvas * random.uniform(0.7, 1.2) / max(part.shape[:2])
    item = np.asarray(cv2.resize(part, None, fx=scale, fy=scale), np.float32)
    box = (bbox_xyxy - np.array([left, top, left, top])) * scale
    return item, box.astype(np.float32)


def _paper_white(random: np.random.Generator) -> FloatArray:
    return (random.uniform(190, 252) + random.normal(0, 5, 3)).astype(np.float32)


def _bordered(
    item: FloatArray, box: FloatArray, color: FloatArray, share: float
) -> tuple[FloatArray, FloatArray]:
    margin = max(1, round(share * max(item.shape[:2])))
    height, width = item.shape[:2]
    whole = np.empty((height + 2 * margin, width + 2 * margin, 3), np.float32)
    whole[:] = color
    whole[margin : margin + height, margin : margin + width] = item
    return whole, box + np.float32(margin)


def _held_up(
    item: FloatArray,
    box: FloatArray,
    scene: FloatArray,
    random: np.random.Generator,
    hands: float,
    *,
    screen: bool = False,
) -> Shown:
    """Lay a flat item into the scene, in perspective; it may be larger than what is seen."""
    canvas = scene.shape[0]
    face = float(max(box[2] - box[0], box[3] - box[1]))
    scale = canvas / random.uniform(1.6, 4.4) / max(face, 4.0)
    angle = random.normal(0, 0.13)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
    goal = canvas / 2 + random.normal(0, canvas * 0.03, 2)
    height, width = item.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    placed = (corners - middle) @ turn.T + goal
    placed += random.normal(0, 0.035, (4, 2)) * scale * max(height, width)
    warp = cv2.getPerspectiveTransform(corners.astype(np.float32), placed.astype(np.float32))
    size = (canvas, canvas)
    over = np.asarray(cv2.warpPerspective(item, warp, size), np.float32)
    cover = np.asarray(
        cv2.warpPerspective(np.ones((height, width), np.float32), warp, size), np.float32
    )[..., None]
    if random.random() < 0.4:  # depth of field
        scene = np.asarray(cv2.GaussianBlur(scene, (0, 0), float(random.uniform(1, 5))), np.float32)
    if random.random() < 0.4:  # the shadow it throws
        shadow = cv2.GaussianBlur(cover, (0, 0), float(random.uniform(2, 8)))[..., None]
        scene = scene * (1 - np.float32(random.uniform(0.1, 0.6)) * shadow)
    scene = scene * np.float32(np.exp(random.normal(0, 0.25)))
    whole = scene * (1 - cover) + over
    if random.random() < hands:
        whole = _with_hand(whole, placed, random)
    pattern = None
    if screen and random.random() < 0.85:
        pattern = 1 + (moire((canvas, canvas), random) - 1) * cover
    moved = cv2.perspectiveTransform(_box_corners(box)[np.newaxis], warp)[0]
    return Shown(photographed(whole, random, pattern), _around(moved))


def _worn(
    bgr: ImageArray,
    bbox_xyxy: FloatArray,
    scene: FloatArray,
    worn_over: FloatArray,
    random: np.random.Generator,
    *,
    holes: bool,
) -> Shown:
    """Lay a printed face, cut along its outline, over the head of somebody else."""
    size = worn_over[2:] - worn_over[:2]
    grown = random.uniform(0.95, 1.25)
    wide, high = (max(12, round(float(s) * grown)) for s in size)
    x1, y1, x2, y2 = (round(float(value)) for value in bbox_xyxy)
    part = bgr[max(0, y1) : max(y2, y1 + 8), max(0, x1) : max(x2, x1 + 8)]
    face = printed(np.asarray(cv2.resize(part, (wide, high)), np.float32), random)
    y, x = np.mgrid[0:high, 0:wide].astype(np.float32)
    u, v = (x / wide - 0.5) * 2, (y / high - 0.5) * 2
    outline = (np.abs(u) ** 2.3 + np.abs(v) ** 2.3 < random.uniform(0.75, 1.0)).astype(np.float32)
    if random.random() < 0.5:  # a white rim was left when cutting
        inner = cv2.erode(outline, np.ones((3, 3)), iterations=int(random.integers(1, 3)))
        face = np.where(inner[..., None] > 0, face, _paper_white(random))
    if holes:
        for eye in (-0.42, 0.42):
            hole = ((u - eye) / random.uniform(0.17, 0.3)) ** 2 + (
                (v + random.uniform(0.15, 0.3)) / random.uniform(0.08, 0.16)
            ) ** 2
            outline = outline * (hole > 1)
    elif random.random() < 0.6:  # a mask bows: darker to the sides
        face = face * (1 - np.float32(random.uniform(0.1, 0.45)) * (np.abs(u) ** 2)[..., None])
    middle = (worn_over[:2] + worn_over[2:]) / 2 + random.normal(0, 0.05, 2) * size
    turn = cv2.getRotationMatrix2D((wide / 2, high / 2), float(random.normal(0, 5)), 1.0)
    turn[:, 2] += middle - (wide / 2, high / 2)
    area = (scene.shape[1], scene.shape[0])
    over = np.asarray(cv2.warpAffine(face * outline[..., None], turn, area), np.float32)
    cover = np.asarray(cv2.warpAffine(outline, turn, area), np.float32)[..., None]
    shadow = cv2.GaussianBlur(cover, (0, 0), float(random.uniform(1, 4)))[..., None]
    scene = scene * (1 - np.float32(random.uniform(0.1, 0.6)) * shadow)
    whole = scene * (1 - cover) + over
    corners = _box_corners(np.array([0, 0, wide, high], np.float32))
    return Shown(photographed(whole, random), _around(corners @ turn[:, :2].T + turn[:, 2]))


def _with_hand(whole: FloatArray, corners: FloatArray, random: np.random.Generator) -> FloatArray:
    """Some fingers over an edge of the item."""
    skin = np.array([random.uniform(70, 150), random.uniform(90, 175), 0], np.float32)
    skin[2] = min(250.0, skin[1] * random.uniform(1.15, 1.45))
    edge = int(random.integers(4))
    a, b = corners[edge], corners[(edge + 1) % 4]
    inward = corners.mean(axis=0) - (a + b) / 2
    inward = inward / max(float(np.hypot(*inward)), 1e-3)
    cover = np.zeros(whole.shape[:2], np.float32)
    thick = random.uniform(5, 11)
    for finger in range(int(random.integers(1, 5))):
        root = a + (b - a) * (random.uniform(0.15, 0.7) + 0.07 * finger)
        tip = root + inward * random.uniform(4, 26)
        begin = root - inward * 40
        cv2.line(cover, _point(begin), _point(tip), 1.0, int(thick), cv2.LINE_AA)
    shade = 1 + 0.25 * (cv2.GaussianBlur(cover, (0, 0), 3) - 0.7)
    colored = skin * shade[..., None]
    return np.asarray(whole * (1 - cover[..., None]) + colored * cover[..., None], np.float32)


def _point(xy: FloatArray) -> tuple[int, int]:
    x, y = np.clip(xy, -500, 700)
    return int(x), int(y)


def _box_corners(box: FloatArray) -> FloatArray:
    x1, y1, x2, y2 = (float(value) for value in box)
    return np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float32)


def _around(points: FloatArray) -> FloatArray:
    return np.concatenate([points.min(axis=0), points.max(axis=0)]).astype(np.float32)
