"""Signs what is sent to a door controller, and checks it there.

One header beside the body, `FaceGate-Signature: t=1767323045.123,v1=HEX`, where HEX is HMAC-SHA256
of the key over the text of t, a full stop, and the bytes of the body. t is in seconds since 1970.
A receiver recomputes it over the bytes as they came, refuses what is older than two seconds, and
obeys each nonce once: `Receiver` does all three, and needs nothing but the standard library.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections import OrderedDict
from typing import Any

from facegate.doors.messages import FRESH_S
from facegate.errors import DoorError

HEADER = "FaceGate-Signature"
LEAST_KEY_LENGTH = 16
"""Characters; a shorter key could be guessed from one message that was overheard."""

_FORM = re.compile(r"t=([0-9]{1,11}\.[0-9]{3}),v1=([0-9a-f]{64})")


def sign(key: str, body: bytes, time_s: float) -> str:
    """The value of the header for a body sent at time_s, seconds since 1970."""
    stamp = f"{time_s:.3f}"
    return f"t={stamp},v1={_digest(key, stamp, body)}"


def verify(key: str, body: bytes, header: str, now_s: float, max_age_s: float = FRESH_S) -> bool:
    """Whether a body was signed with this key, not long ago. Takes the same time for any forgery.

    Args:
        key: the shared key.
        body: the bytes as they came.
        header: the value of `FaceGate-Signature`.
        now_s: the receiver's clock, seconds since 1970.
        max_age_s: how far the two times may be apart, in either direction.
    """
    match = _FORM.fullmatch(header)
    if match is None:
        return False
    right = hmac.compare_digest(_digest(key, match[1], body), match[2])
    return right and abs(now_s - float(match[1])) <= max_age_s


def _digest(key: str, stamp: str, body: bytes) -> str:
    return hmac.new(key.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


class Receiver:
    """The other side: checks signature, age and nonce. One thread may use it at a time.

    Args:
        key: the shared key.
        max_age_s: how old an order may be.
    """

    def __init__(self, key: str, max_age_s: float = FRESH_S) -> None:
        self._key, self._max_age_s = key, max_age_s
        self._seen: OrderedDict[str, float] = OrderedDict()

    def accept(self, body: bytes, header: str, now_s: float) -> dict[str, Any]:
        """Give the order back when it may be obeyed.

        Raises:
            DoorError: the signature is wrong, it is too old, or it came before.
        """
        if not verify(self._key, body, header, now_s, self._max_age_s):
            raise DoorError("The signature is wrong or too old.")
        try:
            content = json.loads(body)
            nonce = str(content["nonce"])
        except (ValueError, KeyError, TypeError) as error:
            raise DoorError("The order cannot be read.") from error
        # Twice the age: a stamp from max_age in the future stays valid for that long.
        while self._seen and next(iter(self._seen.values())) < now_s - 2 * self._max_age_s:
            self._seen.popitem(last=False)
        if nonce in self._seen:
            raise DoorError("This order came before.")
        self._seen[nonce] = now_s
        return dict(content)
