"""Contracts as people write them: TOML files and options of the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facegate.errors import ModelError
from facegate.models.contract import KEYS, MAX_TEXT_LETTERS, EncoderContract
from facegate.vision.align import CropGeometry

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MAX_CONTRACT_BYTES = 64 * 1024


def read_contract_file(path: Path) -> dict[str, Any]:
    """Read the keys of a contract file.

    Raises:
        ModelError: it cannot be read or has keys that no contract has.
    """
    try:
        if path.stat().st_size > MAX_CONTRACT_BYTES:
            raise ModelError(f"The contract {path} is too large to be one.")
        keys = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"The contract {path} cannot be read ({error.strerror}).") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ModelError(f"The contract {path} is not TOML: {error}.") from error
    unknown = sorted(set(keys) - KEYS)
    if unknown:
        raise ModelError(
            f"The contract {path} has the unknown key {unknown[0]!r}.",
            hint=f"It may have: {', '.join(sorted(KEYS))}.",
        )
    for key in ("name", "license"):
        if not isinstance(keys.get(key, ""), str):
            raise ModelError(f"The contract {path}: {key} must be a text.")
    return keys


def contract_text(name: str, license_text: str, contract: EncoderContract) -> str:
    """A contract file, for keeping beside the network."""
    content = {"name": name, "license": storable(license_text), **contract.as_dict()}
    if contract.geometry == CropGeometry.arcface(contract.size_px):
        content["template"] = "arcface"
    remark = "# How FaceGate uses this network: it gets (x - mean) * scale of pixels 0 to 255.\n"
    return remark + toml_text(content)


def draft_from_options(
    color_order: str | None, mean: str | None, scale: str | None, layout: str | None
) -> dict[str, Any]:
    """Turn command-line options into keys of a contract; numbers are `127.5` or `123,117,104`.

    Raises:
        ModelError: a number is none.
    """
    draft: dict[str, Any] = {}
    if color_order:
        draft["color_order"] = color_order
    if layout:
        draft["layout"] = layout
    for key, text in (("mean", mean), ("scale", scale)):
        if text:
            draft[key] = _numbers(key, text)
    return draft


def _numbers(key: str, text: str) -> float | list[float]:
    try:
        values = [_fraction(part) for part in text.split(",")]
    except (ValueError, ZeroDivisionError) as error:
        raise ModelError(
            f"--{key} must be a number or three with commas between, not {text!r}.",
            hint="Fractions such as 1/128 are understood.",
        ) from error
    return values[0] if len(values) == 1 else values


def _fraction(text: str) -> float:
    above, slash, below = text.partition("/")
    return float(above) / float(below) if slash else float(above)


def storable(text: str) -> str:
    """A text that any file can hold: file names may have bytes that are no characters."""
    return text.encode("utf-8", "replace").decode("utf-8")[:MAX_TEXT_LETTERS]


def toml_text(content: Mapping[str, Any]) -> str:
    """Write texts, numbers, flags, lists and tables within tables as TOML."""
    lines: list[str] = []
    tables: list[tuple[str, Mapping[str, Any]]] = []
    for key, value in content.items():
        if isinstance(value, Mapping):
            tables.append((key, value))
        else:
            lines.append(f"{key} = {_toml_value(value)}")
    for key, table in tables:
        lines += ["", f"[{key}]"]
        lines += [f"{name} = {_toml_value(value)}" for name, value in table.items()]
    return "\n".join(lines) + "\n"


def _toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # JSON's escapes are TOML's, but for the one control character that JSON lets stand.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{k} = {_toml_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml_value(one) for one in value) + "]"
    return repr(value)
