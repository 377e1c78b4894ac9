"""`gpio:17?contact=22` switches a pin for the time of the pulse, and may watch a door contact.

What a pin does when its process is killed is the driver's to say: most set it back to an input,
some (newer Raspberry Pi kernels) leave it as it was. Wire the lock so that an input pin means
locked, with a resistor that pulls it to rest; where a kernel keeps the level, use a relay with a
timer of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from facegate.doors.gpio_lines import PINS, Lines, Wiring
from facegate.doors.pulses import PulsedOutput
from facegate.doors.secrets import OutputContext
from facegate.doors.spec import DoorSpec, Options, whole_number
from facegate.errors import DoorError

MAX_PIN = 1023


@dataclass(frozen=True, slots=True)
class GpioSettings:
    """A pin and how it is wired.

    Attributes:
        pin: that opens the door while it is active.
        wiring: how pins are driven.
        contact: pin of the door contact, or None.
        contact_open_high: whether the contact's pin is high while the leaf stands open: right for
            a reed switch to ground, which a closed door closes. A cut wire then reads as open.
    """

    pin: int
    wiring: Wiring
    contact: int | None = None
    contact_open_high: bool = True


class GpioDoor(PulsedOutput):
    """Holds one output pin and, where there is a contact, one input."""

    api_version = 1
    summary = "a pin of a small computer"
    form = "gpio:PIN[?active=high|low&contact=PIN&open=high|low&chip=/dev/gpiochip0]"
    needs = (PINS,)
    after_kill = "the kernel's driver decides: most pins go back to inputs, some keep their level"

    def __init__(self, settings: GpioSettings, context: OutputContext) -> None:  # noqa: ARG002
        super().__init__()
        self._settings = settings
        inputs = [] if settings.contact is None else [settings.contact]
        self._lines: Lines = settings.wiring.hold([settings.pin], inputs)
        self._start()

    @classmethod
    def check(cls, spec: DoorSpec) -> GpioSettings:
        """Read the text."""
        options = Options(spec)
        pin = whole_number(spec.target, 0, MAX_PIN, "The pin")
        contact = options.whole("contact", 0, 0, MAX_PIN) if options.has("contact") else None
        settings = GpioSettings(
            pin,
            Wiring.read(options, active="high"),
            contact,
            options.choice("open", "high", ("high", "low")) == "high",
        )
        options.done()
        if contact == pin:
            raise DoorError("The lock and the contact need two pins.")
        return settings

    def _open(self, pulse_s: float, reference: str) -> None:  # noqa: ARG002
        self._lines.set(self._settings.pin, True)

    def _shut(self, reference: str) -> None:  # noqa: ARG002
        self._lines.set(self._settings.pin, False)

    def is_open(self) -> bool | None:
        """Read the contact. Raises DoorError when the pin cannot be read."""
        contact = self._settings.contact
        if contact is None:
            return None
        try:
            return self._lines.get(contact) == self._settings.contact_open_high
        except Exception as error:
            raise DoorError(f"The door contact at pin {contact} cannot be read.") from error

    def _let_go(self) -> None:
        self._lines.close()
