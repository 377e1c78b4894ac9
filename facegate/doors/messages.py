"""The one message that webhook and MQTT receivers get."""

from __future__ import annotations

import json
import secrets
from datetime import datetime, timedelta, timezone

FRESH_S = 2.0
"""An order to unlock that is older than this must not be obeyed: the visitor has gone."""


def order(action: str, door: str, pulse_s: float, reference: str, now: datetime) -> bytes:
    """Write one order.

    Args:
        action: `unlock` or `lock`.
        door: its name.
        pulse_s: seconds after which the receiver must lock by itself; 0 for `lock`.
        reference: number of the receipt; may be empty.
        now: time zone aware.

    Returns:
        UTF-8 JSON with sorted keys: action, at, door, expires_at, nonce, pulse_s, reference. A
        receiver obeys `unlock` only before expires_at, and each nonce once.
    """
    utc = now.astimezone(timezone.utc)
    body = {
        "action": action,
        "at": utc.isoformat(timespec="milliseconds"),
        "door": door,
        "expires_at": (utc + timedelta(seconds=FRESH_S)).isoformat(timespec="milliseconds"),
        "nonce": secrets.token_hex(16),
        "pulse_s": pulse_s,
        "reference": reference,
    }
    return json.dumps(body, sort_keys=True, ensure_ascii=False).encode()


def utc_now() -> datetime:
    """The system's clock; receivers on other machines compare it with theirs."""
    return datetime.now(timezone.utc)
