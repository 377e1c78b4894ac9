"""How long an unlock takes, from the order to the output's confirmation.

PYTHONPATH=.:tests python tests/benchmarks/door_latency.py
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path

from far_sides import CommandSide, FarSide, MqttSide, OsdpSide, SerialSide, SimulatorSide, WebSide

from facegate.doors.controller import DoorController

WARM_UP, ROUNDS = 5, 100


def measure(side: FarSide) -> tuple[float, float, int]:
    """Median and 95th percentile in ms, and how many did not open."""
    controller = DoorController(side.open(), pulse_s=20)
    passed, failed = [], 0
    for number in range(WARM_UP + ROUNDS):
        began = time.perf_counter()
        opened = controller.unlock(str(number))
        if number >= WARM_UP:
            passed.append((time.perf_counter() - began) * 1e3)
            failed += not opened
    controller.close()
    side.close()
    return statistics.median(passed), statistics.quantiles(passed, n=20)[-1], failed


def main() -> None:
    """Print one line for each output."""
    load = os.getloadavg()[0]
    sys.stdout.write(f"{platform.processor() or platform.machine()}, load {load:.1f}\n")
    with tempfile.TemporaryDirectory() as folder:
        sides = {
            "simulator": SimulatorSide,
            "command": lambda: CommandSide(Path(folder)),
            "webhook": WebSide,
            "mqtt": MqttSide,
            "serial": SerialSide,
            "waveshare": lambda: SerialSide("waveshare"),
            "osdp": OsdpSide,
        }
        for name, make in sides.items():
            median, high, failed = measure(make())
            sys.stdout.write(
                f"{name:10} median {median:7.2f} ms, 95 % below {high:7.2f} ms, "
                f"{failed} of {ROUNDS} failed\n"
            )


if __name__ == "__main__":
    main()
