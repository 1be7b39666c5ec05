from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from wildact.recipes import load_recipe
from wildact.train import train_recipe, validation
from wildact.train.average import TailMean
from wildact.train.initial import build_model, describe_initial
from wildact.train.validation import Score
from wildact.weights import compute_sha256

TINY = [
    "model.architecture={widths = [4, 8, 8, 8], dropout = 0.1}",
    "optimizer.iterations=4", "optimizer.batch_size=4", "data.size=32", "data.num_frames=8",
]  # fmt: skip


def train(data, out, *overrides, **options):
    recipe = load_recipe("r2plus1d_narrow", [*TINY, *overrides])
    return train_recipe(recipe, data, out, workers=0, device="cpu", progress=False, **options)


def step(callback, model, value, done):
    nn.init.constant_(model.weight, value)
    model.running_mean.fill_(10 * value)
    model.num_batches_tracked.fill_(done)
    callback.on_train_batch_end(SimpleNamespace(global_step=done))


def test_the_last_iterations_count_equally_norms_with_them():
    model = nn.BatchNorm1d(2)
    mean = TailMean(model, begin=2)
    for done, value in enumerate([100.0, 100.0, 1.0, 2.0, 6.0], start=1):
        assert mean.weights is model or done > 3
        step(mean, model, value, done)
    assert mean.weights.weight.tolist() == [3.0, 3.0]
    assert mean.weights.running_mean.tolist() == [30.0, 30.0]
    assert mean.weights.num_batches_tracked.item() == 5  # a counter, of which a GPU makes no mean
    assert model.weight.tolist() == [6.0, 6.0]  # what is trained on is left alone


def test_a_mean_that_was_kept_goes_on():
    model = nn.BatchNorm1d(2)
    first, second = TailMean(model, begin=0), TailMean(model, begin=0)
    step(first, model, 1.0, 1)
    step(first, model, 2.0, 2)
    second.load_state_dict(first.state_dict())
    step(second, model, 6.0, 3)
    assert second.weights.weight.tolist() == [3.0, 3.0]
    untouched = TailMean(model, begin=5)
    untouched.load_state_dict({})
    assert untouched.weights is model
    assert untouched.state_dict() == {}


def test_training_validates_and_saves_the_mean(tiny_data, tmp_path, monkeypatch):
    trained, scored = [], []
    update = TailMean.on_train_batch_end

    def remember(self, trainer, *rest):
        trained.append({name: value.clone() for name, value in self.model.state_dict().items()})
        update(self, trainer, *rest)

    def score(model, card, dataset, device):
        scored.append({name: value.clone() for name, value in model.state_dict().items()})
        return {name: Score(len(scored) / 10, 0.0, 1.0) for name in ("accuracy", "mean_class_accuracy")}

    monkeypatch.setattr(TailMean, "on_train_batch_end", remember)
    monkeypatch.setattr(validation, "score_network", score)
    often = "optimizer.validation_iterations=1"
    train(tiny_data, tmp_path, "optimizer.averaged_iterations=3", often, validation=tiny_data)
    key = "fc.1.weight"
    expected = [
        trained[0][key], trained[1][key], (trained[1][key] + trained[2][key]) / 2,
        (trained[1][key] + trained[2][key] + trained[3][key]) / 3,
    ]  # fmt: skip
    assert not torch.allclose(trained[3][key], expected[3], atol=1e-7)
    for seen, wanted in zip(scored, expected, strict=True):
        torch.testing.assert_close(seen[key], wanted)
    for name in ("best", "last"):
        assert torch.equal(load_file(tmp_path / f"{name}.safetensors")[key], scored[3][key].half())


def test_more_than_all_iterations_are_all_of_them(tiny_data, tmp_path):
    train(tiny_data, tmp_path / "all", "optimizer.averaged_iterations=4")
    train(tiny_data, tmp_path / "more", "optimizer.averaged_iterations=100")
    states = [load_file(tmp_path / name / "best.safetensors") for name in ("all", "more")]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


@pytest.mark.parametrize("count", [2, 3])
def test_a_training_may_start_from_the_mean_of_several(count, tiny_data, tiny_dataset, tmp_path):
    runs = [str(tmp_path / str(seed)) for seed in range(count)]
    for seed, folder in enumerate(runs):
        train(tiny_data, tmp_path / folder, f"seed={seed}", "optimizer.iterations=1")
    recipe = load_recipe("r2plus1d_narrow", [*TINY, f"model.initial={runs}"])
    model = build_model(recipe, tiny_dataset)
    states = [load_file(tmp_path / folder / "best.safetensors") for folder in runs]
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, sum(state[name].float() for state in states) / count)
    described = describe_initial(recipe, model)["mean of"]
    assert [start["weights"] for start in described] == runs
    assert [start["sha256"] for start in described] == [
        compute_sha256(tmp_path / folder / "best.safetensors") for folder in runs
    ]
