"""Weights of networks: a card that says what they are, safe loading, and download on request."""

from wildact.weights.card import Kind, WeightCard
from wildact.weights.download import download_weights
from wildact.weights.files import (
    compute_sha256,
    load_state,
    load_state_except_head,
    load_state_of,
    load_weights,
    read_card,
    read_record,
    save_record,
    save_weights,
)
from wildact.weights.find import (
    BEST_FILE,
    BUNDLED_FOLDER,
    ListedWeights,
    cache_folder,
    find_weights,
    list_weights,
)
from wildact.weights.foreign import load_foreign_state
from wildact.weights.initial import PUBLISHED, find_initial_weights, lacks_card, load_initial_weights
from wildact.weights.known import COCO_KEPT, DOWNLOADABLE
from wildact.weights.model_card import render_model_card
from wildact.weights.slowfast_layouts import convert_slowfast_state

__all__ = [
    "BEST_FILE",
    "BUNDLED_FOLDER",
    "COCO_KEPT",
    "DOWNLOADABLE",
    "PUBLISHED",
    "Kind",
    "ListedWeights",
    "WeightCard",
    "cache_folder",
    "compute_sha256",
    "convert_slowfast_state",
    "download_weights",
    "find_initial_weights",
    "find_weights",
    "lacks_card",
    "list_weights",
    "load_foreign_state",
    "load_initial_weights",
    "load_state",
    "load_state_except_head",
    "load_state_of",
    "load_weights",
    "read_card",
    "read_record",
    "render_model_card",
    "save_record",
    "save_weights",
]
