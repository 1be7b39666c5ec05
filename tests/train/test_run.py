import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from wildact.datasets import join_datasets
from wildact.detect import load_detector
from wildact.errors import DatasetError, UsageError, WeightsError, WildactError
from wildact.recipes import load_recipe
from wildact.recognize import load_recognizer
from wildact.train import recognition, train_recipe, validation
from wildact.train.initial import build_model
from wildact.train.run import load_part
from wildact.train.validation import Score
from wildact.weights import read_record

SMALL_RECOGNIZER = str(Path(__file__).parents[1] / "small_recognizer.toml")

DETECTOR = [
    "model.initial=none",
    "model.architecture={channels = 8, short_side = 96, long_side = 160, max_detections = 5}",
    "optimizer.iterations=3", "optimizer.batch_size=2", "data.width=160", "data.height=96",
]  # fmt: skip
RECOGNIZER = [
    "model.architecture={widths = [4, 8, 8, 8], dropout = 0.1}",
    "optimizer.iterations=3", "optimizer.batch_size=4", "data.size=32", "data.num_frames=8",
]  # fmt: skip


def run(name, overrides, data, out):
    return train_recipe(load_recipe(name, overrides), data, out, workers=0, device="cpu", progress=False)


def test_a_detector_is_trained_recorded_and_can_be_used(tiny_data, tmp_path):
    card = run("maskrcnn_lite0_fpn_finetune", DETECTOR, tiny_data, tmp_path / "run")
    assert card.classes == ("red deer", "wild boar", "red fox", "European hare")
    detector = load_detector(str(tmp_path / "run"))
    assert detector.card.sha256 == card.sha256
    assert detector.model.transform.min_size == (96,)
    record = json.loads((tmp_path / "run/record.json").read_text())
    assert record["recipe"]["optimizer"]["iterations"] == record["iterations"] == 3
    assert record["data"]["training"]["videos"] == 4
    assert len(record["data"]["training"]["sha256"]["annotations.json"]) == 64
    assert record["data"]["validation"] == "none"
    assert record["batch_size"] == {"total": 2, "per_device": 2, "devices": 1}
    assert 0 < record["learning_rate"]["lowest"] < record["learning_rate"]["highest"] <= 0.0005
    assert 0 < record["waiting_share"] < 1
    assert record["environment"]["cpu"]["model"]
    assert read_record(tmp_path / "run/best.safetensors") == record
    assert "| iterations | 3 |" in (tmp_path / "run/MODEL_CARD.md").read_text()
    assert list((tmp_path / "run/tensorboard").glob("events.*"))


def test_a_recognizer_is_trained_and_its_card_says_how_to_feed_it(tiny_data, tmp_path):
    run(SMALL_RECOGNIZER, RECOGNIZER, tiny_data, tmp_path / "run")
    recognizer = load_recognizer(str(tmp_path / "run"))
    assert (recognizer.num_frames, recognizer.size, recognizer.rate) == (8, 32, 7.5)
    assert recognizer.classes == ("walking", "running", "grazing", "vigilant", "resting", "grooming")


def test_several_data_sets_are_trained_on_as_one(tiny_data, tmp_path):
    other = shutil.copytree(tiny_data, tmp_path / "other")
    run(SMALL_RECOGNIZER, RECOGNIZER, [tiny_data, other], tmp_path / "run")
    training = json.loads((tmp_path / "run/record.json").read_text())["data"]["training"]
    assert training["folder"] == "tiny + other"
    assert training["videos"] == 8
    assert {f"{root.name}/annotations.json" for root in (tiny_data, other)} < set(training["sha256"])


def test_a_loss_that_is_no_number_stops_the_run_with_advice(tiny_data, tmp_path):
    wild = [
        *RECOGNIZER,
        "optimizer.learning_rate=1e30",
        "schedule.warmup_iterations=0",
        "optimizer.clip_norm=0",
    ]
    with pytest.raises(WildactError, match=r"on samples of .*\.(mp4|avi).*learning_rate"):
        run(SMALL_RECOGNIZER, wild, tiny_data, tmp_path / "run")


def test_a_gradient_that_is_no_number_stops_the_run_before_it_reaches_the_weights(
    tiny_data, tmp_path, monkeypatch
):
    def compute_losses(model, samples, recipe):
        logits = model(torch.zeros(1, 3, 8, 32, 32))
        return {"loss_action": (logits.sum() * 0).sqrt()}  # 0, and its slope is not finite

    monkeypatch.setattr(recognition, "compute_losses", compute_losses)
    with pytest.raises(WildactError, match=r"the norm of the gradients of iteration 0 is nan, on samples of"):
        run(SMALL_RECOGNIZER, RECOGNIZER, tiny_data, tmp_path)


def test_the_weights_that_do_best_on_other_videos_are_kept(tiny_data, tmp_path, monkeypatch):
    scores = iter([0.2, 0.6, 0.4])
    states = []

    def score(model, card, dataset, device):
        states.append({k: v.clone() for k, v in model.state_dict().items()})
        return {
            "accuracy": Score(0.5, float("nan"), float("nan")),
            "mean_class_accuracy": Score(next(scores), 0.1, 0.7),
        }

    monkeypatch.setattr(validation, "score_network", score)
    card = train_recipe(
        load_recipe(SMALL_RECOGNIZER, [*RECOGNIZER, "optimizer.validation_iterations=1"]),
        tiny_data, tmp_path, validation=tiny_data, workers=0, device="cpu", progress=False,
    )  # fmt: skip
    assert card.scores == {"validation/accuracy": 0.5, "validation/mean_class_accuracy": 0.6}
    best, last = (load_file(tmp_path / f"{name}.safetensors")["fc.weight"] for name in ("best", "last"))
    assert torch.equal(best, states[1]["fc.weight"].half())
    assert torch.equal(last, states[2]["fc.weight"].half())
    rows = (tmp_path / "validation.csv").read_text().split()
    assert rows == ["iteration,accuracy,mean_class_accuracy", "0,0.5,0.2", "1,0.5,0.6", "2,0.5,0.4"]
    assert read_record(tmp_path / "best.safetensors")["scores"] == {
        "iteration": 2, "accuracy": [0.5, None, None], "mean_class_accuracy": [0.6, 0.1, 0.7]
    }  # fmt: skip
    assert (
        "| validation/mean_class_accuracy | 0.600 (0.100 to 0.700) |"
        in (tmp_path / "MODEL_CARD.md").read_text()
    )


@pytest.mark.parametrize(
    ("name", "overrides", "measures"),
    [
        ("maskrcnn_lite0_fpn_finetune", DETECTOR, ["box_ap", "box_ap50", "mask_ap", "mask_ap50"]),
        (SMALL_RECOGNIZER, RECOGNIZER, ["accuracy", "mean_class_accuracy", "min_probability"]),
    ],
)
def test_a_network_is_scored_while_it_is_trained(name, overrides, measures, tiny_data, tmp_path):
    recipe = load_recipe(name, [*overrides, "optimizer.iterations=1"])
    train_recipe(recipe, tiny_data, tmp_path, validation=tiny_data, workers=0, device="cpu", progress=False)
    header, row = (tmp_path / "validation.csv").read_text().splitlines()
    assert header.split(",") == ["iteration", *measures]
    assert all(0 <= float(value) <= 1 for value in row.split(",")[1:])


def test_mixed_precision_keeps_the_weights_in_single(tiny_data, tmp_path):
    shorter = [
        "optimizer.iterations=1", "optimizer.checkpoint_iterations=1", "optimizer.precision=bf16-mixed"
    ]  # fmt: skip
    run("maskrcnn_lite0_fpn_finetune", [*DETECTOR, *shorter], tiny_data, tmp_path)
    state = torch.load(tmp_path / "last.ckpt", weights_only=True)["state_dict"]
    assert {t.dtype for t in state.values() if t.is_floating_point()} == {torch.float32}


def test_mixed_precision_is_refused_where_gradients_would_be_wrong(tiny_data, tmp_path):
    with pytest.raises(UsageError, match=r"r2plus1d_18 has 3-D .* at 32-true, or use a GPU"):
        run(SMALL_RECOGNIZER, [*RECOGNIZER, "optimizer.precision=bf16-mixed"], tiny_data, tmp_path)


def test_data_without_animals_is_refused(tmp_path):
    (tmp_path / "annotations.json").write_text(
        json.dumps({"videos": [], "annotations": [], "categories": [], "actions": []})
    )
    (tmp_path / "actions.csv").write_text("video,track_id,action,start_frame,end_frame\n")
    with pytest.raises(DatasetError, match="no labelled animal"):
        run(SMALL_RECOGNIZER, RECOGNIZER, tmp_path, tmp_path / "run")


def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(tiny_data, tmp_path, monkeypatch):
    """Stopped by a loss that is no number in the sixth iteration, then started again."""
    longer = [
        *RECOGNIZER,
        "optimizer.iterations=8", "optimizer.checkpoint_iterations=2",
    ]  # fmt: skip
    run(SMALL_RECOGNIZER, longer, tiny_data, tmp_path / "whole")

    losses = recognition.compute_losses
    calls = []

    def fail_once(model, batch, recipe):
        calls.append(batch)
        found = losses(model, batch, recipe)
        return {**found, "loss_action": found["loss_action"] * float("nan")} if len(calls) == 6 else found

    monkeypatch.setattr(recognition, "compute_losses", fail_once)
    with pytest.raises(WildactError, match="iteration 5 is nan"):
        run(SMALL_RECOGNIZER, longer, tiny_data, tmp_path / "cut")
    run(SMALL_RECOGNIZER, longer, tiny_data, tmp_path / "cut")
    assert len(calls) == 6 + 4  # the checkpoint after four iterations was the last
    rows = [(tmp_path / name / "metrics.csv").read_text() for name in ("whole", "cut")]
    assert rows[0] == rows[1]
    whole, cut = (load_file(tmp_path / name / "best.safetensors") for name in ("whole", "cut"))
    assert all(torch.equal(whole[key], cut[key]) for key in whole)


def test_a_finished_run_that_is_started_again_is_recorded_as_it_was(tiny_data, tmp_path):
    often = [*RECOGNIZER, "optimizer.checkpoint_iterations=1"]
    run(SMALL_RECOGNIZER, often, tiny_data, tmp_path)
    records = [json.loads((tmp_path / "record.json").read_text())]
    states = [load_file(tmp_path / "best.safetensors")]
    run(SMALL_RECOGNIZER, [*often[:-1], "optimizer.checkpoint_iterations=2"], tiny_data, tmp_path)
    records.append(json.loads((tmp_path / "record.json").read_text()))
    states.append(load_file(tmp_path / "best.safetensors"))
    assert records[1]["iterations"] == 3
    for key in (
        "iterations",
        "wall_s",
        "samples_per_s",
        "learning_rate",
        "initial",
        "data",
    ):
        assert records[0][key] == records[1][key], key
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_a_checkpoint_of_another_training_is_not_gone_on_from(tiny_data, tmp_path):
    often = [*RECOGNIZER, "optimizer.checkpoint_iterations=1"]
    run(SMALL_RECOGNIZER, often, tiny_data, tmp_path / "run")
    before = (tmp_path / "run/record.json").read_bytes()
    other = shutil.copytree(tiny_data, tmp_path / "other")
    with (other / "actions.csv").open("a", encoding="utf-8") as file:
        file.write("\n")
    for overrides, data, place in (
        (["optimizer.learning_rate=0.5"], tiny_data, "recipe.optimizer.learning_rate"),
        (["model.architecture.dropout=0.2"], tiny_data, "recipe.model.architecture.dropout"),
        ([], other, "labels.training"),
    ):
        with pytest.raises(
            WeightsError, match=rf"another training, with another {place}: choose another --out"
        ):
            run(SMALL_RECOGNIZER, [*often, *overrides], data, tmp_path / "run")
    with pytest.raises(WeightsError, match=r"with another .*: choose another --out"):
        run("maskrcnn_lite0_fpn_finetune", DETECTOR, tiny_data, tmp_path / "run")
    assert (tmp_path / "run/record.json").read_bytes() == before


def test_a_short_run_is_known_again(tiny_data, tmp_path):
    run(SMALL_RECOGNIZER, RECOGNIZER, tiny_data, tmp_path)
    with pytest.raises(
        WeightsError, match=r"another training, with another recipe\.optimizer\.learning_rate"
    ):
        run(SMALL_RECOGNIZER, [*RECOGNIZER, "optimizer.learning_rate=0.5"], tiny_data, tmp_path)


def test_other_tables_beside_the_labels_make_no_other_training(tiny_data, tmp_path):
    data = shutil.copytree(tiny_data, tmp_path / "data")
    run(SMALL_RECOGNIZER, RECOGNIZER, data, tmp_path / "run")
    (data / "notes.csv").write_text("what,where\n")
    run(SMALL_RECOGNIZER, RECOGNIZER, data, tmp_path / "run")


def test_an_interrupt_is_no_plain_exit(tiny_data, tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(recognition, "compute_losses", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(SMALL_RECOGNIZER, RECOGNIZER, tiny_data, tmp_path)


def test_what_validation_needs_is_said_before_the_training(tiny_data, tmp_path, caplog):
    def validate_on(other):
        train_recipe(
            load_recipe(SMALL_RECOGNIZER, RECOGNIZER), tiny_data, tmp_path / "run", validation=other,
            workers=0, device="cpu", progress=False,
        )  # fmt: skip

    other = shutil.copytree(tiny_data, tmp_path / "other")
    next((other / "videos").rglob("*.*4")).unlink()
    with pytest.raises(DatasetError, match=r"1 of 4 videos cannot be used: video .*: there is no such file"):
        validate_on(other)
    header = (tiny_data / "actions.csv").read_text(encoding="utf-8").splitlines()[0]
    (other / "actions.csv").write_text(header + "\n", encoding="utf-8")
    with pytest.raises(DatasetError, match="no animal with a labelled action"):
        validate_on(other)
    validate_on(tiny_data)
    assert "camera in two data sets" in caplog.text


@pytest.mark.parametrize(("device", "said"), [("tpu", "not on 'tpu'"), ("cuda:7", "not on 'cuda:7'")])
def test_a_device_that_no_training_runs_on_is_said_at_once(tiny_data, tmp_path, device, said):
    with pytest.raises(UsageError, match=said):
        train_recipe(load_recipe(SMALL_RECOGNIZER, RECOGNIZER), tiny_data, tmp_path / "run", device=device)
    assert not (tmp_path / "run").exists()


def test_without_a_gpu_none_can_be_asked_for(tiny_data, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="no GPU here"):
        train_recipe(load_recipe(SMALL_RECOGNIZER, RECOGNIZER), tiny_data, tmp_path / "run", device="cuda")


@pytest.mark.parametrize(
    ("name", "overrides"), [("maskrcnn_lite0_fpn_finetune", DETECTOR), (SMALL_RECOGNIZER, RECOGNIZER)]
)
def test_a_misspelt_architecture_is_named(name, overrides, tiny_dataset):
    with pytest.raises(UsageError, match=r"_(fpn|18) cannot be built .*'chanels'"):
        build_model(load_recipe(name, [*overrides, "model.architecture.chanels=64"]), tiny_dataset)


def test_a_damaged_checkpoint_is_said(tiny_data, tmp_path):
    (tmp_path / "last.ckpt").write_bytes(b"PK damaged")
    with pytest.raises(WeightsError, match="delete it to begin anew"):
        run(SMALL_RECOGNIZER, RECOGNIZER, tiny_data, tmp_path)


def test_initial_weights_of_other_classes_give_all_but_the_head(tiny_data, tiny_dataset, tmp_path, caplog):
    detector = [*DETECTOR, "optimizer.iterations=1"]
    run("maskrcnn_lite0_fpn_finetune", detector, tiny_data, tmp_path / "run")
    trained = load_file(tmp_path / "run/best.safetensors")
    start = f"model.initial={json.dumps(str(tmp_path / 'run'))}"
    two = replace(tiny_dataset, species=("red deer", "wild boar"))
    model = build_model(load_recipe("maskrcnn_lite0_fpn_finetune", [*detector, start]), two)
    assert "untrained head" in caplog.text
    for name, tensor in model.state_dict().items():
        if name.startswith("roi_heads.box_predictor."):
            assert len(tensor) in (3, 4 * 3)
        else:
            assert torch.equal(tensor, trained[name].float()), name


def test_published_weights_that_are_not_here_are_asked_for(tiny_dataset, tmp_path, monkeypatch):
    monkeypatch.setenv("WILDACT_CACHE", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match="wildact models download mc3_18"):
        build_model(load_recipe("mc3_18_schindler2021"), tiny_dataset)


def test_data_sets_are_joined_in_the_classes_of_the_recipe(tiny_data, tmp_path, monkeypatch):
    (tmp_path / "images").mkdir()
    categories = [
        {"id": 1, "name": "dog", "supercategory": "animal"},
        {"id": 2, "name": "chair", "supercategory": "other"},
    ]
    images = [
        {"id": k, "file_name": f"{k}.jpg", "width": 64, "height": 48, "split": split}
        for k, split in enumerate(("train", "val"))
    ]
    annotations = [{"id": k, "image_id": 0, "category_id": k, "bbox": [1, 1, 9, 9]} for k in (1, 2)]
    document = {"categories": categories, "images": images, "annotations": annotations}
    (tmp_path / "images" / "annotations.json").write_text(json.dumps(document))
    recipe = load_recipe("maskrcnn_lite0_fpn", ["data.classes=['animal', 'person']"])
    roots = (tiny_data, tmp_path / "images")
    joined = join_datasets([load_part(root, "train", recipe) for root in roots])
    assert joined.species == ("animal", "person")
    assert {track.label for video in joined.videos for track in video.tracks} == {"animal"}
    image = joined.videos[-1]
    assert (image.info.path.name, len(image.tracks)) == ("0.jpg", 1)
