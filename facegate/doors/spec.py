"""One line of text that says how a door is opened.

    simulator:
    command:/usr/local/bin/open.sh?arg={door}&arg={pulse_s}
    webhook:https://host/path?key=lobby
    mqtt://host:1883/building/lobby?user=gate
    serial:/dev/ttyUSB0?protocol=lcus&channel=1
    gpio:17?contact=22
    wiegand:17,27?facility=12&card=3456
    osdp:/dev/ttyUSB0?address=1

What stands before the first `:` names the plugin, what follows the first `?` are options. `%XX`
writes a character that would mean something else (`%3F` is `?`). The text is stored and shown in
lists, so it never holds a secret: passwords and keys are named (`key=lobby`) and come from the
settings (`doors.secrets`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from facegate.errors import DoorError

MAX_LENGTH = 1000
"""Longer texts are refused; no address of a door needs more."""

_SCHEME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
_SECRET_WORDS = ("password", "passwd", "token", "secret", "apikey", "api_key", "signature", "auth")


@dataclass(frozen=True, slots=True)
class DoorSpec:
    """An output as it was written, taken apart.

    Attributes:
        scheme: name of the plugin, lower case.
        target: what is opened: a path, an address, a pin; may be empty.
        options: (name, value) pairs as they were given; a name may come more than once.
    """

    scheme: str
    target: str
    options: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> DoorSpec:
        """Take the text apart; what the target and the options mean is the plugin's to check.

        Raises:
            DoorError: it is not of this form, or seems to hold a secret.
        """
        if len(text) > MAX_LENGTH or not text.isprintable() or text != text.strip():
            raise DoorError(
                f"A door's output is one line of at most {MAX_LENGTH} printable characters."
            )
        scheme, colon, rest = text.partition(":")
        if not colon or not _SCHEME.fullmatch(scheme):
            raise DoorError(
                f"{text!r} does not say how the door is opened.",
                hint="Write NAME:ADDRESS, for example simulator: or gpio:17; "
                "`facegate outputs list` shows all names.",
            )
        target, _, query = rest.partition("?")
        target = _decoded(target)
        if "@" in target.partition("//")[2].partition("/")[0]:
            raise DoorError(
                "The address of a door's output must not hold a user or a password.",
                hint="Give user=NAME as an option; the password comes from the settings.",
            )
        return cls(scheme, target, tuple(_pairs(query)))

    def __str__(self) -> str:
        """The text again; parsing it gives the same value."""
        target = self.target.replace("%", "%25").replace("?", "%3F")
        query = "&".join(f"{name}={_escaped(value)}" for name, value in self.options)
        return f"{self.scheme}:{target}" + (f"?{query}" if query else "")


def _pairs(query: str) -> Iterator[tuple[str, str]]:
    for part in query.split("&") if query else ():
        name, equals, value = part.partition("=")
        if not equals or not _SCHEME.fullmatch(name):
            raise DoorError(
                f"{part!r} is not an option of the form name=value.",
                hint="A ? or & that belongs to an address is written %3F or %26.",
            )
        if any(word in name for word in _SECRET_WORDS):
            raise DoorError(
                f"The option {name!r} looks like a secret, which has no place in this text.",
                hint="Secrets are kept in the settings: FACEGATE_DOORS__SECRETS__NAME.",
            )
        yield name, _decoded(value)


def _decoded(text: str) -> str:
    """Replace %XX; what comes out must be printable too."""
    try:
        plain = unquote(text, errors="strict")
    except UnicodeDecodeError as error:
        raise DoorError(f"{text!r} is not UTF-8 behind its % signs.") from error
    if not plain.isprintable():
        raise DoorError(f"{text!r} hides characters that cannot be printed.")
    return plain


def _escaped(value: str) -> str:
    return "".join(f"%{ord(c):02X}" if c in "%&?=" else c for c in value)


class Options:
    """Reads the options of one spec; what nobody asked for is an error at the end.

    A misspelled option must not silently be none: `puls=1` could leave a door open.
    """

    def __init__(self, spec: DoorSpec, *, repeatable: tuple[str, ...] = ()) -> None:
        self._spec = spec
        self._values: dict[str, list[str]] = {}
        for name, value in spec.options:
            self._values.setdefault(name, []).append(value)
        twice = [n for n, v in self._values.items() if len(v) > 1 and n not in repeatable]
        if twice:
            raise DoorError(f"The option {twice[0]!r} of {spec.scheme}: is given twice.")
        self._asked: set[str] = set()

    def many(self, name: str) -> tuple[str, ...]:
        """All values of an option that may be repeated."""
        self._asked.add(name)
        return tuple(self._values.get(name, ()))

    def text(self, name: str, default: str = "") -> str:
        """A text."""
        self._asked.add(name)
        return self._values.get(name, [default])[0]

    def has(self, name: str) -> bool:
        """Whether an option is given."""
        self._asked.add(name)
        return name in self._values

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """A number in [low, high]. Raises DoorError."""
        text = self.text(name, str(default))
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise DoorError(
                f"The option {name}={text} of {self._spec.scheme}: must be a number "
                f"from {low:g} to {high:g}."
            )
        return value

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number in [low, high]. Raises DoorError."""
        return whole_number(self.text(name, str(default)), low, high, f"The option {name}")

    def choice(self, name: str, default: str, known: tuple[str, ...]) -> str:
        """One of some words. Raises DoorError."""
        text = self.text(name, default)
        if text not in known:
            raise DoorError(
                f"The option {name}={text} of {self._spec.scheme}: must be one of "
                f"{', '.join(known)}."
            )
        return text

    def done(self) -> None:
        """Refuse what was given but never asked for. Raises DoorError."""
        unknown = [name for name in self._values if name not in self._asked]
        if unknown:
            raise DoorError(
                f"{self._spec.scheme}: has no option {unknown[0]!r}.",
                hint=f"It has {', '.join(sorted(self._asked)) or 'none'}. A ? that belongs to an "
                "address is written %3F.",
            )


def whole_number(text: str, low: int, high: int, what: str) -> int:
    """Read a whole number in decimal digits. Raises DoorError."""
    if not re.fullmatch(r"[0-9]{1,10}", text) or not low <= int(text) <= high:
        raise DoorError(f"{what} must be a whole number from {low} to {high}, not {text!r}.")
    return int(text)
