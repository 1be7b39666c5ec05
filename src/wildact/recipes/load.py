"""Find and read recipes."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from wildact.errors import RecipeError, UsageError
from wildact.recipes.schema import AnyRecipe, Recipe

FOLDER = Path(__file__).parent
_ADAPTER: TypeAdapter[AnyRecipe] = TypeAdapter(Recipe)


def list_recipes() -> list[str]:
    """Names of the recipes in the package."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def find_recipe(name_or_path: str) -> Path:
    """The file of one of `list_recipes`, or the TOML file that is named.

    Raises:
        UsageError: if there is no such recipe.
    """
    if name_or_path in list_recipes():
        return FOLDER / f"{name_or_path}.toml"
    path = Path(name_or_path)
    if not path.is_file():
        raise UsageError(f"there is no recipe '{name_or_path}'; there are: {', '.join(list_recipes())}.")
    return path


def load_recipe(name_or_path: str, overrides: Sequence[str] = ()) -> AnyRecipe:
    """Read a recipe and check every key.

    Args:
        name_or_path: one of `list_recipes`, or a TOML file.
        overrides: ``optimizer.learning_rate=0.001`` and the like; the value is TOML. ``optimizer.epochs=``
            takes a key out, e.g. to give ``optimizer.iterations`` in its place.

    Raises:
        UsageError: if there is no such recipe.
        RecipeError: naming the key that is unknown, missing or impossible.
    """
    path = find_recipe(name_or_path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not TOML: {error}.") from error
    for override in overrides:
        _override(content, override)
    try:
        return _ADAPTER.validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"][1:])
        raise RecipeError(f"{path}: {key or 'kind'}: {first['msg']} (got {first['input']!r}).") from error


def _override(content: dict[str, Any], override: str) -> None:
    """Set ``a.b=value`` in the recipe; a value that is no TOML is taken as text, and none removes the key."""
    key, separator, text = override.partition("=")
    if not separator:
        raise UsageError(f"'{override}' is not of the form key=value.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *tables, last = key.strip().split(".")
    table: Any = content
    for name in tables:
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            raise RecipeError(f"'{key}' is not a key of this recipe.")
    if text.strip():
        table[last] = value
    else:
        table.pop(last, None)
