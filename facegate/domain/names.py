"""Names of doors, groups, schedules and holidays, and those that somebody may have meant."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches

from facegate.errors import PolicyError

MAX_POLICY_NAME = 60
MAX_COMPARED = 20_000
"""More names than these are not searched for near ones; that takes about a second."""


def near_names(name: str, known: Iterable[str]) -> list[str]:
    """Up to three names that somebody may have meant; another case, or a slip of the finger.

    A first name finds the people who have it as one of their names' words.
    """
    wanted = name.casefold()
    by_fold: dict[str, str] = {}
    for one in known:
        by_fold.setdefault(one.casefold(), one)
        if len(by_fold) == MAX_COMPARED:
            break
    words = [fold for fold in by_fold if wanted in fold.split()]
    slips = get_close_matches(wanted, by_fold, n=3, cutoff=0.75)
    return [by_fold[fold] for fold in dict.fromkeys([*slips, *words])][:3]


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
