"""A linear probe learns to tell clips apart, from features that are computed once."""

import csv
import json

import numpy as np
import pytest
import torch

from wildact.backbones.lite0 import Lite0
from wildact.datasets import load_dataset, select_split
from wildact.errors import RecipeError
from wildact.evaluate.annotated import run_annotated
from wildact.recipes import load_recipe
from wildact.recognize import build_recognizer, load_recognizer
from wildact.train import probe, train_recipe

TINY = [
    "data.num_frames=4", "data.rate=10", "data.size=96", "optimizer.iterations=60",
    "optimizer.batch_size=8", "optimizer.learning_rate=0.001", "optimizer.validation_iterations=60",
]  # fmt: skip
ACTIONS = ("going", "staying")


def run(clips, out, *overrides, **options):
    recipe = load_recipe("lite0_probe", [*TINY, *overrides])
    return train_recipe(
        recipe, clips, out, validation=clips, workers=0, device="cpu", progress=False, **options
    )


@pytest.fixture(scope="session")
def trained(clips, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "probe"
    run(clips, out)
    return out


def accuracy_of(recognizer, clips):
    videos = select_split(load_dataset(clips), "val").videos
    counts = [
        run_annotated(video, recognizer, ACTIONS, min_height_px=0, views=1, crops=1).answers
        for video in videos
    ]
    return np.trace(sum(counts)[:, :2]) / len(videos)


def test_it_learns_what_is_not_chance_and_the_file_that_is_written_knows_it(clips, trained):
    record = json.loads((trained / "record.json").read_text())
    assert record["scores"]["accuracy"][0] >= 0.9  # of twelve clips; chance is a half
    assert record["data"]["training"]["videos"] == 12
    recognizer = load_recognizer(str(trained))
    assert recognizer.classes == ACTIONS
    assert recognizer.card.min_probability > 0
    assert accuracy_of(recognizer, clips) >= 0.9
    lines = (trained / "metrics.csv").read_text().splitlines()
    losses = [float(row["loss"]) for row in csv.DictReader(lines)]
    assert losses[-1] < 0.5 * losses[0]


def test_features_that_are_zero_teach_nothing(clips, tmp_path, monkeypatch):
    forward = Lite0.forward
    monkeypatch.setattr(Lite0, "forward", lambda self, x: {k: 0 * v for k, v in forward(self, x).items()})
    card = run(clips, tmp_path)
    assert card.scores["validation/accuracy"] == 0.5


def test_features_are_computed_once(clips, trained, tmp_path, monkeypatch):
    kept = sorted((trained / probe.FEATURES).glob("*.npy"))
    assert len(kept) == 12
    (tmp_path / probe.FEATURES).mkdir()
    for path in kept[1:]:
        (tmp_path / probe.FEATURES / path.name).write_bytes(path.read_bytes())
    (tmp_path / probe.FEATURES / kept[1].name).write_bytes(b"half a file")
    computed = []
    compute = probe._compute
    monkeypatch.setattr(
        probe, "_compute", lambda *args, **options: computed.append(1) or compute(*args, **options)
    )
    run(clips, tmp_path, "optimizer.learning_rate=0.002")
    assert len(computed) == 2  # the one that is missing and the one that is damaged


def test_a_resumed_training_ends_with_the_same_weights(clips, trained, tmp_path, monkeypatch):
    losses, calls = probe.compute_losses, []

    def stop(*args, **options):
        calls.append(1)
        if len(calls) > 40:
            raise KeyboardInterrupt
        return losses(*args, **options)

    often = "optimizer.checkpoint_iterations=20"
    monkeypatch.setattr(probe, "compute_losses", stop)
    with pytest.raises(KeyboardInterrupt):
        run(clips, tmp_path, often)
    monkeypatch.setattr(probe, "compute_losses", losses)
    run(clips, tmp_path, often)
    one, other = (load_recognizer(str(out)).model.state_dict() for out in (trained, tmp_path))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_statistics_are_of_the_whole_crop_over_time():
    model = build_recognizer("lite0_probe", 3).eval()
    torch.manual_seed(0)
    frames = torch.rand(1, 3, 3, 64, 96)
    with torch.inference_mode():
        cells = model.conv_head(model.body(frames[0].transpose(0, 1))["3"]).clamp(0, 6)
        pooled = cells.mean(dim=(2, 3))
        statistics = model.describe(frames)[0].split(1280)
        assert torch.allclose(statistics[0], pooled.mean(dim=0), atol=1e-5)
        assert torch.allclose(statistics[1], pooled.std(dim=0, correction=0), atol=1e-5)
        assert torch.allclose(statistics[2], (pooled[1:] - pooled[:-1]).abs().mean(dim=0), atol=1e-5)
        still = model.describe(frames[:, :, :1])[0].split(1280)
        assert not still[1].any()
        assert not still[2].any()
        assert torch.equal(model(frames), torch.zeros(1, 3))  # an untrained probe knows nothing


@pytest.mark.parametrize(
    ("recipe", "override", "message"),
    [
        ("lite0_tsm", "data.aspect=own", "for lite0_probe only"),
        ("lite0_probe", "model.name=r3d_18", "belongs to the network lite0_probe"),
        ("lite0_probe", "model.frozen=[]", "must hold"),
    ],
)
def test_recipes_that_make_no_sense_are_refused(recipe, override, message):
    with pytest.raises(RecipeError, match=message):
        load_recipe(recipe, [override])
