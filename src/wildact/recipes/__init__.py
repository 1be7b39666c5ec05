"""Training recipes: one complete TOML file per experiment, checked by `schema`."""

from wildact.recipes.schema import (
    DetectionRecipe,
    Recipe,
    RecognitionRecipe,
    find_recipe,
    list_recipes,
    load_recipe,
)

__all__ = ["DetectionRecipe", "Recipe", "RecognitionRecipe", "find_recipe", "list_recipes", "load_recipe"]
