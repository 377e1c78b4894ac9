"""How usable a face is, and whether that is enough to enroll it or to look it up."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """Measured properties of one detected face; terms follow ISO/IEC 29794-5.

    Attributes:
        size_px: shorter side of the box in frame pixels.
        sharpness: share of the aligned crop's detail that a further blur takes away, in [0, 1];
            photographs mostly have 0.25 to 0.5.
        brightness: mean luminance of what is inside the frame, in [0, 1].
        contrast: standard deviation of that luminance in [0, 0.5].
        visible: share of the face that lies inside the frame, in [0, 1].
        yaw_deg, pitch_deg, roll_deg: rough head pose from the five landmarks; 0 is frontal.
        score: all of it in one number in [0, 1], higher is better; ranks templates.
    """

    size_px: float
    sharpness: float
    brightness: float
    contrast: float
    visible: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    score: float


class Flaw(str, Enum):
    """Why a face or a picture is not good enough. Values are part of the JSON contract."""

    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"
    TOO_SMALL = "too_small"
    BLURRED = "blurred"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    LOW_CONTRAST = "low_contrast"
    EXTREME_POSE = "extreme_pose"
    CUT_OFF = "cut_off"

    @property
    def sentence(self) -> str:
        """The flaw in plain words, with what to do about it."""
        return _SENTENCES[self]


_SENTENCES = {
    Flaw.NO_FACE: "no face was found",
    Flaw.SEVERAL_FACES: "several faces are in the picture; crop it to one person",
    Flaw.TOO_SMALL: "the face is too small; come closer or use a larger picture",
    Flaw.BLURRED: "the face is blurred; hold still or focus",
    Flaw.TOO_DARK: "the face is too dark; add light",
    Flaw.TOO_BRIGHT: "the face is overexposed; reduce the light",
    Flaw.LOW_CONTRAST: "the face has too little contrast",
    Flaw.CUT_OFF: "a part of the face is outside the picture; move to the middle",
    Flaw.EXTREME_POSE: "the face is turned too far; look at the camera",
}


@dataclass(frozen=True, slots=True)
class QualityRules:
    """Limits that a face must keep. Enrollment is stricter than identification."""

    min_face_px: float
    min_sharpness: float
    min_brightness: float
    max_brightness: float
    min_contrast: float
    min_visible: float
    max_yaw_deg: float
    max_pitch_deg: float
    max_roll_deg: float

    def flaws(self, quality: FaceQuality) -> tuple[Flaw, ...]:
        """All limits that a face breaks, worst first; empty when it is good enough."""
        turned = (
            abs(quality.yaw_deg) > self.max_yaw_deg
            or abs(quality.pitch_deg) > self.max_pitch_deg
            or abs(quality.roll_deg) > self.max_roll_deg
        )
        checks = (
            (Flaw.TOO_SMALL, quality.size_px < self.min_face_px),
            (Flaw.CUT_OFF, quality.visible < self.min_visible),
            (Flaw.TOO_DARK, quality.brightness < self.min_brightness),
            (Flaw.TOO_BRIGHT, quality.brightness > self.max_brightness),
            (Flaw.LOW_CONTRAST, quality.contrast < self.min_contrast),
            (Flaw.BLURRED, quality.sharpness < self.min_sharpness),
            (Flaw.EXTREME_POSE, turned),
        )
        return tuple(flaw for flaw, broken in checks if broken)
