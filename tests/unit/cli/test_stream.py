"""A reader that stops reading must not be able to stop a door."""

from __future__ import annotations

import itertools
import json
import os
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from facegate.cli.stream import LineWriter, queued_output


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    yield read, write
    os.close(write)
    os.close(read)


def drained(read: int, until: bytes) -> bytes:
    data = b""
    while until not in data:
        data += os.read(read, 1 << 16)
    return data


def numbered(number: int, pad: str = "x" * 1000) -> object:
    return lambda dropped: json.dumps({"n": number, "dropped": dropped, "pad": pad}) + "\n"


def test_nobody_waits_for_a_pipe_that_nobody_reads(pipe: tuple[int, int]) -> None:
    read, write = pipe
    writer = LineWriter(write, limit=50)
    began = time.monotonic()
    for number in range(5000):  # far more than a pipe and the queue hold
        writer.put(numbered(number))
    assert time.monotonic() - began < 1.0
    assert writer.close(timeout_s=0.05) is False
    lines = [json.loads(line) for line in drained(read, b'"n": 4999').splitlines() if line]
    numbers = [one["n"] for one in lines]
    assert numbers == sorted(numbers)
    lost = sum(one["dropped"] for one in lines)
    assert lost == 5000 - len(numbers), "every lost line is counted, once"
    gaps = [b - a - 1 for a, b in itertools.pairwise(numbers)]
    assert gaps == [one["dropped"] for one in lines[1:]], "and just where it is missing"
    assert writer.close()


def test_lines_come_in_order_and_whole_when_they_are_read(pipe: tuple[int, int]) -> None:
    read, write = pipe
    writer = LineWriter(write)
    for number in range(200):
        writer.put(numbered(number, "ü"))
    lines = drained(read, b'"n": 199').splitlines()
    assert [json.loads(line)["n"] for line in lines] == list(range(200))
    assert writer.close()
    assert writer.dropped == 0


def test_a_reader_that_went_away_stops_nothing() -> None:
    read, write = os.pipe()
    os.close(read)
    writer = LineWriter(write)
    for number in range(100):
        writer.put(numbered(number))
    assert writer.close()
    os.close(write)


def test_everything_printed_meanwhile_is_queued(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    read, write = pipe
    with os.fdopen(os.dup(write), "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        monkeypatch.setattr(sys, "stderr", stream)
        done = threading.Event()

        def print_much() -> None:
            with queued_output() as output:
                for number in range(3000):
                    sys.stdout.write(f"word {number} {'x' * 500}\n")
                    sys.stderr.write(f"error {number}\n")
                output.put(lambda dropped: "the last\n")
            done.set()

        thread = threading.Thread(target=print_much, daemon=True)
        thread.start()
        assert done.wait(10), "leaving waits a moment, and no longer"
        assert sys.stdout is stream
        text = drained(read, b"the last").decode()
        assert "lines were not shown" in text
        thread.join()
