from dataclasses import replace
from pathlib import Path

from wildact.datasets import Dataset, join_datasets, load_dataset


def make(root, species, actions, **facts):
    return Dataset(Path(root), species, actions, (), facts)


def test_names_are_united_in_the_order_in_which_they_are_met_and_facts_that_differ_are_left_out(tiny_data):
    loaded = load_dataset(tiny_data)
    other = replace(loaded, species=("lynx", loaded.species[0]), actions=("sleeping",), facts={"seed": 1})
    joined = join_datasets([loaded, other])
    assert joined.root == loaded.root
    assert joined.species == (*loaded.species, "lynx")
    assert joined.actions == (*loaded.actions, "sleeping")
    assert joined.videos == (*loaded.videos, *other.videos)
    assert joined.facts == {}


def test_what_all_say_is_kept_and_one_alone_stays_as_it_is():
    one, two = make("a", ("fox",), (), by="us", year=1), make("b", ("fox",), (), by="us", year=2)
    assert join_datasets([one, two]).facts == {"by": "us"}
    assert join_datasets([one]) == one
