import numpy as np
import pytest
import torch

from wildact.errors import UsageError, WeightsError
from wildact.species import NamerNetwork, build_namer, load_namer, sum_outputs
from wildact.weights import find_weights, load_weights, save_weights

CROPS = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)


def test_probabilities_sum_to_one(tiny_namer):
    logs = load_namer(str(tiny_namer)).predict(CROPS)
    assert logs.shape == (3, 4)
    assert np.exp(logs).sum(axis=1) == pytest.approx(1)


def test_the_model_s_own_call_is_what_counts(tiny_namer):
    namer = load_namer(str(tiny_namer))
    images = (torch.from_numpy(CROPS).permute(0, 3, 1, 2) / 255 - 0.5) / 0.5
    with torch.inference_mode():
        assert np.allclose(namer.model(images).numpy(), namer.predict(CROPS), atol=1e-4)


def test_outputs_of_one_class_add_up():
    logs = torch.log(torch.tensor([[0.5, 0.2, 0.3]]))
    summed = sum_outputs(logs, torch.tensor([0, 0, 1]), 2).exp()
    assert summed[0].tolist() == pytest.approx([0.7, 0.3])
    network = NamerNetwork([2, 1]).eval()
    assert network(torch.zeros(1, 3, 32, 32)).exp().sum().item() == pytest.approx(1)


def test_a_sure_network_names_the_species_and_a_torn_one_the_family(tiny_namer):
    namer = load_namer(str(tiny_namer))
    assert namer.decide(np.log([[0.9, 0.05, 0.03, 0.02]])).name == "red deer"
    name = namer.decide(np.log([[0.5, 0.45, 0.03, 0.02]]))
    assert (name.name, name.rank, name.scientific_name) == ("deer", "family", "Cervidae")
    assert name.score == pytest.approx(0.95)


def test_a_species_list_leaves_what_lives_there(tiny_namer, tmp_path):
    listed = tmp_path / "list.txt"
    listed.write_text("roe deer\nred fox\n")
    namer = load_namer(str(tiny_namer), species_list=listed)
    assert namer.decide(np.log([[0.05, 0.9, 0.03, 0.02]])).name == "roe deer"
    unsure = namer.decide(np.log([[0.5, 0.45, 0.03, 0.02]]))  # of the red deer only the group stays
    assert (unsure.name, unsure.score) == ("deer", pytest.approx(0.95))


@pytest.mark.parametrize("crops", [CROPS[:, :16], CROPS[0], CROPS.astype(np.float32)])
def test_other_pictures_are_refused(tiny_namer, crops):
    with pytest.raises(UsageError, match=r"crops must be \(K, 32, 32, 3\) uint8"):
        load_namer(str(tiny_namer)).predict(crops)


def test_unknown_networks_and_classes_are_refused(tiny_namer, tmp_path):
    with pytest.raises(UsageError, match="no namer 'x'"):
        build_namer("x", 2)
    state, card = load_weights(*find_weights(str(tiny_namer), "namer"))
    path = tmp_path / "odd.safetensors"
    save_weights(path, state, card.model_copy(update={"classes": ("red deer", "unicorn", "cat", "dog")}))
    with pytest.raises(WeightsError, match="'unicorn'"):
        load_namer(str(path))
