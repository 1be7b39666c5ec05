import pytest

from wildact.errors import RecipeError, UsageError
from wildact.recipes import DetectionRecipe, RecognitionRecipe, list_recipes, load_recipe
from wildact.recipes.load import FOLDER


def test_every_recipe_in_the_package_is_valid_and_named_as_its_file():
    assert {"maskrcnn_lite0_fpn", "lite0_tsm", "lite0_probe"} <= set(list_recipes())
    for name in list_recipes():
        assert load_recipe(name).name == name


def test_kinds():
    assert isinstance(load_recipe("maskrcnn_lite0_fpn"), DetectionRecipe)
    assert isinstance(load_recipe("lite0_tsm"), RecognitionRecipe)


def test_every_number_says_where_it_comes_from():
    for name in list_recipes():
        for line in (FOLDER / f"{name}.toml").read_text().splitlines():
            _, equals, value = line.partition("=")
            if (
                equals
                and any(c.isdigit() for c in value.split("#")[0].replace("_18", ""))
                and '"' not in value.split("#")[0]
            ):
                if line.startswith("seed"):
                    continue
                sources = ("# ours", "# paper", "# torchvision reference", "# slowfast reference")
                assert any(source in line for source in sources), f"{name}: {line}"


def test_set_changes_a_value_of_any_type():
    recipe = load_recipe(
        "maskrcnn_lite0_fpn", ["optimizer.iterations=7", "data.scale=[0.5, 2.0]", "model.initial=none"]
    )
    assert recipe.optimizer.iterations == 7
    assert recipe.data.scale == (0.5, 2.0)
    assert recipe.model.initial == "none"


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("optimizer.learing_rate=1", "learing_rate"),
        ("optimizer.learning_rate=-1", "optimizer.learning_rate"),
        ("data.flip=1.5", "data.flip"),
        ("schedule.name=linear", "schedule.name"),
        ("seed.x=1", "not a key"),
        ("seed=-1", "seed"),
        ("optimizer.epochs=3", "either 'iterations' or 'epochs'"),
        ("schedule.name=step", "needs both"),
        ("schedule.step_iterations=5", "belong to the schedule 'step'"),
        ("optimizer.iterations=", "either 'iterations' or 'epochs'"),
        ("optimizer.weight_decay=", "optimizer.weight_decay"),
        ("schedule.warmup_epochs=1", "either 'warmup_iterations' or 'warmup_epochs'"),
    ],
)
def test_unknown_and_impossible_values_name_the_key(override, said):
    with pytest.raises(RecipeError, match=said):
        load_recipe("maskrcnn_lite0_fpn", [override])


def test_set_takes_a_key_out_to_give_another_in_its_place():
    steps = ["schedule.step_epochs=", "schedule.step_iterations=5"]
    recipe = load_recipe("r3d_18_schindler2021", ["optimizer.epochs=", "optimizer.iterations=20", *steps])
    assert (recipe.optimizer.epochs, recipe.optimizer.iterations) == (None, 20)
    assert (recipe.schedule.step_epochs, recipe.schedule.step_iterations) == (None, 5)
    assert load_recipe("r3d_18_schindler2021", ["model.architecture.nothing="]).model.architecture == {}
    with pytest.raises(RecipeError, match="either 'step_epochs' or 'step_iterations'"):
        load_recipe("r3d_18_schindler2021", ["schedule.step_iterations=5"])


def test_missing_and_broken_files(tmp_path):
    with pytest.raises(UsageError, match="there is no recipe 'nothing'"):
        load_recipe("nothing")
    with pytest.raises(UsageError, match="key=value"):
        load_recipe("maskrcnn_lite0_fpn", ["seed"])
    broken = tmp_path / "broken.toml"
    broken.write_text("[[[")
    with pytest.raises(RecipeError, match="not TOML"):
        load_recipe(str(broken))
