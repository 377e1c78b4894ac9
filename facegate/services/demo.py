"""The demonstration: real faces enrolled, recognized in altered copies, and a stranger refused.

The faces are public-domain portraits that installed packages carry; nothing is fetched and
nothing is stored beyond the run.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from facegate.domain.arrays import ImageArray
from facegate.domain.decisions import Outcome
from facegate.errors import InputError
from facegate.services.enroll import Enroller, EnrollmentRow, Portraits
from facegate.services.identify import IdentifiedImage, Identifier
from facegate.vision.alter import ALTERATIONS
from facegate.vision.images import LoadedImage, load_image


@dataclass(frozen=True, slots=True)
class Portrait:
    """A public-domain portrait inside an installed package.

    Attributes:
        name: who it shows.
        package, file: where it lies.
        credit: who took it.
    """

    name: str
    package: str
    file: str
    credit: str

    def path(self) -> Path:
        """Find the file without importing the package. Raises InputError when it is not there."""
        spec = importlib.util.find_spec(self.package)
        for folder in (spec.submodule_search_locations if spec else None) or ():
            path = Path(folder) / self.file
            if path.is_file():
                return path
        raise InputError(
            f"The portrait of {self.name} that the package {self.package} carries is missing.",
            hint="Install FaceGate again, with all it needs.",
        )


COLLINS = Portrait("Eileen Collins", "skimage", "data/astronaut.png", "NASA, public domain")
HOPPER = Portrait(
    "Grace Hopper", "matplotlib", "mpl-data/sample_data/grace_hopper.jpg", "US Navy, public domain"
)


@dataclass(frozen=True, slots=True, eq=False)
class Visit:
    """One appearance at the demo's door.

    Attributes:
        title: what was done to the picture.
        expected: the name that should come out, None for a stranger.
        frame_bgr: the picture.
        result: what FaceGate said.
    """

    title: str
    expected: str | None
    frame_bgr: ImageArray
    result: IdentifiedImage

    @property
    def as_expected(self) -> bool:
        """Whether the right person, or nobody for a stranger, was recognized."""
        matches = [
            face.subject for face in self.result.faces if face.decision.outcome is Outcome.MATCH
        ]
        if self.expected is None:
            return bool(self.result.faces) and not matches
        return matches == [self.expected]


def enroll_portrait(enroller: Enroller, portrait: Portrait) -> EnrollmentRow:
    """Enroll one person from the portrait as it is."""
    (row,) = enroller.enroll([Portraits(portrait.name, (portrait.path(),))])
    return row


def visits(identifier: Identifier, portrait: Portrait, *, enrolled: bool) -> Iterator[Visit]:
    """Let a person come to the door in every alteration."""
    original = load_image(portrait.path())
    for title, alter in ALTERATIONS.items():
        frame = alter(original.frame_bgr)
        height, width = frame.shape[:2]
        image = LoadedImage(frame, width, height, original.sha256)
        result = identifier.identify_image(Path(f"{portrait.name}: {title}"), image)
        yield Visit(title, portrait.name if enrolled else None, frame, result)
