from wildact.export.taxa import RANKS, TAXA, Taxon
from wildact.taxonomy import load_taxonomy


def test_each_name_of_the_taxonomy_can_be_exported():
    for name in load_taxonomy().taxa:
        taxon = TAXA[name.casefold()]
        assert taxon.scientific_name
        assert taxon.rank in RANKS


def test_groups_are_exported_as_the_taxon_around_them():
    assert TAXA["fox"] == Taxon("Canidae", "family")
    assert TAXA["red fox"] == Taxon("Vulpes vulpes", "species")
    assert TAXA["animal"] == Taxon("Animalia", "kingdom")


def test_people_and_vehicles_are_no_animals():
    assert TAXA["person"].kind == "human"
    assert TAXA["vehicle"] == Taxon("", "", "vehicle")
