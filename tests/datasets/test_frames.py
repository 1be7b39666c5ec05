"""What is to be found on a frame where only some animals have masks."""

from dataclasses import replace

import numpy as np

from wildact.datasets import mask_truth_at
from wildact.masks import decode_mask


def test_animals_without_a_mask_are_ignored_where_others_have_one(good):
    masked, other = good.videos[0].tracks
    bare = replace(other, masks=(None,) * len(other), boxes=other.boxes + np.float32([0.5, 0, 20, 0]))
    truth, ignored = mask_truth_at((masked, bare), 3, good.species, (48, 32))
    assert ignored.tolist() == [False, True]
    filled = np.zeros((32, 48), bool)
    filled[8:24, 10:48] = True
    assert (decode_mask(truth.masks[1]) == filled).all()
    assert truth.masks[0] == masked.masks[3]
    assert mask_truth_at((bare,), 3, good.species, (48, 32)) is None
    blank, _ = mask_truth_at((), 3, good.species, (48, 32))
    assert (len(blank), blank.masks) == (0, ())
