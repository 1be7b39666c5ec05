from wildact.weights import WeightCard, read_record, render_model_card, save_record, save_weights

CARD = WeightCard(
    name="lite0_tsm", kind="recognizer", file="best.safetensors", licence="CC0", classes=("walks", "a|b"),
    preprocessing={"size": 96}, architecture={}, trained_on="ten clips", scores={"validation/accuracy": 0.75},
)  # fmt: skip


def test_what_was_not_recorded_is_said_so():
    text = render_model_card(CARD, None)
    assert "# lite0_tsm (recognizer)" in text
    assert "| processor | not recorded |" in text
    assert "| validation/accuracy | 0.750 |" in text
    assert "walks, a\\|b" in text


def test_what_was_recorded_stands_in_its_place():
    record = {
        "environment": {"cpu": {"model": "Some CPU", "cores": 2}, "gpus": "none"},
        "batch_size": {"total": 8, "per_device": 4, "devices": 2},
        "data": {
            "training": {"videos": 3, "sites": 2, "cameras": 2, "tracks": {"fox": 4}},
            "validation": "none",
        },
        "recipe": {"seed": 1, "optimizer": {"name": "sgd", "clip_norm": 0}},
        "scores": {"iteration": 40, "accuracy": 0.75},
    }
    text = render_model_card(CARD, record)
    assert "| processor | model Some CPU, cores 2 |" in text
    assert "| GPUs | none |" in text
    assert "| batch size | total 8, per_device 4, devices 2 |" in text
    assert "| videos, sites, cameras | 3, 2, 2 |" in text
    assert "| optimizer.clip_norm | 0 |" in text
    assert "| iteration of these weights | 40 |" in text
    assert "|  | none |" in text.split("## Validation data")[1].split("##")[0]


def test_a_weights_file_carries_its_record(tmp_path):
    import torch

    path = tmp_path / "best.safetensors"
    save_weights(path, {"fc.weight": torch.ones(2, 3)}, CARD)
    assert read_record(path) is None
    card = save_record(path, {"seed": 3, "note": "Übung"})
    assert read_record(path) == {"seed": 3, "note": "Übung"}
    assert card.classes == CARD.classes
    assert len(card.sha256) == 64
