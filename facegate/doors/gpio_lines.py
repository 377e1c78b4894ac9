"""Pins of a small computer, through gpiod (any Linux) or gpiozero (Raspberry Pi)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from typing_extensions import Self

from facegate.doors.libraries import Library
from facegate.doors.spec import Options
from facegate.errors import DoorError

PINS = Library("gpiod or gpiozero", "gpio", ("gpiod", "gpiozero"))
LIBRARIES = ("auto", "gpiod", "gpiozero")
DEFAULT_CHIP = "/dev/gpiochip0"
CONSUMER = "facegate"


class Lines(Protocol):
    """Pins that are held by this process."""

    def set(self, pin: int, active: bool) -> None:
        """Drive an output."""

    def get(self, pin: int) -> bool:
        """Whether an input is high."""

    def close(self) -> None:
        """Give the pins back."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """How pins are driven.

    Attributes:
        active_low: whether an active output is at 0 V.
        chip: device of gpiod.
        library: one of LIBRARIES; `auto` takes gpiod, else gpiozero.
    """

    active_low: bool
    chip: str = DEFAULT_CHIP
    library: str = "auto"

    @classmethod
    def read(cls, options: Options, active: str) -> Self:
        """Take `active`, `chip` and `library` from a door's options. Raises DoorError.

        Args:
            options: of the door.
            active: level of an active output where the options name none, `high` or `low`.
        """
        return cls(
            options.choice("active", active, ("high", "low")) == "low",
            options.text("chip", DEFAULT_CHIP),
            options.choice("library", "auto", LIBRARIES),
        )

    def hold(self, outputs: list[int], inputs: list[int]) -> Lines:
        """Take pins: outputs at rest, inputs pulled up.

        Args:
            outputs, inputs: numbers of pins (lines of the chip; BCM numbers on a Raspberry Pi).

        Raises:
            DoorError: no library is installed, or the pins cannot be had.
        """
        makers: dict[str, Callable[..., Lines]] = {"gpiod": _GpiodLines, "gpiozero": _GpiozeroLines}
        names = list(makers) if self.library == "auto" else [self.library]
        for name in names:
            try:
                return makers[name](outputs, inputs, self.active_low, self.chip)
            except ImportError:
                continue
            except DoorError:
                raise
            except Exception as error:  # both libraries raise their own trees
                raise DoorError(
                    f"The pins {outputs + inputs} cannot be had ({type(error).__name__}: {error})."
                ) from error
        raise DoorError(
            f"A door at a pin needs {' or '.join(names)}.",
            hint="Install one: pip install 'facegate[gpio]'.",
        )


class _GpiodLines:
    """The kernel's character device, version 2."""

    def __init__(self, outputs: list[int], inputs: list[int], active_low: bool, chip: str) -> None:
        import gpiod
        from gpiod.line import Bias, Direction, Value

        self._value = Value
        config = {
            pin: gpiod.LineSettings(
                direction=Direction.OUTPUT, output_value=Value.INACTIVE, active_low=active_low
            )
            for pin in outputs
        }
        config |= {
            pin: gpiod.LineSettings(direction=Direction.INPUT, bias=Bias.PULL_UP) for pin in inputs
        }
        self._request = gpiod.request_lines(chip, consumer=CONSUMER, config=config)

    def set(self, pin: int, active: bool) -> None:
        self._request.set_value(pin, self._value.ACTIVE if active else self._value.INACTIVE)

    def get(self, pin: int) -> bool:
        return self._request.get_value(pin) == self._value.ACTIVE

    def close(self) -> None:
        self._request.release()


class _GpiozeroLines:
    """What Raspberry Pi owners have."""

    def __init__(self, outputs: list[int], inputs: list[int], active_low: bool, chip: str) -> None:  # noqa: ARG002
        from gpiozero import DigitalInputDevice, OutputDevice

        self._devices: dict[int, Any] = {}
        try:
            for pin in outputs:
                self._devices[pin] = OutputDevice(
                    pin, active_high=not active_low, initial_value=False
                )
            for pin in inputs:
                self._devices[pin] = DigitalInputDevice(pin, pull_up=True)
        except Exception:
            self.close()
            raise

    def set(self, pin: int, active: bool) -> None:
        self._devices[pin].value = active

    def get(self, pin: int) -> bool:
        # With a pull-up gpiozero calls a pin active that is at 0 V.
        return not self._devices[pin].is_active

    def close(self) -> None:
        for device in self._devices.values():
            with contextlib.suppress(Exception):
                device.close()
