from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from wildact.datasets import load_dataset
from wildact.errors import RecipeError, UsageError
from wildact.recipes import load_recipe
from wildact.recognize import CONTEXT, build_recognizer, load_recognizer
from wildact.recognize.context import USUAL
from wildact.train import context, train_recipe, validation
from wildact.train.account import make_card
from wildact.train.initial import build_model
from wildact.weights import save_weights

CLIPS = {"widths": [4, 8, 8, 8], "dropout": 0.1}
SMALL = [
    "model.name=r2plus1d_narrow",
    "model.architecture={widths = [4, 8, 8, 8], dropout = 0.1, track_context = {width = 8, dropout = 0.1}}",
    "optimizer.iterations=5", "optimizer.batch_size=2", "data.size=32", "data.num_frames=8",
    "track_context.tracks_per_video=9",
]  # fmt: skip


@pytest.fixture(scope="module")
def clip_network(tiny_dataset, tmp_path_factory):
    """Weights of a clip network that looks at no tracks."""
    torch.manual_seed(0)
    recipe = load_recipe("r2plus1d_narrow", ["model.architecture={widths = [4, 8, 8, 8], dropout = 0.1}"])
    path = tmp_path_factory.mktemp("clips") / "clips.safetensors"
    model = build_recognizer("r2plus1d_narrow", len(tiny_dataset.actions), **CLIPS)
    shown = make_card(load_recipe("lite0_tsm_context", SMALL), tiny_dataset, path.name).preprocessing
    card = make_card(recipe, tiny_dataset, path.name).model_copy(update={"preprocessing": shown})
    save_weights(path, model.state_dict(), card)
    return path


@pytest.fixture(scope="module")
def drawing(tiny_dataset, clip_network):
    """Recipe, network and blocks of a training."""
    recipe = load_recipe("lite0_tsm_context", [*SMALL, f"model.initial={clip_network}"])
    model = build_model(recipe, tiny_dataset)
    card = make_card(recipe, tiny_dataset, "best.safetensors")
    blocks = context.build_blocks(tiny_dataset, recipe, recipe.track_context, model, card)
    return recipe, model, blocks


def test_moments_have_the_action_that_was_annotated_there(tiny_dataset, drawing):
    _, _, blocks = drawing
    counts = Counter()
    for video in tiny_dataset.videos:
        labels = {label.track_id: [] for label in video.actions}
        for label in video.actions:
            labels[label.track_id].append(label)
        for scored in context.score_video(video, blocks.draw.recognizer, 0.5):
            assert len(scored.moments) == len(scored.scores) == len(scored.labels)
            for moment, number in zip(scored.moments, scored.labels, strict=True):
                frame = moment * float(video.info.fps)
                true = [
                    x.action for x in labels[scored.track.track_id] if x.start_frame <= frame < x.end_frame
                ]
                expected = tiny_dataset.actions.index(true[0]) if true else context.UNKNOWN
                assert number == expected
                counts[bool(true)] += 1
    assert counts[True] > 10


def test_a_video_is_decoded_once_and_its_boxes_are_shaken_each_time(tiny_dataset, drawing, monkeypatch):
    _, _, blocks = drawing
    video = tiny_dataset.videos[0]
    first = blocks.draw(video, np.random.default_rng(0))
    monkeypatch.setattr(context, "read_frames", lambda *_: pytest.fail("decoded again"))
    same, other = (blocks.draw(video, np.random.default_rng(seed)) for seed in (0, 1))
    assert first[0][0].shape[1] == len(tiny_dataset.actions)
    assert first[0][1].shape == (len(first[0][0]), len(USUAL))
    assert all(torch.equal(a, b) for a, b in zip(first[0], same[0], strict=True))
    by_scores = {tuple(scores[0].tolist()): movement for scores, movement, _ in other}
    for scores, movement, _ in first:
        assert not torch.equal(by_scores[tuple(scores[0].tolist())], movement)


def test_the_loss_is_the_mean_over_what_is_labelled(drawing):
    recipe, model, _ = drawing
    generator = torch.Generator().manual_seed(0)
    batch = [
        (
            torch.rand(n, 6, generator=generator).softmax(1),
            torch.randn(n, len(USUAL), generator=generator),
            torch.tensor(labels),
        )
        for n, labels in ((3, [1, context.UNKNOWN, 2]), (2, [context.UNKNOWN] * 2), (1, [5]))
    ]
    model.eval()
    losses = context.compute_losses(model, batch, recipe)
    known = [
        F.cross_entropy(model.track_context(x, m)[y >= 0], y[y >= 0], label_smoothing=recipe.label_smoothing)
        * (y >= 0).sum()
        for x, m, y in (batch[0], batch[2])
    ]
    assert losses["loss_action"].item() == pytest.approx((sum(known) / 3).item(), rel=1e-5)
    nothing = context.compute_losses(model, [batch[1]], recipe)
    assert (nothing["loss_action"].item(), nothing["accuracy"].item()) == (0.0, 0.0)


def test_only_what_looks_at_tracks_is_trained_and_the_run_can_be_used(tiny_data, clip_network, tmp_path):
    longer = ["optimizer.iterations=60", "optimizer.learning_rate=0.02", "schedule.warmup_iterations=0"]
    recipe = load_recipe("lite0_tsm_context", [*SMALL, f"model.initial={clip_network}", *longer])
    card = train_recipe(
        recipe, tiny_data, tmp_path / "run", validation=tiny_data, workers=0, device="cpu", progress=False
    )
    before, after = load_recognizer(str(clip_network)), load_recognizer(str(tmp_path / "run"))
    assert before.track_context is None
    assert after.track_context is not None
    assert after.track_context.last.weight.abs().max() > 0
    after_state = after.model.state_dict()
    for key, value in before.model.state_dict().items():
        kept = value.half().float() if value.ndim > 1 else value  # as weights are stored
        torch.testing.assert_close(after_state[key], kept, rtol=0, atol=0, msg=key)
    assert {key for key in after_state if key not in before.model.state_dict()} == {
        key for key in after_state if key.startswith(CONTEXT)
    }
    untrained = validation.score_network(
        build_model(recipe, load_dataset(tiny_data)), card, load_dataset(tiny_data), "cpu"
    )
    assert card.scores["validation/accuracy"] > max(0.5, untrained["accuracy"].value)


def test_weights_with_and_without_it_begin_each_other_s_training(clip_network, tmp_path):
    both = build_recognizer("r2plus1d_narrow", 6, **CLIPS, track_context={"width": 8})
    path = tmp_path / "both.safetensors"
    save_weights(path, both.state_dict(), load_recognizer(str(clip_network)).card)
    alone = build_recognizer("r2plus1d_narrow", 6, weights=str(path), **CLIPS)
    assert not hasattr(alone, "track_context")
    again = build_recognizer("r2plus1d_narrow", 6, weights=str(path), **CLIPS, track_context={"width": 8})
    torch.testing.assert_close(again.track_context.last.bias, both.track_context.last.bias)


def test_of_several_starts_those_that_have_it_give_it(tiny_dataset, clip_network, tmp_path):
    states = []
    for name in ("one", "two"):
        both = build_recognizer("r2plus1d_narrow", 6, **CLIPS, track_context={"width": 8, "dropout": 0.1})
        torch.nn.init.normal_(both.track_context.last.weight)
        card = load_recognizer(str(clip_network)).card
        architecture = {**card.architecture, "track_context": {"width": 8, "dropout": 0.1}}
        path = tmp_path / f"{name}.safetensors"
        save_weights(path, both.state_dict(), card.model_copy(update={"architecture": architecture}))
        states.append(both.state_dict())
    starts = [str(tmp_path / "one.safetensors"), str(tmp_path / "two.safetensors"), str(clip_network)]
    recipe = load_recipe("lite0_tsm_context", [*SMALL, f"model.initial={starts}"])
    state = build_model(recipe, tiny_dataset).state_dict()
    states.append(load_recognizer(str(clip_network)).model.state_dict())
    for name, value in state.items():
        if value.is_floating_point():
            of = states[:2] if name.startswith(CONTEXT) else states
            torch.testing.assert_close(value, sum(one[name] for one in of) / len(of), msg=name)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["model.architecture={width = 128}"], "belong together"),
        (["model.initial=imagenet"], "name it in 'model.initial'"),
        (["track_context.box_noise=0.7"], "track_context.box_noise"),
    ],
)
def test_impossible_recipes_say_what_is_wrong(overrides, said):
    with pytest.raises(RecipeError, match=said):
        load_recipe("lite0_tsm_context", overrides)


def test_scores_of_other_actions_are_not_taken_for_those_of_the_data_set(tiny_dataset, clip_network):
    recipe = load_recipe("lite0_tsm_context", [*SMALL, f"model.initial={clip_network}"])
    with pytest.raises(
        UsageError, match=r"knows walking, .* has .*grooming, walking: lite0_tsm_context needs"
    ):
        build_model(recipe, replace(tiny_dataset, actions=(*tiny_dataset.actions[1:], "walking")))


def test_a_misspelt_setting_of_it_is_named():
    with pytest.raises(UsageError, match=r"r2plus1d_narrow cannot be built .*'wdth'"):
        build_recognizer("r2plus1d_narrow", 6, **CLIPS, track_context={"wdth": 8})


def test_clips_are_cut_as_the_network_was_taught_to_see_them(tiny_dataset, clip_network):
    recipe = load_recipe("lite0_tsm_context", [*SMALL, f"model.initial={clip_network}", "data.size=64"])
    with pytest.raises(
        UsageError, match=r"was trained with size 32, and lite0_tsm_context has 64: set its size"
    ):
        build_model(recipe, tiny_dataset)
