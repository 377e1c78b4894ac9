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
        score: all of it in one number in [0, 1], higher is better; ranks templates and looks.
        eye_distance_px: between the eyes in frame pixels, as if the head were not turned.
        luminance_mean, luminance_variance: of linear light, in [0, 1] and [0, 0.25]; brightness and
            contrast tell the same of the picture as displayed.
        under_exposed, over_exposed: shares of pixels too dark or too bright to show anything.
        dynamic_range_bits: entropy of the luminance, in [0, 8].
        light_uniformity: how alike the light on both cheeks is, in [0, 1].
        color_cast: distance from the colors of skin in white light, CIELAB units from 0 on; 0 for
            gray pictures.
        covered: how surely nose and mouth are behind a mask or a hand, in [0, 1]; 0 also when too
            little of them is inside the frame to tell.
        noise: deviation of the grain, of luma in [0, 1]; a sharp photograph has 0.002 to 0.006.
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
    eye_distance_px: float
    luminance_mean: float
    luminance_variance: float
    under_exposed: float
    over_exposed: float
    dynamic_range_bits: float
    light_uniformity: float
    color_cast: float
    covered: float
    noise: float


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
    COVERED = "covered"
    UNEVEN_LIGHT = "uneven_light"
    OVEREXPOSED = "overexposed"

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
    Flaw.COVERED: "nose and mouth seem to be covered; take the mask or the hand away",
    Flaw.UNEVEN_LIGHT: "one side of the face is in shadow; turn toward the light",
    Flaw.OVEREXPOSED: "parts of the face are burnt out; turn away from the light or reduce it",
    Flaw.EXTREME_POSE: "the face is turned too far; look at the camera",
}


@dataclass(frozen=True, slots=True)
class QualityRules:
    """Limits that a face must keep. Enrollment is stricter than identification.

    The last three limit nothing unless they are given.
    """

    min_face_px: float
    min_sharpness: float
    min_brightness: float
    max_brightness: float
    min_contrast: float
    min_visible: float
    max_yaw_deg: float
    max_pitch_deg: float
    max_roll_deg: float
    min_light_uniformity: float = 0.0
    max_over_exposed: float = 1.0
    max_covered: float = 1.0

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
            (Flaw.OVEREXPOSED, quality.over_exposed > self.max_over_exposed),
            (Flaw.LOW_CONTRAST, quality.contrast < self.min_contrast),
            (Flaw.BLURRED, quality.sharpness < self.min_sharpness),
            (Flaw.COVERED, quality.covered > self.max_covered),
            (Flaw.EXTREME_POSE, turned),
            (Flaw.UNEVEN_LIGHT, quality.light_uniformity < self.min_light_uniformity),
        )
        return tuple(flaw for flaw, broken in checks if broken)
