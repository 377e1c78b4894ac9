"""Names of doors, groups, schedules and holidays."""

from __future__ import annotations

import unicodedata

from facegate.errors import PolicyError

MAX_POLICY_NAME = 60


def policy_name(name: str, what: str) -> str:
    """Check a name: printable, no spaces around it, at most MAX_POLICY_NAME characters.

    Args:
        name: as it was typed.
        what: what is named, for the message.

    Returns:
        The name in Unicode's composed form (NFC), so that it is found however it is typed.

    Raises:
        PolicyError: it cannot be used.
    """
    composed = unicodedata.normalize("NFC", name)
    if not composed or composed != composed.strip() or not composed.isprintable():
        raise PolicyError(f"{name!r} cannot be the name of a {what}.")
    if len(composed) > MAX_POLICY_NAME:
        raise PolicyError(f"The name of a {what} has at most {MAX_POLICY_NAME} characters.")
    return composed
