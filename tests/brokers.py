"""A real MQTT broker on this machine, in a process: `python brokers.py PORT [CERTIFICATE KEY]`."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time

from certificates import Certificates


def free_port() -> int:
    """A port that nobody uses right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Broker:
    """Runs when it is made, over TLS with a certificate; `stop` is like a pulled plug."""

    def __init__(self, port: int = 0, shown: Certificates | None = None) -> None:
        self.port = port or free_port()
        files = [] if shown is None else [str(shown.server), str(shown.key)]
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(self.port), *files],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        ends = time.monotonic() + 20
        while time.monotonic() < ends:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError("the broker did not start")

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


async def serve(port: int, *files: str) -> None:
    """Take anybody's messages, for ever."""
    from amqtt.broker import Broker as AmqttBroker

    anonymous = "amqtt.plugins.authentication.AnonymousAuthPlugin"
    listener = {"type": "tcp", "bind": f"127.0.0.1:{port}"}
    if files:
        listener |= {"ssl": True, "certfile": files[0], "keyfile": files[1]}
    config = {
        "listeners": {"default": listener},
        "plugins": {anonymous: {"allow_anonymous": True}},
    }
    await AmqttBroker(config).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), *sys.argv[2:]))
