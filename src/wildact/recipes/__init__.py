"""Training recipes: one complete TOML file per experiment, checked by `schema`."""

from wildact.recipes.load import find_recipe, list_recipes, load_recipe
from wildact.recipes.schema import (
    AnyRecipe,
    DetectionRecipe,
    NamerData,
    NamerRecipe,
    Recipe,
    RecognitionRecipe,
)

__all__ = [
    "AnyRecipe",
    "DetectionRecipe",
    "NamerData",
    "NamerRecipe",
    "Recipe",
    "RecognitionRecipe",
    "find_recipe",
    "list_recipes",
    "load_recipe",
]
