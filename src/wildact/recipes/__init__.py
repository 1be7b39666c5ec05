"""Training recipes: one complete TOML file per experiment, checked by `schema`."""

from wildact.recipes.schema import (
    AnyRecipe,
    DetectionRecipe,
    NamerData,
    NamerRecipe,
    Recipe,
    RecognitionRecipe,
    find_recipe,
    list_recipes,
    load_recipe,
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
