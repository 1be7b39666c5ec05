from dataclasses import replace

import numpy as np
import pytest
import torch

from wildact.errors import UsageError
from wildact.recognize import Recognizer, build_recognizer, normalize_clips, predict_actions
from wildact.types import Clip
from wildact.weights import WeightCard

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


def make_recognizer():
    torch.manual_seed(0)
    model = build_recognizer("r2plus1d_18", 3, widths=(4, 8, 8, 8))
    card = WeightCard(
        name="r2plus1d_18",
        kind="recognizer",
        file="x.safetensors",
        licence="Apache-2.0",
        classes=("walking", "resting", "grazing"),
        preprocessing={"num_frames": 8, "rate": 4, "size": 32, "context": 1.3, "mean": MEAN, "std": STD},
        architecture={},
        trained_on="nothing",
    )
    return Recognizer.from_model(model, card)


def make_clip(track_id, start_s, seed):
    images = np.random.default_rng(seed).integers(0, 255, (8, 32, 32, 3), np.uint8)
    return Clip(track_id, start_s, start_s + 2, np.arange(8), images)


def test_normalisation_is_per_channel_and_moves_channels_first():
    clips = torch.full((2, 4, 5, 5, 3), 255, dtype=torch.uint8)
    clips[..., 1] = 0
    x = normalize_clips(clips, MEAN, STD)
    assert x.shape == (2, 3, 4, 5, 5)
    expected = [(1 - 0.4) / 0.2, (0 - 0.5) / 0.25, (1 - 0.6) / 0.3]
    assert x[0, :, 0, 0, 0].tolist() == pytest.approx(expected)


def test_scores_are_sorted_by_track_and_time_whatever_the_order_and_batch():
    recognizer = make_recognizer()
    clips = [make_clip(2, 1.0, 0), make_clip(1, 0.5, 1), make_clip(2, 0.0, 2), make_clip(1, 0.0, 3)]
    one = predict_actions(recognizer, clips, batch_size=1)
    many = predict_actions(recognizer, reversed(clips), batch_size=3)
    assert [s.track_id for s in one] == [1, 2]
    assert one[1].start_s.tolist() == [0.0, 1.0]
    for a, b in zip(one, many, strict=True):
        assert np.allclose(a.scores, b.scores, atol=1e-5)
        assert np.allclose(a.scores.sum(axis=1), 1, atol=1e-5)


def test_a_clip_and_its_mirror_image_get_the_mean_of_what_each_gets_alone():
    recognizer, clip = make_recognizer(), make_clip(1, 0.0, 5)
    mirror = replace(clip, images=np.ascontiguousarray(clip.images[:, :, ::-1]))
    alone = [predict_actions(recognizer, [c])[0].scores for c in (clip, mirror)]
    both = [predict_actions(recognizer, [c], mirrored=True)[0].scores for c in (clip, mirror)]
    assert not np.allclose(*alone, atol=1e-4)
    for scores in both:
        assert np.allclose(scores, (alone[0] + alone[1]) / 2, atol=1e-5)


def test_no_clips_no_scores():
    assert predict_actions(make_recognizer(), []) == ()


def test_unknown_recognizer_lists_the_known_ones():
    with pytest.raises(UsageError, match="mc3_18"):
        build_recognizer("transformer", 4)


@pytest.mark.parametrize(
    ("name", "parameters"), [("r3d_18", 33_371_472), ("mc3_18", 11_695_440), ("r2plus1d_18", 31_505_325)]
)
def test_video_resnets_have_the_published_number_of_parameters(name, parameters):
    with torch.device("meta"):
        model = build_recognizer(name, 400)
    assert sum(p.numel() for p in model.parameters()) == parameters


def test_narrow_network_gives_logits_for_any_length_and_size():
    model = build_recognizer("r2plus1d_18", 6, widths=(4, 8, 8, 8)).eval()
    with torch.inference_mode():
        assert model(torch.zeros(2, 3, 8, 48, 48)).shape == (2, 6)
