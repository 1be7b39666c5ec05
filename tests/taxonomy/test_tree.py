import pytest

from wildact.errors import DatasetError
from wildact.taxonomy import ROOT, Taxon, Taxonomy, load_taxonomy, read_taxonomy

HEADER = "name,rank,parent,scientific_name,synonyms,source,imagenet\n"
MISSOURI = (
    "Agouti", "Bird spec", "Coiban Agouti", "Collared Peccary", "Common Opossum", "European Hare",
    "Great Tinamou", "Mouflon", "Ocelot", "Paca", "Red Brocket Deer", "Red Deer", "Red Fox", "Red Squirrel",
    "Roe Deer", "Spiny Rat", "White-nosed Coati", "White Tailed Deer", "Wild Boar", "Wood Mouse",
)  # fmt: skip
COCO = (
    "bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "person",
)  # fmt: skip


def test_the_table_is_a_tree_with_one_root():
    taxonomy = load_taxonomy()
    assert [t.name for t in taxonomy.taxa.values() if not t.parent] == [ROOT]
    assert all(taxonomy.lineage(name)[-1] == ROOT for name in taxonomy.taxa)


def test_each_animal_of_imagenet_has_one_place():
    indices = [i for taxon in load_taxonomy().taxa.values() for i in taxon.imagenet]
    assert sorted(indices) == list(range(398))


@pytest.mark.parametrize("label", [*MISSOURI, *COCO])
def test_labels_of_data_sets_are_known(label):
    assert load_taxonomy().find(label) is not None


@pytest.mark.parametrize(
    ("label", "group"),
    [
        ("dog", "carnivore"), ("Cervus elaphus", "deer"), ("killer whale", "mammal"), ("emu", None),
        ("white_tailed DEER", "even-toed ungulate"), ("barn spider", "arthropod"), ("axolotl", "amphibian"),
    ],
)  # fmt: skip
def test_names_belong_to_their_groups(label, group):
    taxonomy = load_taxonomy()
    taxon = taxonomy.find(label)
    assert (taxon is None) if group is None else taxonomy.contains(group, taxon.name)


def test_imagenet_classes_stand_for_their_animals():
    """Names of torchvision's list, in the order of the network's outputs."""
    from torchvision.models._meta import _IMAGENET_CATEGORIES as CATEGORIES

    taxonomy = load_taxonomy()
    of_index = {i: t.name for t in taxonomy.taxa.values() for i in t.imagenet}
    same = sum(of_index[i] == CATEGORIES[i] for i in range(398))
    assert same > 200
    for category, name in (("Chihuahua", "domestic dog"), ("sorrel", "horse"), ("ice bear", "polar bear")):
        assert of_index[CATEGORIES.index(category)] == name


def test_a_group_without_a_taxon_is_exported_as_the_taxon_around_it():
    taxonomy = load_taxonomy()
    assert taxonomy.standard("zebra").scientific_name == "Equus"
    assert taxonomy.standard("red deer").scientific_name == "Cervus elaphus"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,kingdom,,A,,,\na,class,a,B,,,\n", "line 3: the name 'a' occurs twice"),
        ("a,kingdom,,A,,,\nb,kingdom,,B,,,\n", "one root without a parent, not 2"),
        ("a,kingdom,,A,,,\nb,family,c,B,,,\n", "the parent 'c' is not in the table"),
        ("a,kingdom,,A,,,\nb,group,c,,,,\nc,group,b,,,,\n", "its own ancestor"),
        ("a,family,,A,,,\nb,order,a,B,,,\n", "a order cannot lie within the family 'a'"),
        ("a,clan,,A,,,\n", "the rank 'clan'"),
        ("a,kingdom,,A,,,\nb,class,a,A,,,\n", "the label 'a' stands for"),
        ("a,kingdom,,,,,\n", "needs a scientific name"),
        ("a,kingdom,,A,,,x\n", "line 2: 'x' are not class indices"),
    ],
)
def test_a_broken_table_is_refused(tmp_path, rows, message):
    path = tmp_path / "t.csv"
    path.write_text(HEADER + rows)
    with pytest.raises(DatasetError, match=message):
        read_taxonomy(path)


def test_a_missing_or_foreign_file_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="cannot be read"):
        read_taxonomy(tmp_path / "none.csv")
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DatasetError, match="the columns must be name, rank"):
        read_taxonomy(tmp_path / "t.csv")


def test_synonyms_find_their_taxon():
    taxonomy = Taxonomy({"animal": Taxon("animal", "kingdom", "", "Animalia", ("beast",))})
    assert taxonomy.find("Beast").name == "animal"
