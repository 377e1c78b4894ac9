"""The one address form of all sources of pictures."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from facegate.camera.redact import redact
from facegate.errors import CameraUnavailable, InputError

FORMS = (
    "Use a camera's number (0), usb:ID (see `facegate cameras list`), rtsp://…, http://…, a video "
    "file, a folder of pictures, or test:."
)
DEFAULT_SIZE_WH = (1280, 720)
DEFAULT_FPS = 30.0
MAX_NUMBER = 255

_SCHEMES = ("rtsp", "rtsps", "http", "https")
_STABLE_ID = re.compile(r"[\w.:+@,=-]{1,255}")
_NUMBER = re.compile(r"[0-9]+")
_SIZE = re.compile(r"([0-9]{2,5})x([0-9]{2,5})")


class SourceKind(str, Enum):
    """Where pictures come from."""

    USB = "usb"
    STREAM = "stream"
    FILE = "file"
    FOLDER = "folder"
    TEST = "test"


class Pace(str, Enum):
    """How fast a recording is played."""

    REAL = "real"
    """As fast as it was recorded; what nobody takes in time is dropped, as with a camera."""
    FAST = "fast"
    """As fast as the pictures are taken; none is dropped."""


@dataclass(frozen=True, slots=True)
class CameraAddress:
    """A checked address.

    Attributes:
        kind: where pictures come from.
        target: number or stable id of a USB camera, URL with its password, or absolute path.
        shown: the address for people, logs and errors; without passwords.
        pace: of recordings and the test pattern.
        fps: frames per second of a folder and of the test pattern, wish to a USB camera, and, where
            it is set, of a file instead of what the file says.
        size_wh: of the test pattern, and wish to a USB camera, pixels.
        frames: after how many the test pattern ends; 0: never.
    """

    kind: SourceKind
    target: str = field(repr=False)
    shown: str
    pace: Pace = Pace.REAL
    fps: float | None = None
    size_wh: tuple[int, int] = DEFAULT_SIZE_WH
    frames: int = 0

    @property
    def is_live(self) -> bool:
        """Whether it is a real camera, rather than a recording or a generated picture."""
        return self.kind in {SourceKind.USB, SourceKind.STREAM}

    @classmethod
    def parse(cls, text: str) -> CameraAddress:
        """Read an address.

        `0`, `usb:0`, `usb:ID`, `rtsp://…`, `http://…`, a file, a folder or `test:`; all but URLs
        may end in options: `clip.avi?pace=fast`, `folder?fps=5`, `usb:0?size=1920x1080`,
        `test:?size=640x480&fps=15&frames=100`.

        Raises:
            InputError: not an address.
            CameraUnavailable: a path at which there is nothing.
        """
        text = text.strip()
        if not text or "\0" in text or len(text) > 4096:
            raise InputError("A camera's address is missing or far too long.", hint=FORMS)
        scheme, colon, _ = text.partition("://")
        if colon:
            return _parse_url(text, scheme.lower())
        path = _path(text)
        if not _NUMBER.fullmatch(text) and _exists(
            path
        ):  # also a file whose name holds a question mark
            return _parse_path(path, text, {})
        head, mark, query = text.rpartition("?")
        body, options = (head, _options(query)) if mark else (text, {})
        lower = body.lower()
        if lower == "test:":
            return _with_options(
                cls(SourceKind.TEST, "", text), options, {"size", "fps", "frames", "pace"}
            )
        if _NUMBER.fullmatch(body) or lower.startswith("usb:"):
            target = body[4:] if lower.startswith("usb:") else body
            return _with_options(_parse_usb(target, text), options, {"size", "fps"})
        device = re.fullmatch(r"/dev/(?:video|v4l/by-id/)(.+)", body)
        if device:
            return _with_options(_parse_usb(device[1], text), options, {"size", "fps"})
        return _parse_path(_path(body), text, options)


def _parse_url(text: str, scheme: str) -> CameraAddress:
    if scheme not in _SCHEMES:
        known = re.fullmatch(r"[a-z][a-z0-9+.-]{0,15}", scheme)
        name = f"{scheme}://" if known else "This kind of address"
        raise InputError(f"{name} is not a kind of stream that can be read.", hint=FORMS)
    rest = text[len(scheme) + 3 :]
    if any(ord(c) <= 32 or ord(c) == 127 for c in rest):
        raise InputError("A stream's address must not hold spaces or control characters.")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    misplaced = "@" in rest and "@" not in authority and ":" in authority
    try:
        parts = urlsplit(f"{scheme}://{rest}")
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, misplaced = None, misplaced or "@" in rest
    if misplaced:  # what is shown of such an address could be the password's second half
        raise InputError(
            "The stream's address cannot be read.",
            hint="Write / ? # @ and : of a password as %2F %3F %23 %40 and %3A.",
        )
    if not host:
        raise InputError("The stream's address names no valid host and port.", hint=FORMS)
    return CameraAddress(SourceKind.STREAM, f"{scheme}://{rest}", redact(f"{scheme}://{rest}"))


def _parse_usb(target: str, text: str) -> CameraAddress:
    if _NUMBER.fullmatch(target):
        if len(target) > 3 or int(target) > MAX_NUMBER:
            raise InputError(f"A camera's number goes from 0 to {MAX_NUMBER}.", hint=FORMS)
        number = str(int(target))
        return CameraAddress(SourceKind.USB, number, f"usb:{number}")
    if not _STABLE_ID.fullmatch(target) or target in {".", ".."}:
        raise InputError(f"{text!r} is not a camera's address.", hint=FORMS)
    return CameraAddress(SourceKind.USB, target, f"usb:{target}")


def _parse_path(path: Path, text: str, options: dict[str, str]) -> CameraAddress:
    if not _exists(path):
        if re.search(r":[^/@]*@", text):  # a URL without its beginning would show its password
            raise InputError("The address has a user name but no rtsp:// or http://.", hint=FORMS)
        raise CameraUnavailable(text, "missing", "there is no such file, folder or camera.")
    absolute = str(path.absolute())
    if path.is_dir():
        folder = CameraAddress(SourceKind.FOLDER, absolute, str(path))
        return _with_options(folder, options, {"pace", "fps"})
    if not path.is_file():
        raise InputError(f"{path} is neither a file nor a folder.", hint=FORMS)
    return _with_options(
        CameraAddress(SourceKind.FILE, absolute, str(path)), options, {"pace", "fps"}
    )


def _path(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except (RuntimeError, ValueError):  # ~name of nobody, or of no possible name
        return Path(text)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name too long or with characters the file system lacks
        return False


def _options(query: str) -> dict[str, str]:
    return dict(parse_qsl(query, keep_blank_values=True))


def _with_options(
    address: CameraAddress, options: dict[str, str], known: set[str]
) -> CameraAddress:
    unknown = sorted(set(options) - known)
    if unknown:
        raise InputError(
            f"{address.shown} has no option {unknown[0]!r}.",
            hint=f"Known: {', '.join(sorted(known))}.",
        )
    return replace(
        address,
        pace=read_pace(options.get("pace", address.pace.value)),
        fps=_fps(options["fps"]) if "fps" in options else address.fps,
        size_wh=_size(options["size"]) if "size" in options else address.size_wh,
        frames=_count(options["frames"]) if "frames" in options else address.frames,
    )


def read_pace(text: str) -> Pace:
    """Read a word for the pace. Raises InputError."""
    try:
        return Pace(text)
    except ValueError as error:
        raise InputError(f"The pace is real or fast, not {text!r}.") from error


def _fps(text: str) -> float:
    try:
        fps = float(text)
    except ValueError:
        fps = 0.0
    if not 0.01 <= fps <= 1000:
        raise InputError(f"fps goes from 0.01 to 1000, {text!r} does not.")
    return fps


def _size(text: str) -> tuple[int, int]:
    match = _SIZE.fullmatch(text)
    if not match or not all(16 <= int(side) <= 8192 for side in match.groups()):
        raise InputError(f"A size is written 1280x720, with sides of 16 to 8192, not {text!r}.")
    return int(match[1]), int(match[2])


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise InputError(f"frames is a whole number, not {text!r}.")
    return int(text)
