import pytest
from hypothesis import given
from hypothesis import strategies as st

from interp_gui.checkpoints.index import imagenet_classes
from interp_gui.core.class_mapping import confirmed, conflicts, propose
from interp_gui.resources import resource_path

ANIMALS = ("tabby, tabby cat", "golden retriever", "great_white_shark", "crane", "crane")


def indices(labels, names, count=None):
    found = propose(labels, names, class_count=len(names) if count is None else count)
    return {p.label: (p.index, p.certain) for p in found}


def test_names_whatever_their_case_spaces_and_synonyms():
    found = propose(
        ["Golden_Retriever", "GREAT WHITE-SHARK", "tabby cat", "golden retriever", ""],
        ANIMALS, class_count=5,
    )  # fmt: skip
    assert [(p.label, p.index) for p in found] == [
        ("Golden_Retriever", 1), ("GREAT WHITE-SHARK", 2), ("tabby cat", 0),
        ("golden retriever", 1),
    ]  # fmt: skip
    assert [p.certain for p in found] == [False, True, True, False]
    assert found[2].why == "One of the names of 'tabby, tabby cat'."
    assert "'golden retriever' would stand for it too" in found[0].why
    assert conflicts(found) == (
        "'Golden_Retriever' and 'golden retriever' both stand for 'golden retriever'.",
    )


def test_a_name_of_several_classes_is_uncertain():
    (found,) = propose(["crane"], ANIMALS, class_count=5)
    assert (found.index, found.certain) == (3, False)
    assert found.why == "2 classes bear that name: 3, 4."


def test_similar_names_are_offered_as_uncertain_and_only_once():
    found = propose(["golden retreiver", "golden retrieverx", "walrus"], ANIMALS, class_count=5)
    assert [p.index for p in found] == [None, 1, None]
    assert not found[1].certain
    assert found[1].why == "Similar to 'golden retriever' (97% alike)."
    assert found[2].why == "No class has a similar name."
    assert confirmed(found) == {}
    assert confirmed(found, uncertain=True) == {"golden retrieverx": 1}


def test_plurals_are_certain_where_only_one_class_is_meant():
    names = ("circle", "box", "cherry", "cross", "glass", "crane", "crane")
    assert indices(["circles", "Boxes", "cherries", "crosses", "glass", "cranes"], names) == {
        "circles": (0, True), "Boxes": (1, True), "cherries": (2, True), "crosses": (3, True),
        "glass": (4, True), "cranes": (5, False),
    }  # fmt: skip
    assert indices(["dog"], ("cat", "dogs")) == {"dog": (1, True)}
    assert indices(["circles", "circle_s"], ("circle",))["circles"][0] == 0
    for label, name in (("bus", "bu"), ("as", "a"), ("iris", "iri")):
        assert not indices([label], (name, "x"))[label][1], "it only looks like a plural"


def test_a_similar_name_never_takes_the_class_of_an_equal_one():
    assert indices(["cats", "cat"], ("cat", "dog")) == {"cats": (None, False), "cat": (0, True)}


def test_names_behind_a_number():
    assert indices(["001.Black_footed_Albatross"], ("x", "black footed albatross")) == {
        "001.Black_footed_Albatross": (1, True)
    }


def test_imagenet_by_number_and_by_synonym():
    names = imagenet_classes()
    assert indices(["n02124075", "n01440764_tench", "Carassius auratus", "goldfinch"], names) == {
        "n02124075": (285, True),
        "n01440764_tench": (0, True),
        "Carassius auratus": (1, True),
        "goldfinch": (11, True),
    }
    assert indices(["n02124075"], (), 1000) == {"n02124075": (285, False)}
    assert indices(["n02124075"], tuple(f"x{i}" for i in range(1000))) == {
        "n02124075": (None, False)
    }


def test_the_shipped_numbers_are_in_the_order_of_the_shipped_names():
    lines = resource_path("architectures/imagenet_synsets.tsv").read_text("utf-8").splitlines()
    numbers = [line.partition("\t")[0] for line in lines]
    assert numbers == sorted(numbers)
    assert len(set(numbers)) == 1000
    agreeing = sum(
        name.casefold() in line.partition("\t")[2].casefold().split(", ")
        for name, line in zip(imagenet_classes(), lines, strict=True)
    )
    assert agreeing == 998  # "crane bird" and "maillot tank suit" are told from their namesakes


def test_numbers_are_indices():
    assert indices(["0", "2"], ("a", "b", "c")) == {"0": (0, True), "2": (2, True)}
    assert indices(["7"], ("a", "b", "c")) == {"7": (None, False)}
    assert indices(["1", "2", "3"], ("a", "b", "c")) == {
        "1": (0, False), "2": (1, False), "3": (2, False),
    }  # fmt: skip
    assert indices(["1", "0"], ("1", "0")) == {"1": (0, True), "0": (1, True)}, "names come first"


def test_sorted_order_where_nothing_else_fits_any_label():
    assert indices(["zebra", "apple"], (), 2) == {"zebra": (1, False), "apple": (0, False)}
    assert indices(["zebra", "apple", "x"], (), 2)["zebra"] == (None, False)
    assert indices(["zebra", "a"], ("a", "b")) == {"zebra": (None, False), "a": (0, True)}


@pytest.mark.parametrize("names", [(), ("a",)])
def test_models_without_classes(names):
    assert indices(["a"], names, 0) == {"a": (None, False)}


@given(st.lists(st.text(max_size=8), max_size=6), st.lists(st.text(max_size=8), max_size=6))
def test_any_text_gives_one_proposal_a_label_within_the_classes(labels, names):
    found = propose(labels, names, class_count=len(names))
    assert [p.label for p in found] == list(dict.fromkeys(label for label in labels if label))
    for each in found:
        assert each.why
        if each.index is None:
            assert not each.certain
        else:
            assert each.name == names[each.index]
    for label in names:
        if label and names.count(label) == 1:
            match = next(iter(propose([label], names, class_count=len(names))))
            assert match.index == names.index(label)
    certain = [p.index for p in found if p.certain]
    assert len(certain) == len(set(certain))


def test_a_name_that_another_class_bears_too_is_uncertain_until_that_one_has_a_label():
    names = resource_path("architectures/imagenet_classes.txt").read_text("utf-8").splitlines()
    both = ["crane", "maillot", "cardigan", "goldfish"]
    found = {each.label: each for each in propose(both, names, class_count=1000)}
    assert [each.certain for each in found.values()] == [False, False, False, True]
    assert "'crane bird' bears that name too" in found["crane"].why
    clear = propose(["crane", "crane bird"], names, class_count=1000)
    assert [(each.index, each.certain) for each in clear] == [(517, True), (134, True)]
    assert all(each.certain for each in propose(names, names, class_count=1000))


def test_numbers_from_one_on_are_uncertain_as_they_may_count_from_one():
    found = propose(["1", "2", "3"], [], class_count=1000)
    assert [(each.index, each.certain) for each in found] == [(1, False), (2, False), (3, False)]
