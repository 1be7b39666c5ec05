from wildact.evaluate.video import pair_names


def test_names_of_followed_animals_are_right_at_their_rank():
    names = {1: "red deer", 2: "Wild Boar", 3: "roe deer", 4: "unicorn", 5: "red fox"}
    given = {11: "deer", 12: "red fox", 13: "animal", 14: "red fox"}
    followed = {1: 11, 2: 12, 3: 13, 4: 14}
    tally = pair_names(names, given, followed)
    assert (tally.given, tally.right) == (2, 1)
