"""Train detectors and action networks from recipes, on labelled data sets."""

from wildact.train.run import train_recipe

__all__ = ["train_recipe"]
