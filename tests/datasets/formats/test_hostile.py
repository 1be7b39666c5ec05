"""Whatever stands in a file of labels, reading it raises nothing but DatasetError, with one sentence."""

import json
import random
from copy import deepcopy
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wildact.datasets.dataset import Dataset
from wildact.datasets.formats.facts import Facts
from wildact.datasets.formats.table import FORMATS
from wildact.errors import DatasetError
from wildact.labels import ActionLabel, LabelledVideo
from wildact.masks import encode_mask, mask_to_box
from wildact.types import Track, VideoInfo

VALUES = (
    None, True, -1, 0, 1, 2**31, 10**30, 1e300, -0.5, "", "x", "1", "../x", "\x00", "ä", [], [1], {},
    [[1, 2, 3, 4, 5, 6]], {"size": [12, 16], "counts": "zz"}, {"size": [1e9, 1e9], "counts": [1]},
)  # fmt: skip
FACTS = Facts(size=(16, 12))


def dataset():
    bitmap = np.zeros((12, 16), bool)
    bitmap[2:9, 3:8] = True
    rle = encode_mask(bitmap)
    frames = np.array([0, 1, 4])
    boxes = np.stack([mask_to_box(rle)] * 3)
    track = Track(1, "fox", 1.0, frames, boxes, np.ones(3, np.float32), (rle, rle, rle))
    info = VideoInfo(Path("/d/a.mp4"), 16, 12, Fraction(25), 6, None, "unknown")
    actions = (ActionLabel(1, "dig", 0, 2),)
    video = LabelledVideo(info, "s", "c", "day", (track,), actions, "2024-01-01T00:00:00")
    return Dataset(Path("/d"), ("fox",), ("dig",), (video,), {})


def nodes(value, path=()):
    """Paths to all parts of a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        yield from nodes(part, (*path, key))


def put(document, path, value):
    if not path:
        return value
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return document


def read(name, path):
    format_ = FORMATS[name]
    try:
        format_.read(path, FACTS) if format_.takes_facts else format_.read(path)
    except DatasetError as error:
        assert "\n" not in str(error)  # noqa: PT017  # that nothing else is raised is what is tested


@pytest.mark.parametrize("name", ["coco", "coco-vid", "youtube-vis", "label-studio", "boris", "megadetector"])
@given(seed=st.integers(0, 10**9))
@settings(max_examples=60, deadline=None)
def test_of_json(tmp_path_factory, name, seed):
    rng, path = random.Random(seed), tmp_path_factory.getbasetemp() / f"{name}.json"
    FORMATS[name].write(dataset(), path)
    document = json.loads(path.read_text(encoding="utf-8"))
    for _ in range(rng.randint(1, 2)):
        document = put(document, rng.choice(list(nodes(document))), deepcopy(rng.choice(VALUES)))
    path.write_text(json.dumps(document), encoding="utf-8")
    read(name, path)


@pytest.mark.parametrize("name", ["cvat", "mot", "mots", "native"])
@given(seed=st.integers(0, 10**9))
@settings(max_examples=60, deadline=None)
def test_of_folders(tmp_path_factory, name, seed):
    rng, folder = random.Random(seed), tmp_path_factory.getbasetemp() / f"hostile-{name}"
    FORMATS[name].write(dataset(), folder)
    file = rng.choice(sorted(path for path in folder.rglob("*") if path.is_file()))
    content = bytearray(file.read_bytes())
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(content) + 1)
        noise = rng.choice(
            [b"", b"9", b"-", b"99999999999", b"nan", b"\xff", b"\x00", b",", b" ", b"\n", b"<", b'"']
        )
        content[place : place + rng.randint(0, 4)] = noise
    file.write_bytes(content)
    read(name, folder)
