import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wildact.errors import UsageError
from wildact.species import fuse_crops, read_species_list, roll_up, select_classes, sum_up_tree
from wildact.taxonomy import load_taxonomy

TAXONOMY = load_taxonomy()
CLASSES = ("black swan", "goose", "bird", "red deer", "roe deer", "wild boar", "domestic dog", "grey wolf")

weights = st.lists(st.floats(0.001, 1.0), min_size=len(CLASSES), max_size=len(CLASSES))


def normalise(values):
    return np.array(values) / np.sum(values)


@given(weights, st.floats(0.51, 0.99))
def test_the_answer_is_sure_enough_and_no_kind_within_it_is(values, threshold):
    probabilities = normalise(values)
    name = roll_up(probabilities, CLASSES, TAXONOMY, threshold=threshold)
    sums = sum_up_tree(probabilities, CLASSES, TAXONOMY)
    assert name.score >= threshold
    within = [n for n in sums if n != name.name and TAXONOMY.contains(name.name, n)]
    assert all(sums[n] < threshold for n in within)


@given(weights)
def test_probability_never_falls_up_the_tree(values):
    sums = sum_up_tree(normalise(values), CLASSES, TAXONOMY)
    for name in CLASSES:
        up = [sums[group] for group in TAXONOMY.lineage(name)]
        assert up == sorted(up)
    assert sums["animal"] == pytest.approx(1)


@given(weights, st.floats(0.51, 0.9))
def test_a_higher_threshold_gives_the_same_name_or_one_around_it(values, threshold):
    probabilities = normalise(values)
    low, high = (
        roll_up(probabilities, CLASSES, TAXONOMY, threshold=t) for t in (threshold, threshold + 0.09)
    )
    assert TAXONOMY.contains(high.name, low.name)


@pytest.mark.parametrize(
    ("values", "name", "rank"),
    [
        ([0.9, 0, 0, 0.1, 0, 0, 0, 0], "black swan", "species"),
        ([0.5, 0.4, 0, 0.1, 0, 0, 0, 0], "waterfowl", "order"),
        ([0.5, 0.1, 0.3, 0.1, 0, 0, 0, 0], "bird", "class"),
        ([0, 0, 0, 0.5, 0.4, 0.1, 0, 0], "deer", "family"),
        ([0, 0, 0, 0.3, 0.3, 0.3, 0.1, 0], "even-toed ungulate", "order"),
        ([0.5, 0, 0, 0, 0, 0, 0, 0.5], "animal", "kingdom"),
    ],
)
def test_names_roll_up(values, name, rank):
    found = roll_up(np.array(values), CLASSES, TAXONOMY, threshold=0.75)
    assert (found.name, found.rank) == (name, rank)


@pytest.mark.parametrize("fusion", ["mean", "log_mean"])
def test_crops_are_fused(fusion):
    logs = np.log([[0.9, 0.1], [0.6, 0.4]])
    fused = fuse_crops(logs, fusion)
    assert fused.sum() == pytest.approx(1)
    assert 0.6 < fused[0] < 0.9


def test_a_species_list_keeps_kinds_within_its_groups(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("# park\nCervidae\nSus scrofa   # since 1990\n\n")
    listed = read_species_list(path, TAXONOMY)
    assert listed == ("deer", "wild boar")
    allowed = select_classes(listed, CLASSES, TAXONOMY)
    kept = [c for c, keep in zip(CLASSES, allowed, strict=True) if keep]
    assert kept == ["red deer", "roe deer", "wild boar"]


def test_a_kind_that_the_network_does_not_know_stands_for_its_group():
    allowed = select_classes(["white-tailed deer"], CLASSES, TAXONOMY)
    assert [c for c, keep in zip(CLASSES, allowed, strict=True) if keep] == ["red deer", "roe deer"]


@pytest.mark.parametrize(
    ("text", "message"), [("unicorn\n", "line 1: 'unicorn' is not in the taxonomy"), ("# none\n", "is empty")]
)
def test_a_broken_species_list_is_refused(tmp_path, text, message):
    path = tmp_path / "list.txt"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        read_species_list(path, TAXONOMY)
