import csv
from collections import Counter
from pathlib import Path

import numpy as np
import torch

from wildact.recipes import load_recipe
from wildact.train import recognition, train_recipe
from wildact.train.recognition import action_weights, draw_clips

SMALL_RECOGNIZER = str(Path(__file__).parents[1] / "small_recognizer.toml")

SMALL = ["optimizer.iterations=4", "optimizer.batch_size=4", "data.size=32", "data.num_frames=8"]


def test_clips_have_the_form_and_the_action_at_their_middle(tiny_dataset):
    data = load_recipe(SMALL_RECOGNIZER, SMALL).data
    video = next(v for v in tiny_dataset.videos if v.actions)
    weights = action_weights(tiny_dataset.videos, balanced=True)
    samples = draw_clips(
        video, np.random.default_rng(0), actions=tiny_dataset.actions, weights=weights, data=data
    )
    assert len(samples) == 4
    for images, _ in samples:
        assert images.shape == (8, 32, 32, 3)
        assert images.dtype == torch.uint8


def test_a_clip_has_the_action_at_its_middle(told_apart, done_at):
    plain = ["clips_per_video=60", "grayscale=0", "brightness=0", "blur=0", "noise=0", "box_jitter=0.1"]
    data = load_recipe(SMALL_RECOGNIZER, [*SMALL, *(f"data.{change}" for change in plain)]).data
    (video,) = told_apart.videos
    weights = action_weights(told_apart.videos, balanced=True)
    samples = draw_clips(
        video, np.random.default_rng(0), actions=told_apart.actions, weights=weights, data=data
    )
    assert len(samples) == 60
    for images, label in samples:
        middle = images[3:5].float().mean().item()
        near = {done_at(middle + shift) for shift in (-4, 0, 4)}  # two frames earlier or later
        assert told_apart.actions[label] in near
    assert len({label for _, label in samples}) == 4


def test_balanced_weights_make_all_actions_weigh_the_same(tiny_dataset):
    weights = action_weights(tiny_dataset.videos, balanced=True)
    total = Counter()
    for video in tiny_dataset.videos:
        for label in video.actions:
            total[label.action] += weights[label.action] * (label.end_frame - label.start_frame)
    assert max(total.values()) - min(total.values()) < 1e-6 * max(total.values())
    assert set(action_weights(tiny_dataset.videos, balanced=False).values()) == {1.0}


def test_the_network_sees_what_inference_shows_it(tiny_dataset):
    """Loss of a batch equals cross entropy of the normalised clips, computed here by hand."""
    recipe = load_recipe(SMALL_RECOGNIZER, [*SMALL, "label_smoothing=0"])
    batch = recognition.build_blocks(tiny_dataset, recipe)[0][0]
    model = torch.nn.Sequential(torch.nn.AdaptiveAvgPool3d(1), torch.nn.Flatten(), torch.nn.Linear(3, 6))
    losses = recognition.compute_losses(model, batch, recipe)
    x = torch.stack([images for images, _ in batch]).float().permute(0, 4, 1, 2, 3) / 255
    mean, std = (torch.tensor(v).view(1, 3, 1, 1, 1) for v in (recipe.data.mean, recipe.data.std))
    logits = model((x - mean) / std)
    labels = torch.tensor([label for _, label in batch])
    expected = -logits.log_softmax(1)[torch.arange(len(labels)), labels].mean()
    assert torch.allclose(losses["loss_action"], expected, atol=1e-5)


def test_an_action_network_learns(clips, tmp_path):
    """What is in a clip list is told apart after some iterations, and the loss falls."""
    recipe = load_recipe(SMALL_RECOGNIZER, [
        "model.architecture={widths = [8, 8, 16, 16]}", "optimizer.iterations=60", "optimizer.batch_size=8",
        "optimizer.learning_rate=0.01", "schedule.warmup_iterations=0", "data.clips_per_video=2",
        "data.num_frames=4", "data.rate=10", "data.size=32", "data.context=1.0", "data.flip=0",
        "data.box_jitter=0", "data.brightness=0", "data.noise=0", "data.blur=0",
    ])  # fmt: skip
    train_recipe(recipe, clips, tmp_path, workers=0, device="cpu", progress=False)
    losses = [
        float(row["loss"]) for row in csv.DictReader((tmp_path / "metrics.csv").read_text().splitlines())
    ]
    assert losses[-1] < 0.6 * losses[0]
