"""Makes training canvases: crops of scenes, and portraits pasted at every size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.errors import InputError
from facegate.training.detector.data import PreparedSamples, Sample
from facegate.vision.boxes import letterbox

MIXED_WEIGHTS = (0.4, 0.85)
"""Least and most weight of a canvas's own picture where it shows two."""

MIRRORED_LANDMARKS = [1, 0, 2, 4, 3]
"""Where each landmark goes when left and right change places."""

SCENE_LONGEST_PX = 640
"""Side to which the gate scales a frame before it looks for faces."""

FILLED = 0.8
"""Share of scenes that are moved so that the canvas shows as much of them as it can; the others
also show what lies beyond their edge, as the gate sees it where a frame does not fill the input."""


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """One training input with its labels, in canvas pixels.

    Attributes:
        frame_bgr: (s, s, 3) uint8.
        bboxes_xyxy: (n, 4) float32.
        landmarks_xy: (n, 5, 2) float32, NaN where unknown.
        ignored: (n,) bool, boxes that are neither taught nor punished.
    """

    frame_bgr: ImageArray
    bboxes_xyxy: FloatArray
    landmarks_xy: FloatArray
    ignored: npt.NDArray[np.bool_]


class CanvasMaker:
    """Draws canvases at random from prepared samples.

    Args:
        samples: the pictures.
        scene_share: fraction of canvases cut from a scene with faces.
        background_share: fraction cut from scenes without any; the rest hold pasted portraits.
        rotation_deg: largest turn.
        plain_share: fraction of the canvases of scenes that show a scene as the gate would see it,
            or its mirror image: at about the gate's scale, neither turned nor spoiled.
        mosaic_share: fraction of the canvases of scenes that hold four scenes.
        source_weights: by name of a set, how often each of its scenes is drawn, relative to 1 for
            those of sets that are not named; 0 leaves a set out.

    Raises:
        InputError: a named set is not there, or no scene is left.
    """

    def __init__(
        self,
        samples: PreparedSamples,
        scene_share: float = 0.5,
        background_share: float = 0.0,
        rotation_deg: float = 25.0,
        plain_share: float = 0.0,
        mosaic_share: float = 0.0,
        source_weights: Mapping[str, float] | None = None,
    ) -> None:
        self._samples = samples
        self._side = 0
        self._scene_share = scene_share
        self._background_share = background_share if len(samples.backgrounds) else 0.0
        self._rotation = rotation_deg
        self._plain_share = plain_share
        self._mosaic_share = mosaic_share
        self._chances = _chances(samples, source_weights) if source_weights else None

    def make(self, random: np.random.Generator, side_px: int) -> Canvas:
        """Make one canvas of this side."""
        self._side = side_px
        if self._plain_share and random.random() < self._scene_share * self._plain_share:
            return self._plain_scene(random)
        kind = random.random()
        if kind < self._scene_share * self._mosaic_share:
            canvas = self._mosaic_of_scenes(random)
        elif kind < self._scene_share:
            canvas = self._from_scene(random, self._samples.scenes, self._chances)
        elif kind < self._scene_share + self._background_share:
            canvas = self._from_scene(random, self._samples.backgrounds)
        else:
            canvas = self._from_portraits(random)
        return replace(canvas, frame_bgr=spoiled(canvas.frame_bgr, random))

    def _from_scene(
        self,
        random: np.random.Generator,
        scenes: npt.NDArray[np.int64],
        chances: npt.NDArray[np.float64] | None = None,
    ) -> Canvas:
        """A window of a scene, at about the scale at which scenes are looked at."""
        sample = self._samples[int(random.choice(scenes, p=chances))]
        height, width = sample.frame_bgr.shape[:2]
        looked_at = SCENE_LONGEST_PX / max(height, width)
        scale = looked_at * float(np.exp(np.clip(random.normal(-0.1, 0.4), -1.2, 0.7)))
        focus = np.array([random.uniform(0, width), random.uniform(0, height)])
        taught = sample.bboxes_xyxy[~sample.ignored]
        if len(taught) and random.random() < 0.6:
            box = taught[random.integers(len(taught))]
            focus = (box[:2] + box[2:]) / 2
            face_px = max(4.0, float(max(box[2:] - box[:2])))
            if random.random() < 0.5:
                # Bring the chosen face to a size of which scenes have too few.
                wanted = float(np.exp(random.uniform(np.log(10), np.log(0.7 * self._side))))
                scale = float(np.clip(wanted / face_px, 0.25, 2.0))
            scale = min(scale, 0.9 * self._side / face_px)
        return self._warp(sample, focus, scale, random, spread=0.4)

    def _plain_scene(self, random: np.random.Generator) -> Canvas:
        """A scene scaled as the gate does it, whole or a window of it, maybe mirrored."""
        sample = self._samples[int(random.choice(self._samples.scenes, p=self._chances))]
        longest = max(sample.frame_bgr.shape[:2])
        scale = SCENE_LONGEST_PX / longest * float(np.exp(random.normal(0.0, 0.15)))
        scaled = letterbox(sample.frame_bgr, scale, 0, 1)
        height, width = scaled.shape[:2]
        boxes, landmarks = sample.bboxes_xyxy * scale, sample.landmarks_xy * scale
        if random.random() < 0.5:
            scaled = np.ascontiguousarray(scaled[:, ::-1])
            boxes = np.stack(
                [width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], 1
            )
            landmarks = landmarks[:, MIRRORED_LANDMARKS] * [-1, 1] + [width, 0]
        side = self._side
        left, top = (int(random.integers(max(0, length - side) + 1)) for length in (width, height))
        part = scaled[top : top + side, left : left + side]
        frame = np.zeros((side, side, 3), np.uint8)
        frame[: part.shape[0], : part.shape[1]] = part
        boxes = boxes - np.tile([left, top], 2)
        seen, ignored = _within(boxes, sample.ignored, (0, 0, side, side))
        return Canvas(
            frame,
            np.clip(boxes[seen], 0, side).astype(np.float32),
            (landmarks[seen] - [left, top]).astype(np.float32),
            ignored,
        )

    def _from_portraits(self, random: np.random.Generator) -> Canvas:
        """One large portrait, or four in a mosaic, over a scene's background without faces."""
        side = self._side
        if random.random() < 0.5:
            return self._placed([(0, 0, side, side)], random, 0.5, 1.7)
        return self._placed(self._four_tiles(random), random, 0.15, 0.9)

    def _mosaic_of_scenes(self, random: np.random.Generator) -> Canvas:
        """Windows of four scenes, smaller than scenes are looked at: many faces at once."""
        chosen = random.choice(self._samples.scenes, 4, p=self._chances)
        return self._placed(self._four_tiles(random), random, 0.4, 1.0, chosen.tolist())

    def _four_tiles(self, random: np.random.Generator) -> list[tuple[int, int, int, int]]:
        side = self._side
        cut_x, cut_y = (int(random.uniform(0.35, 0.65) * side) for _ in range(2))
        return [
            (0, 0, cut_x, cut_y),
            (cut_x, 0, side, cut_y),
            (0, cut_y, cut_x, side),
            (cut_x, cut_y, side, side),
        ]

    def _placed(
        self,
        tiles: list[tuple[int, int, int, int]],
        random: np.random.Generator,
        least: float,
        most: float,
        scenes: list[int] | None = None,
    ) -> Canvas:
        """Windows of portraits, or of scenes with one of their faces in the middle."""
        frame = np.empty((self._side, self._side, 3), np.uint8)
        boxes, landmarks, ignored = [], [], []
        for number, (x1, y1, x2, y2) in enumerate(tiles):
            chosen = scenes[number] if scenes else int(random.choice(self._samples.portraits))
            sample = self._samples[chosen]
            height, width = sample.frame_bgr.shape[:2]
            scale = float(np.exp(random.uniform(np.log(least), np.log(most))))
            focus = np.array([width, height]) * random.uniform(0.35, 0.65, 2)
            if scenes:
                scale *= SCENE_LONGEST_PX / max(height, width)
                taught = sample.bboxes_xyxy[~sample.ignored]
                if len(taught):
                    box = taught[random.integers(len(taught))]
                    focus = (box[:2] + box[2:]) / 2
                    scale = min(scale, 0.9 * min(x2 - x1, y2 - y1) / max(4.0, *(box[2:] - box[:2])))
            whole = self._warp(sample, focus, scale, random)
            # Cut the tile out of the middle of a canvas of its own.
            left = (self._side - (x2 - x1)) // 2
            top = (self._side - (y2 - y1)) // 2
            frame[y1:y2, x1:x2] = whole.frame_bgr[top : top + y2 - y1, left : left + x2 - x1]
            shift = np.array([x1 - left, y1 - top], np.float32)
            moved = whole.bboxes_xyxy + np.tile(shift, 2)
            seen, doubtful = _within(moved, whole.ignored, (x1, y1, x2, y2))
            clipped = np.clip(moved[seen], [x1, y1, x1, y1], [x2, y2, x2, y2])
            boxes.append(clipped.astype(np.float32))
            landmarks.append(whole.landmarks_xy[seen] + shift)
            ignored.append(doubtful)
        return Canvas(
            frame, np.concatenate(boxes), np.concatenate(landmarks), np.concatenate(ignored)
        )

    def _warp(
        self,
        sample: Sample,
        focus_xy: npt.NDArray[np.floating[Any]],
        scale: float,
        random: np.random.Generator,
        spread: float = 0.12,
    ) -> Canvas:
        """Turn, scale and maybe mirror a sample about a point that lands near the middle."""
        side = self._side
        angle = random.normal(0.0, self._rotation / 2.5) if random.random() < 0.5 else 0.0
        radians = np.deg2rad(np.clip(angle, -self._rotation, self._rotation))
        linear = scale * np.array(
            [[np.cos(radians), -np.sin(radians)], [np.sin(radians), np.cos(radians)]]
        )
        stretch = random.uniform(0.9, 1.1)
        linear[:, 1] *= stretch
        mirror = random.random() < 0.5
        if mirror:
            linear[0] *= -1
        target = side * (0.5 + random.uniform(-spread, spread, 2))
        shift = target - linear @ focus_xy
        if sample.is_scene and random.random() < FILLED:
            shift = shift + _towards_filling(linear, shift, sample.frame_bgr.shape[:2], side)
        matrix = np.column_stack([linear, shift])
        fill = cv2.BORDER_CONSTANT if random.random() < 0.7 else cv2.BORDER_REFLECT_101
        if not sample.is_scene and fill == cv2.BORDER_REFLECT_101:
            fill = cv2.BORDER_REPLICATE  # a reflection would show faces without labels
        if sample.is_scene:
            fill = cv2.BORDER_CONSTANT
        color = [0, 0, 0]
        if random.random() < 0.5:
            color = random.integers(0, 256, 3).tolist()
        source = np.ascontiguousarray(sample.frame_bgr)
        if scale < 0.5:  # without this, strong shrinking makes grain that no camera makes
            factor = 2.0 * scale
            size_wh = (
                max(1, round(source.shape[1] * factor)),
                max(1, round(source.shape[0] * factor)),
            )
            matrix = matrix.copy()
            matrix[:, :2] /= factor
            source = np.asarray(cv2.resize(source, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
        frame = cv2.warpAffine(source, matrix, (side, side), borderMode=fill, borderValue=color)
        centers = (sample.bboxes_xyxy[:, :2] + sample.bboxes_xyxy[:, 2:]) / 2
        halves = (sample.bboxes_xyxy[:, 2:] - sample.bboxes_xyxy[:, :2]) / 2
        halves = halves * np.array([scale, scale * stretch], np.float32)
        centers = centers @ linear.T.astype(np.float32) + shift.astype(np.float32)
        boxes = np.concatenate([centers - halves, centers + halves], axis=1)
        landmarks = sample.landmarks_xy @ linear.T.astype(np.float32) + shift.astype(np.float32)
        if mirror:
            landmarks = landmarks[:, MIRRORED_LANDMARKS]
        seen, ignored = _within(boxes, sample.ignored, (0, 0, side, side))
        return Canvas(
            np.asarray(frame, np.uint8),
            np.clip(boxes[seen], 0, side).astype(np.float32),
            landmarks[seen].astype(np.float32),
            ignored,
        )


def _chances(samples: PreparedSamples, weights: Mapping[str, float]) -> npt.NDArray[np.float64]:
    """(scenes,) how often each scene is drawn; adds up to 1."""
    unknown = sorted(set(weights) - set(samples.source_names))
    if unknown:
        raise InputError(
            f"The prepared data have no set named {', '.join(unknown)}.",
            hint=f"There are {', '.join(samples.source_names)}.",
        )
    of_set = np.array([weights.get(name, 1.0) for name in samples.source_names])
    chances = of_set[samples.sources[samples.scenes]]
    if not chances.sum() > 0:
        raise InputError("The weights of the sets leave no scene to draw.")
    return np.asarray(chances / chances.sum(), np.float64)


def _towards_filling(
    linear: npt.NDArray[np.floating[Any]],
    shift: npt.NDArray[np.floating[Any]],
    shape: tuple[int, ...],
    side: int,
) -> npt.NDArray[np.floating[Any]]:
    """How far to move a scene so that it covers the canvas, or lies inside where it is smaller."""
    height, width = shape[:2]
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]]) @ linear.T + shift
    low, high = corners.min(axis=0), corners.max(axis=0)
    ends = np.sort(np.stack([-low, side - high]), axis=0)
    return np.clip(0.0, ends[0], ends[1])


def _within(
    boxes: FloatArray, ignored: npt.NDArray[np.bool_], area: tuple[int, int, int, int]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which boxes an area shows, and which of these are ignored: also those cut in the middle."""
    x1, y1, x2, y2 = area
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2
    inside = (centers >= [x1, y1]).all(axis=1) & (centers < [x2, y2]).all(axis=1)
    seen = (boxes[:, 2:] > [x1, y1]).all(axis=1) & (boxes[:, :2] < [x2, y2]).all(axis=1)
    return np.asarray(seen), np.asarray((ignored | ~inside)[seen])


def spoiled(frame_bgr: ImageArray, random: np.random.Generator) -> ImageArray:
    """Change light, color and sharpness as cameras do."""
    if random.random() < 0.7:
        gain = float(np.exp(random.uniform(-0.6, 0.45)))
        tint = np.exp(random.uniform(-0.12, 0.12, 3)) * gain
        offset = random.uniform(-30, 30)
        table = np.clip(np.arange(256)[:, None] * tint + offset, 0, 255).astype(np.uint8)
        frame_bgr = np.asarray(cv2.LUT(frame_bgr, table[None]), np.uint8)
    if random.random() < 0.12:  # dusk: little light, much noise
        gamma = random.uniform(1.5, 3.0)
        table = (255 * (np.arange(256) / 255) ** gamma).astype(np.uint8)
        frame_bgr = np.asarray(cv2.LUT(frame_bgr, table), np.uint8)
        noise = random.integers(-10, 11, frame_bgr.shape, dtype=np.int16)
        frame_bgr = np.clip(frame_bgr + noise, 0, 255).astype(np.uint8)
    if random.random() < 0.12:
        gray = cv2.cvtColor(frame_bgr, cv2.COLOR_BGR2GRAY)
        frame_bgr = np.asarray(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR), np.uint8)
    if random.random() < 0.1:
        frame_bgr = np.asarray(
            cv2.GaussianBlur(frame_bgr, (0, 0), random.uniform(0.5, 1.8)), np.uint8
        )
    return frame_bgr


def mixed(canvases: list[Canvas], share: float, random: np.random.Generator) -> list[Canvas]:
    """Make some canvases the weighted mean of their own picture and the one before.

    Nobody has drawn boxes on such a picture, so nothing of it is taught or punished: it is for what
    a teacher says of it. With few scenes a network learns its scenes by heart; the mixed ones are
    never twice the same.

    Args:
        canvases: of one side.
        share: fraction that becomes mixed.

    Source:
        Zhang et al., mixup, 2018; Beyer et al., Knowledge distillation: a good teacher is patient
        and consistent, 2022.
    """
    if not share:
        return canvases
    result = list(canvases)
    side = float(canvases[0].frame_bgr.shape[0])
    for number in np.flatnonzero(random.random(len(canvases)) < share):
        weight = random.uniform(*MIXED_WEIGHTS)
        own, other = canvases[number].frame_bgr, canvases[number - 1].frame_bgr
        result[number] = Canvas(
            np.asarray(cv2.addWeighted(own, weight, other, 1 - weight, 0), np.uint8),
            np.array([[0, 0, side, side]], np.float32),
            np.full((1, 5, 2), np.nan, np.float32),
            np.ones(1, bool),
        )
    return result
