"""Shows any result that `facegate eval … --json` prints, also of kinds that are not known yet.

A rate in it (a table with counts and an interval) becomes a row with all its figures; groups of
equal make become rows of one table; everything else is shown as names and values.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from facegate.report.content import Block, Facts, Note, Prose, Section, Table
from facegate.report.words import UNKNOWN, count, one_line, share, target

MOST_ROWS = 1000
MOST_COLUMNS = 12
MOST_LEVELS = 12
"""Deeper tables are shown as JSON."""

_REMARKS = ("warnings", "notes", "remarks", "limits", "note", "warning")
_RATE_KEYS = {"value", "count", "of", "interval_95", "errors", "trials", "low", "high"}
_ABBREVIATIONS = frozenset(
    ["apcer", "auc", "bpcer", "eer", "f1", "fmr", "fnir", "fnmr", "fpir", "fta", "tau", "tmr"]
)
_KINDS = (
    ("rank_1", "Identification"),
    ("comparisons", "Groups of people"),
    ("tmr_at_fmr", "Verification"),
    ("stages", "Speed"),
)
"""Keys that tell what a document is about."""

_RANGES = re.compile(r"interval|quartiles|range")
_RATE_COLUMNS = ("rate", "value", "count", "95 % interval")


@dataclass(frozen=True, slots=True)
class ShownRate:
    """A rate as a document has it; counts that are means of several draws need not be whole."""

    errors: float
    trials: float
    low: float
    high: float

    @property
    def value(self) -> float:
        """The rate as a fraction; NaN when there were no trials."""
        return self.errors / self.trials if self.trials else math.nan

    @property
    def counts(self) -> str:
        """`170 of 2,994`, or `0.4 of 26`."""
        return f"{_amount(self.errors) if self.errors else 'none'} of {_amount(self.trials)}"

    @property
    def interval(self) -> str:
        """`4.88 % to 6.57 %`."""
        return f"{share(self.low)} to {share(self.high)}"


def results_section(value: Any, title: str) -> Section:
    """Show one JSON document.

    Args:
        value: as `json.loads` gives it.
        title: of the section, with the kind of result before it where it is known; unless the
            document has a text under `title`.
    """
    if isinstance(value, Mapping) and isinstance(value.get("title"), str):
        title = one_line(value["title"]) or title
        value = {key: one for key, one in value.items() if key != "title"}
    elif isinstance(value, Mapping):
        kind = next((words for key, words in _KINDS if key in value), "Results")
        title = f"{kind} ({title})"
    return Section(title, "", tuple(_blocks(value, "", 0)))


def as_rate(value: Any) -> ShownRate | None:
    """Read a rate in either of its two forms; None when it is something else.

    The forms are `{count, of, interval_95: [low, high]}` and `{errors, trials, low, high}`; what
    else they hold does not matter.
    """
    if not isinstance(value, Mapping):
        return None
    errors, trials = value.get("count", value.get("errors")), value.get("of", value.get("trials"))
    ends = value.get("interval_95", [value.get("low"), value.get("high")])
    if not (isinstance(ends, list | tuple) and len(ends) == 2):
        return None
    if not (_number(errors) and _number(trials) and all(map(_number, ends))):
        return None
    if not 0 <= errors <= trials:
        return None
    return ShownRate(errors, trials, float(ends[0]), float(ends[1]))


def words(key: object) -> str:
    """A key as a heading: `fnir_at_tau` is `FNIR at τ`, and `1e-03` is `0.1 %`."""
    text = str(key).replace("interval_95", "95_%_interval")
    if re.fullmatch(r"[1-9](\.\d+)?e-\d{1,2}", text):
        return target(float(text))
    if not re.fullmatch(r"[a-z0-9]+(_[a-z0-9%]+)*", text):
        return text
    parts = (part.upper() if part in _ABBREVIATIONS else part for part in text.split("_"))
    return " ".join("τ" if part == "TAU" else part for part in parts)


def _blocks(value: Any, title: str, level: int) -> list[Block]:
    if level > MOST_LEVELS:
        return [Facts(((title or "value", json.dumps(value, ensure_ascii=False)[:2000]),))]
    if isinstance(value, Mapping):
        return _from_table(value, title, level)
    if isinstance(value, list | tuple):
        return _from_list(value, title, level)
    return [Facts((("value", _scalar(value)),), title)]


def _from_table(table: Mapping[str, Any], title: str, level: int) -> list[Block]:
    rates: list[tuple[str, ...]] = []
    facts: list[tuple[str, str]] = []
    remarks: list[Block] = []
    deeper: list[Block] = []
    for key, value in table.items():
        name = words(key)
        if (found := as_rate(value)) is not None:
            rates.append(_rate_row(name, found, value))
        elif isinstance(value, Mapping) and value and all(as_rate(one) for one in value.values()):
            for inner, one in value.items():
                found = as_rate(one)
                assert found is not None  # noqa: S101 -- for mypy: all of them are rates
                rates.append(_rate_row(_joined(name, words(inner)), found, one))
        elif key in _REMARKS and (texts := _texts(value)):
            remarks += [Note(text) for text in texts]
        elif _plain(value):
            facts.append((name, _cell(value, str(key), table)))
        elif isinstance(value, Mapping) and _alike(list(value.values())):
            rows = [{"group": words(inner), **one} for inner, one in value.items()]
            deeper += _from_list(rows, _titled(title, name), level + 1)
        else:
            deeper += _blocks(value, _titled(title, name), level + 1)
    found_blocks: list[Block] = []
    if rates:
        found_blocks += _limited(_RATE_COLUMNS, rates, frozenset({1, 2, 3}), title)
    if facts:
        found_blocks.append(Facts(tuple(facts), "" if rates else title))
    return found_blocks + deeper + remarks


def _from_list(items: Sequence[Any], title: str, level: int) -> list[Block]:
    if not items:
        return [Facts((("entries", "none"),), title)]
    if not all(isinstance(one, Mapping) for one in items):
        return _one_by_one(
            items, [f"{number}" for number in range(1, len(items) + 1)], title, level
        )
    keys = list(dict.fromkeys(key for one in items for key in one))
    flat = [key for key in keys if all(_flat(one.get(key)) for one in items)][:MOST_COLUMNS]
    blocks: list[Block] = []
    if flat:
        rows = [
            tuple(_cell(one[key], key, one) if key in one else "" for key in flat) for one in items
        ]
        numeric = frozenset(
            place
            for place, key in enumerate(flat)
            if place and _numeric([one[key] for one in items if one.get(key) is not None])
        )
        blocks += _limited([words(key) for key in flat], rows, numeric, title)
    deeper = [{key: value for key, value in one.items() if key not in flat} for one in items]
    if any(deeper):
        names = [_name(one, number, flat) for number, one in enumerate(items, 1)]
        blocks += _one_by_one(deeper, names, title, level)
    return blocks


def _one_by_one(items: Sequence[Any], names: Sequence[str], title: str, level: int) -> list[Block]:
    blocks: list[Block] = []
    for one, name in zip(items[:MOST_ROWS], names, strict=False):
        blocks += _blocks(one, _titled(title, name), level + 1)
    return blocks + _rest(len(items))


def _name(item: Mapping[str, Any], number: int, flat: Sequence[str]) -> str:
    """An entry's name: its first texts, such as `race, FMR`, else a value, else its number."""
    texts = [one_line(item[key]) for key in flat if isinstance(item.get(key), str)]
    if any(texts):
        return ", ".join(text for text in texts[:3] if text)
    if flat and _plain(item.get(flat[0])):
        return f"{words(flat[0])} {_cell(item[flat[0]], flat[0], item)}"
    return str(number)


def _limited(
    columns: Sequence[str], rows: Sequence[tuple[str, ...]], numeric: frozenset[int], title: str
) -> list[Block]:
    shown = Table(tuple(columns), tuple(rows[:MOST_ROWS]), numeric, title)
    return [shown, *_rest(len(rows))]


def _rest(number: int) -> list[Block]:
    return [Prose(f"… and {count(number - MOST_ROWS)} more.")] if number > MOST_ROWS else []


def _rate_row(name: str, found: ShownRate, value: Mapping[str, Any]) -> tuple[str, ...]:
    beside = _beside(value)
    name = f"{name} ({beside})" if beside else name
    return (name, share(found.value), found.counts, found.interval)


def _beside(value: Mapping[str, Any]) -> str:
    """What a rate holds besides its own figures."""
    return "; ".join(
        f"{words(key)} {_cell(one, key, {'rate': value})}"
        for key, one in value.items()
        if key not in _RATE_KEYS
    )


def _alike(values: Sequence[Any]) -> bool:
    """Whether these are two or more groups that share some entry."""
    return (
        len(values) > 1
        and all(isinstance(one, Mapping) and one and as_rate(one) is None for one in values)
        and bool(set.intersection(*(set(one) for one in values)))
        and "group" not in {key for one in values for key in one}
    )


def _flat(value: Any) -> bool:
    """Whether it fits into a cell."""
    return as_rate(value) is not None or _plain(value)


def _cell(value: Any, key: str, beside: Mapping[str, Any]) -> str:
    """A value in a cell; `beside` is the table it stands in, which tells intervals of rates."""
    found = as_rate(value)
    if found is not None:
        more = _beside(value)
        lines = [
            share(found.value),
            f"{found.counts}; {found.interval}",
            *([more] if more else []),
        ]
        return "\n".join(lines)
    if isinstance(value, list | tuple):
        is_range = len(value) == 2 and all(map(_number, value)) and _RANGES.search(key) is not None
        if not is_range:
            return "; ".join(_scalar(one) for one in value) or "none"
        of_rates = max(value) <= 1 and any(as_rate(one) for one in beside.values())
        return " to ".join((share if of_rates else _scalar)(one) for one in value)
    return _scalar(value)


def _scalar(value: Any) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return count(value)
    return f"{value:.6g}" if isinstance(value, float) else one_line(value)


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [one_line(value)] if value.strip() else []
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return [one_line(one) for one in value]
    return []


def _plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return len(value) <= MOST_COLUMNS and not any(
            isinstance(one, Mapping | list | tuple) for one in value
        )
    return not isinstance(value, Mapping)


def _numeric(values: Sequence[Any]) -> bool:
    return bool(values) and all(as_rate(one) or _number(one) for one in values)


def _titled(title: str, name: str) -> str:
    return f"{title}, {name}" if title else name[:1].upper() + name[1:]


def _joined(name: str, inner: str) -> str:
    return f"{name} {inner}" if name.endswith(("FMR", "FPIR", "at")) else f"{name}: {inner}"


def _amount(number: float) -> str:
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:,.1f}"


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
