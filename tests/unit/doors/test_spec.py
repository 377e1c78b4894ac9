from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facegate.doors.plugins import check_output
from facegate.doors.spec import DoorSpec
from facegate.errors import DoorError

GOOD = [
    "simulator:",
    "command:/bin/sh?arg={action}&arg=--for&arg={pulse_s}&timeout=1",
    "webhook:https://door.example/open?key=lobby&timeout=1.2",
    "webhook:https://door.example/open%3Fdoor=3",
    "webhook:http://localhost:8080/@door",
    "webhook:http://10.0.0.7/open?plain=yes",
    "mqtt://broker:1883/building/lobby",
    "mqtts://broker/building/lobby?user=gate&contact=building/leaf",
    "mqtt://broker/cmnd/door/POWER?on=ON&off=OFF",
    "serial:/dev/ttyUSB0",
    "serial:COM3?protocol=numato&channel=10",
    "serial:/dev/ttyUSB0?protocol=raw&on=A00101A2&off=A0 01 00 A1",
    "gpio:17?contact=22&open=low&active=low",
    "wiegand:17,27?facility=12&card=3456",
    "osdp:/dev/ttyUSB0?address=3&output=1",
]

BAD = [
    "", "simulator", "Simulator:", "nothing:", ":", "simulator: ", " simulator:", "simulator:x",
    "simulator:?x=1", "simulator:\n", "simulator:\x00", "simulator:" + "a" * 2000,
    "command:open.sh", "command:/nowhere/open.sh", "command:/etc/passwd",
    "command:/bin/sh?arg=-c&arg=echo {door}", "command:/bin/sh?arg=x{reference}",
    "command:/bin/sh?timeout=30", "command:/bin/sh?timeout=nan", "command:/bin/sh?shell=yes",
    "webhook:", "webhook:ftp://x/", "webhook:https://", "webhook:http://door.example/open",
    "webhook:https://user:pw@door.example/", "webhook:https://x/?token=abc",
    "webhook:https://x/?secret=abc", "webhook:https://x:99999/", "webhook:https://x/ y",
    "mqtt:broker/topic", "mqtt://broker", "mqtt:///topic", "mqtt://u:p@broker/topic",
    "mqtt://broker/a/#", "mqtt://broker/a/+/b", "mqtt://broker/a?on=ON", "mqtt://b/a?on=X&off=X",
    "mqtt://broker/a?password=hunter2", "mqtt://broker/a?contact=x/%23",
    "serial:", "serial:socket://host:1", "serial:/dev/x?protocol=zzz", "serial:/dev/x?channel=0",
    "serial:/dev/x?channel=9", "serial:/dev/x?protocol=raw", "serial:/dev/x?on=A0&off=A1",
    "serial:/dev/x?protocol=raw&on=A&off=A1", "serial:/dev/x?protocol=raw&on=zz&off=A1",
    "gpio:", "gpio:-1", "gpio:1.5", "gpio:１７", "gpio:17?contact=17",
    "gpio:17?contact=22&contact=23",
    "gpio:17?puls=1", "gpio:99999", "gpio:17?library=os", "gpio:17?contact",
    "wiegand:17", "wiegand:17,17?facility=1&card=1", "wiegand:17,27?facility=1",
    "wiegand:17,27?facility=256&card=1", "wiegand:17,27?facility=1&card=65536",
    "serial:/dev/%FF", "serial:/dev/x%0Ay", "gpio:17?chip=%00", "webhook:https://%40@x/",
    "osdp:", "osdp:/dev/x?address=127", "osdp:/dev/x?timeout=9",
]  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_good_texts_are_read_and_written_again(text: str) -> None:
    spec = check_output(text)
    assert DoorSpec.parse(str(spec)) == spec
    assert hash(spec) == hash(DoorSpec.parse(text))


@pytest.mark.parametrize("text", BAD)
def test_bad_texts_are_refused(text: str) -> None:
    with pytest.raises(DoorError):
        check_output(text)


@settings(deadline=None, max_examples=50)  # each looks for plugins anew
@given(st.text(max_size=60))
def test_no_text_does_anything_but_parse_or_be_refused(text: str) -> None:
    for prefix in ("", "gpio:", "serial:", "mqtt://", "webhook:https://", "wiegand:"):
        try:
            spec = check_output(prefix + text)
        except DoorError:
            continue
        assert DoorSpec.parse(str(spec)) == spec


def test_a_misspelled_option_names_those_there_are() -> None:
    with pytest.raises(DoorError) as caught:
        check_output("gpio:17?contakt=22")
    assert "contact" in caught.value.hint
