"""One text for one value: JSON that comes out the same wherever and whenever it is written."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Any

import numpy as np

from facegate.errors import ReceiptError

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def canonical_text(value: Any) -> str:
    """Write a value as canonical JSON: sorted keys, no spaces, ASCII only.

    Numbers with a fraction are written with the fewest digits that read back as the same 64 bits
    (which hold every float32), so they survive bit by bit, the sign of zero included. Reading the
    text and writing it again gives the same text.

    Raises:
        ReceiptError: a NaN or infinity, a key that is no text, or a type that JSON lacks.
    """
    return json.dumps(
        _plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )


def read_canonical(text: str) -> Any:
    """Read JSON that `canonical_text` wrote. Raises ValueError for anything else."""
    return json.loads(text, parse_constant=_refuse)


def storable(text: str) -> str:
    """Text that every database and file can hold.

    File names may have bytes that are no text, and PostgreSQL has no null character; both become
    the replacement character.
    """
    return _UNSTORABLE.sub("\ufffd", text)


def microseconds(at: datetime) -> int:
    """A moment as whole microseconds since 1970, UTC.

    Raises:
        ReceiptError: it has no time zone.
    """
    if at.tzinfo is None:
        raise ReceiptError("The time of a receipt needs a time zone.")
    return (at - _EPOCH) // timedelta(microseconds=1)


def moment(at_us: int) -> datetime:
    """The moment of `microseconds`. Raises ValueError beyond the years that dates have."""
    try:
        return _EPOCH + timedelta(microseconds=at_us)
    except OverflowError as error:
        raise ValueError(f"{at_us} is no moment") from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} has no place in a receipt")


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, np.generic):
        value = value.item()  # exact: every float32 is a float64
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ReceiptError(
            "A receipt cannot hold a number that is not finite; nothing was written."
        )
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise ReceiptError("The keys of a receipt's fields must be text; nothing was written.")
        return {storable(str(_value(key))): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    raise ReceiptError(f"A receipt cannot hold a {type(value).__name__}; nothing was written.")


def _value(key: Any) -> Any:
    return key.value if isinstance(key, Enum) else key
