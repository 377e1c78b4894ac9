"""Reads the recipes of all trainings."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from facegate.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

RECIPES = Path(__file__).resolve().parent / "recipes"
"""Those of the networks that ship; a card names its own."""

Recipe = TypeVar("Recipe", bound=BaseModel)


def read_recipe(kind: type[Recipe], recipe: str | Path) -> Recipe:
    """Read a recipe.

    Args:
        kind: what it must hold.
        recipe: a TOML file, or the name of one that ships.

    Raises:
        ConfigError: it cannot be read, a key is unknown or missing, or a value out of bounds.
    """
    path = Path(recipe) if str(recipe).endswith(".toml") else RECIPES / f"{recipe}.toml"
    try:
        return kind.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        known = ", ".join(sorted(one.stem for one in RECIPES.glob("*.toml")))
        raise ConfigError(
            f"There is no recipe {recipe}.", hint=f"A TOML file, or one of {known}."
        ) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"The recipe {path} cannot be read: {error}.") from error
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()
        )
        raise ConfigError(f"The recipe {path} is wrong: {wrong}.") from error
