import numpy as np
import torch

from wildact.recipes import load_recipe
from wildact.train import detection

SMALL = ["optimizer.iterations=4", "optimizer.batch_size=4", "data.width=160", "data.height=96"]
PLAIN = [
    "data.flip=0",
    "data.grayscale=0",
    "data.brightness=0",
    "data.blur=0",
    "data.noise=0",
    "data.scale=[1.0, 1.0]",
]


def recipe(*more):
    return load_recipe("maskrcnn_lite0_fpn", [*SMALL, *more])


def test_a_plain_sample_is_the_frame_with_its_truth(tiny_dataset):
    video = next(v for v in tiny_dataset.videos if v.tracks)
    samples = detection.draw_frames(
        video, np.random.default_rng(0), species=tiny_dataset.species, data=recipe(*PLAIN).data
    )
    assert len(samples) == 2
    for image, target in samples:
        assert image.shape == (3, 96, 160)
        assert image.dtype == torch.uint8
        assert len(target["boxes"]) == len(target["labels"]) == len(target["masks"])
        for box, mask, label in zip(target["boxes"], target["masks"], target["labels"], strict=True):
            rows, columns = torch.nonzero(mask, as_tuple=True)
            assert box.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            assert tiny_dataset.species[label - 1] in {track.label for track in video.tracks}


def test_what_a_visit_draws_depends_on_its_number_alone(tiny_dataset):
    one, other = (detection.build_visits(tiny_dataset, recipe()) for _ in range(2))
    assert len(one) == 4 * 4 // 2
    other[0]
    for (a, _), (b, _) in zip(one[3], other[3], strict=True):
        assert torch.equal(a, b)
    assert not all(
        a.shape == b.shape and torch.equal(a, b) for (a, _), (b, _) in zip(one[3], one[7], strict=True)
    )


def test_every_video_is_visited_once_in_a_round(tiny_dataset):
    visits = detection.build_visits(tiny_dataset, recipe())
    seen = []
    visits.draw = lambda video, rng: seen.append(video.info.path) or []
    for visit in range(4):
        visits[visit]
    assert len(set(seen)) == 4
