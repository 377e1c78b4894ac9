"""The policy as one TOML file that people can read, change, and keep under version control."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from facegate.domain.doors import Door
from facegate.domain.policy import Group, Person, Policy, Rule, Terms, refuse_alike
from facegate.domain.schedules import ALWAYS, Holiday, Hours, OnHolidays, Schedule, Window
from facegate.errors import PolicyError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MAX_FILE_BYTES = 4 * 1024 * 1024

HEADER = """\
# Who may pass which door, and when. PINs are not in this file.
# `facegate policy import` puts it in the place of all that is stored; people who are not named here
# are in no group and have no limits.
"""


def policy_dict(policy: Policy) -> dict[str, Any]:
    """A policy as JSON has it, and nearly as TOML has it; without PINs."""
    return {
        "revision": policy.revision,
        "doors": [door.as_dict() for door in policy.doors],
        "groups": [{"name": one.name, "members": sorted(one.members)} for one in policy.groups],
        "schedules": [
            {
                "name": one.name,
                "zone": one.zone,
                "windows": [str(window) for window in one.windows],
                "on_holidays": one.on_holidays.value,
                "holiday_hours": [str(hours) for hours in one.holiday_hours],
            }
            for one in policy.schedules
        ],
        "holidays": [
            {"name": one.name, "first": one.first, "last": one.last, "yearly": one.yearly}
            for one in policy.holidays
        ],
        "rules": [
            {"group": one.group, "door": one.door, "schedule": one.schedule} for one in policy.rules
        ],
        "people": [
            {
                "name": one.name,
                "valid_from": one.terms.valid_from,
                "valid_until": one.terms.valid_until,
                "always_pin": one.terms.always_pin,
            }
            for one in policy.people
            if replace(one.terms, has_pin=False) != Terms()
        ],
    }


def policy_text(policy: Policy) -> str:
    """A policy as a TOML file; `read_policy` gives the same one back."""
    content = policy_dict(policy)
    del content["revision"]
    lines = [HEADER]
    for table, rows in content.items():
        for row in rows:
            lines.append(f"[[{table}]]")
            lines += [f"{key} = {_toml(value)}" for key, value in row.items()]
            lines.append("")
    return "\n".join(lines)


def _toml(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    # A JSON text or number is a TOML one, but for one control character that JSON leaves as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def read_policy(text: str, people: tuple[Person, ...]) -> Policy:
    """Read and check a policy file.

    Args:
        text: TOML.
        people: everybody who is enrolled; they keep their PINs.

    Raises:
        PolicyError: it is not TOML, has unknown keys, contradicts itself or names people who are
            not enrolled. Nothing is half read.
    """
    if len(text.encode("utf-8", "replace")) > MAX_FILE_BYTES:
        raise PolicyError("The file is too large to be a policy.")
    try:
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise PolicyError(f"The policy is not TOML: {error}.") from error
    tables = {"doors", "groups", "schedules", "holidays", "rules", "people"}
    for table in sorted(set(content) - tables):
        raise PolicyError(
            f"A policy has no {table!r}.", hint=f"It has: {', '.join(sorted(tables))}."
        )
    terms = dict(_terms(content))
    for name in sorted(set(terms) - {one.name for one in people}):
        raise PolicyError(f"The file names {name!r}, who is not enrolled.")
    doors = _sorted(Door.from_dict(row) for row in _rows(content, "doors", None))
    for door in doors:
        refuse_alike(door.name, (one.name for one in doors))
    return Policy(
        doors=doors,
        groups=_sorted(_group(row) for row in _rows(content, "groups", {"name", "members"})),
        schedules=_sorted(_schedule(row) for row in _rows(content, "schedules", _SCHEDULE)),
        holidays=_sorted(_holiday(row) for row in _rows(content, "holidays", _HOLIDAY)),
        rules=tuple(_rule(row) for row in _rows(content, "rules", {"group", "door", "schedule"})),
        people=tuple(
            replace(
                one,
                terms=replace(terms.get(one.name, Terms()), has_pin=one.terms.has_pin),
            )
            for one in people
        ),
    )


_SCHEDULE = {"name", "zone", "windows", "on_holidays", "holiday_hours"}
_HOLIDAY = {"name", "first", "last", "yearly"}


def _sorted(values: Iterator[Any]) -> tuple[Any, ...]:
    return tuple(sorted(values, key=lambda one: one.name))


def _rows(
    content: Mapping[str, Any], table: str, keys: set[str] | None
) -> Iterator[dict[str, Any]]:
    rows = content.get(table, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise PolicyError(
            f"{table} must be a list of tables.", hint=f"Begin each with [[{table}]]."
        )
    for row in rows:
        for key in sorted(set(row) - keys) if keys is not None else ():
            raise PolicyError(
                f"{table} has the unknown key {key!r}.", hint=f"It may have: {_listed(keys)}."
            )
        yield row


def _listed(keys: set[str] | None) -> str:
    return ", ".join(sorted(keys or ()))


def _get(row: Mapping[str, Any], key: str, kind: type, default: Any = None) -> Any:
    value = row.get(key, default)
    if type(value) is not kind:  # a date is no datetime, and True is no number
        what = row.get("name", "an entry")
        raise PolicyError(f"{what!r}: {key} is missing or of the wrong kind.")
    return value


def _texts(row: Mapping[str, Any], key: str) -> list[str]:
    values = _get(row, key, list, [])
    if not all(isinstance(value, str) for value in values):
        raise PolicyError(f"{row.get('name')!r}: {key} must be a list of texts.")
    return list(values)


def _group(row: Mapping[str, Any]) -> Group:
    return Group(_get(row, "name", str), frozenset(_texts(row, "members")))


def _schedule(row: Mapping[str, Any]) -> Schedule:
    hours = tuple(Hours.parse(text) for text in _texts(row, "holiday_hours"))
    usual = OnHolidays.OWN_HOURS if hours else OnHolidays.CLOSED
    try:
        on_holidays = OnHolidays(row.get("on_holidays", usual.value))
    except ValueError:
        allowed = ", ".join(one.value for one in OnHolidays)
        raise PolicyError(f"on_holidays may be: {allowed}.") from None
    windows = tuple(Window.parse(text) for text in _texts(row, "windows"))
    return Schedule(_get(row, "name", str), windows, _get(row, "zone", str, ""), on_holidays, hours)


def _holiday(row: Mapping[str, Any]) -> Holiday:
    first = _get(row, "first", date)
    last = _get(row, "last", date, first)
    return Holiday(_get(row, "name", str), first, last, _get(row, "yearly", bool, False))


def _rule(row: Mapping[str, Any]) -> Rule:
    schedule = _get(row, "schedule", str, ALWAYS.name)
    return Rule(_get(row, "group", str), _get(row, "door", str), schedule)


def _terms(content: Mapping[str, Any]) -> Iterator[tuple[str, Terms]]:
    keys = {"name", "valid_from", "valid_until", "always_pin"}
    seen: set[str] = set()
    for row in _rows(content, "people", keys):
        name = _get(row, "name", str)
        if name in seen:
            raise PolicyError(f"{name!r} is there twice.")
        seen.add(name)
        yield (
            name,
            Terms(
                _get(row, "valid_from", str, ""),
                _get(row, "valid_until", str, ""),
                always_pin=_get(row, "always_pin", bool, False),
            ),
        )
