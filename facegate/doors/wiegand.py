"""`wiegand:D0,D1?facility=12&card=3456` shows an old door controller a card of its own.

The controller at the other end knows the card and opens; it also times the pulse and locks. So
`pulse_s` and `lock` mean nothing here, and that the frame was sent is all that is known.

Python keeps pulses of 50 microseconds only roughly (they come out longer). A busy machine can spoil
a frame, which then fails its parity and is ignored by the controller.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from facegate.doors.gpio import MAX_PIN
from facegate.doors.gpio_lines import PINS, Lines, Wiring
from facegate.doors.pulses import PulsedOutput
from facegate.doors.secrets import OutputContext
from facegate.doors.spec import DoorSpec, Options, whole_number
from facegate.errors import DoorError

PULSE_S, GAP_S = 50e-6, 2e-3
"""Width and distance of pulses, within SIA AC-01-1996.10 (20-100 µs, 0.2-20 ms)."""


def wiegand26(facility: int, card: int) -> tuple[int, ...]:
    """The 26 bits of a card, in the order they are sent.

    Args:
        facility: 0 to 255.
        card: 0 to 65535.

    Returns:
        Even parity of the 12 bits that follow, 8 bits of facility and 16 of card (highest first),
        odd parity of the 12 bits before it.

    Raises:
        DoorError: a number is out of range.

    Source:
        SIA AC-01-1996.10, the 26-bit format.
    """
    if not 0 <= facility <= 0xFF or not 0 <= card <= 0xFFFF:
        raise DoorError("A 26-bit card has a facility of 0 to 255 and a number of 0 to 65535.")
    value = facility << 16 | card
    data = tuple(value >> place & 1 for place in range(23, -1, -1))
    return (sum(data[:12]) % 2, *data, 1 - sum(data[12:]) % 2)


@dataclass(frozen=True, slots=True)
class WiegandSettings:
    """Two pins and a card.

    Attributes:
        data0, data1: pins; a pulse on the first is a 0, on the second a 1.
        facility, card: see `wiegand26`.
        wiring: a pulse is 0 V, as the standard has it, unless a transistor stands in between.
    """

    data0: int
    data1: int
    facility: int
    card: int
    wiring: Wiring


class WiegandDoor(PulsedOutput):
    """Sends one card for each unlock."""

    api_version = 1
    summary = "shows a card to an old door controller over two wires"
    form = "wiegand:D0,D1?facility=0..255&card=0..65535[&active=low|high&chip=/dev/gpiochip0]"
    needs = (PINS,)
    after_kill = "the controller at the other end locks by itself"

    def __init__(self, settings: WiegandSettings, context: OutputContext) -> None:  # noqa: ARG002
        super().__init__()
        self._settings = settings
        self._bits = wiegand26(settings.facility, settings.card)
        self._lines: Lines = settings.wiring.hold([settings.data0, settings.data1], [])
        self._start()

    @classmethod
    def check(cls, spec: DoorSpec) -> WiegandSettings:
        """Read the text."""
        options = Options(spec)
        data0, comma, data1 = spec.target.partition(",")
        if not comma or data0 == data1:
            raise DoorError("wiegand: needs two pins: wiegand:D0,D1?facility=12&card=3456.")
        if not (options.has("facility") and options.has("card")):
            raise DoorError("wiegand: needs facility=0..255 and card=0..65535.")
        settings = WiegandSettings(
            whole_number(data0, 0, MAX_PIN, "The pin D0"),
            whole_number(data1, 0, MAX_PIN, "The pin D1"),
            options.whole("facility", 0, 0, 0xFF),
            options.whole("card", 0, 0, 0xFFFF),
            Wiring.read(options, active="low"),
        )
        options.done()
        return settings

    def _open(self, pulse_s: float, reference: str) -> None:  # noqa: ARG002
        for bit in self._bits:
            pin = self._settings.data1 if bit else self._settings.data0
            self._lines.set(pin, True)
            _busy_wait(PULSE_S)
            self._lines.set(pin, False)
            time.sleep(GAP_S)

    def _shut(self, reference: str) -> None:  # noqa: ARG002
        self._lines.set(self._settings.data0, False)
        self._lines.set(self._settings.data1, False)

    def _let_go(self) -> None:
        self._lines.close()


def _busy_wait(seconds: float) -> None:
    ends = time.perf_counter() + seconds
    while time.perf_counter() < ends:
        pass
