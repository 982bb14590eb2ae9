import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interp_gui.core.errors import InvalidValue, MissingAbility
from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing
from interp_gui.core.target import Target

ROWS = np.array([[1.0, 3.0, 2.0], [4.0, 0.0, -1.0]])


def described(output=None, names=("cat", "dog")):
    output = output or OutputInfo(size=3)
    return ModelDescription(
        name="m", format="torch-zip", architecture="m", library="torchvision", parameters=1,
        weights_sha256="0" * 64, preprocessing=Preprocessing(), outputs=(output,),
        class_names=names,
    )  # fmt: skip


INDEX = st.none() | st.integers(0, 999)


@given(
    st.one_of(
        st.builds(Target, kind=st.sampled_from(["logit", "probability", "scalar"]), index=INDEX),
        st.builds(Target, kind=st.just("logit_difference"), index=INDEX, versus=st.integers(0, 9)),
        st.builds(
            Target,
            kind=st.just("similarity"),
            reference=st.lists(st.floats(-9, 9), min_size=1, max_size=4).map(tuple),
        ),
    )
)
def test_json_round_trips(target):
    assert msgspec.json.decode(msgspec.json.encode(target), type=Target) == target


def test_values():
    assert Target(index=2).evaluate(ROWS).tolist() == [2, -1]
    assert Target().evaluate(ROWS).tolist() == [3, 4]
    assert Target(kind="logit_difference", index=0, versus=1).evaluate(ROWS).tolist() == [-2, 4]
    shares = Target(kind="probability", index=1).evaluate(ROWS)
    np.testing.assert_allclose(shares, (np.exp(ROWS) / np.exp(ROWS).sum(1, keepdims=True))[:, 1])
    assert Target(kind="scalar").evaluate(ROWS).tolist() == [1, 4]
    similar = Target(kind="similarity", reference=(2.0, 6.0, 4.0)).evaluate(ROWS)
    assert similar[0] == pytest.approx(1)
    assert -1 <= similar[1] < 1


def test_large_logits_give_finite_probabilities():
    rows = np.array([[1e4, 0.0]])
    assert Target(kind="probability", index=0).evaluate(rows).tolist() == [1.0]


def test_what_is_asked_is_fixed_by_the_first_answer():
    assert Target().fixed(ROWS[0]).index == 1
    assert Target(index=0).fixed(ROWS[0]).index == 0
    assert Target(kind="scalar").fixed(ROWS[0]).index is None


def test_targets_that_lack_something_are_refused():
    with pytest.raises(InvalidValue, match="two classes"):
        Target(kind="logit_difference", index=1)
    with pytest.raises(InvalidValue, match="reference"):
        Target(kind="similarity")


def test_targets_are_checked_against_the_model():
    Target(index=2).check(described())
    with pytest.raises(InvalidValue, match="no class 3"):
        Target(index=3).check(described())
    with pytest.raises(InvalidValue, match="no class -1"):
        Target(kind="logit_difference", index=0, versus=-1).check(described())
    with pytest.raises(MissingAbility, match="no classes"):
        Target().check(described(OutputInfo(kind="embedding", size=3)))


def test_titles_name_the_classes():
    model = described()
    assert Target(index=1).title(model) == "logit of dog"
    assert Target(kind="probability").title(model) == "probability of the top class"
    assert Target(kind="logit_difference", index=0, versus=2).title(model) == (
        "logit of cat − class 2"
    )
    assert Target(kind="scalar").title(model) == "scalar"
    embedding = described(OutputInfo(kind="embedding", size=3))
    assert Target(kind="scalar", index=2).title(embedding) == "dimension 2"


def test_a_target_is_fitted_to_the_outputs_of_a_model():
    several = described(OutputInfo(name="labels", kind="sigmoid", size=3))
    fitted = Target(kind="probability", index=1).fitted(several)
    assert (fitted.output, fitted.shares) == ("labels", "sigmoid")
    np.testing.assert_allclose(fitted.evaluate(ROWS), 1 / (1 + np.exp(-ROWS[:, 1])))
    assert Target(index=1).fitted(described()) == Target(index=1)


def test_the_one_number_of_a_model_is_its_target_until_another_is_chosen():
    one = described(OutputInfo(kind="scalar", size=1))
    assert Target().fitted(one) == Target(kind="scalar", index=0)
    Target().fitted(one).check(one)
    chosen = Target(kind="probability", index=3)
    assert chosen.fitted(one).kind == "probability"
    for other in (OutputInfo(kind="embedding", size=1), OutputInfo(kind="scalar", size=2)):
        with pytest.raises(MissingAbility, match="no classes") as refused:
            Target().fitted(described(other)).check(described(other))
        assert "value:3 or similarity:IMAGE" in refused.value.hint


def test_a_reference_of_another_length_is_refused():
    embedding = described(OutputInfo(kind="embedding", size=3))
    Target(kind="similarity", reference=(1.0, 2.0, 3.0)).check(embedding)
    with pytest.raises(InvalidValue, match="2 numbers does not fit an output of 3"):
        Target(kind="similarity", reference=(1.0, 2.0)).check(embedding)
