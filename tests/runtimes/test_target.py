import numpy as np
import pytest
import torch

from interp_gui.core.errors import InvalidValue, UnknownName
from interp_gui.core.target import Target
from interp_gui.runtimes.target import evaluate_target

ROWS = np.random.default_rng(0).normal(scale=4, size=(5, 7))

TARGETS = [
    Target(index=3),
    Target(),
    Target(kind="logit_difference", index=2, versus=5),
    Target(kind="logit_difference", versus=5),
    Target(kind="probability", index=1),
    Target(kind="probability"),
    Target(kind="probability", index=3, shares="sigmoid"),
    Target(kind="probability", shares="sigmoid"),
    Target(kind="scalar"),
    Target(kind="scalar", index=4),
    Target(kind="similarity", reference=tuple(float(v) for v in ROWS[2] + 0.5)),
]


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_it_equals_the_reference_and_differentiates(target):
    rows = torch.from_numpy(ROWS).requires_grad_()
    got = evaluate_target({"output": rows}, target)
    np.testing.assert_allclose(got.detach().numpy(), target.evaluate(ROWS), rtol=1e-12)
    assert torch.autograd.gradcheck(lambda r: evaluate_target({"output": r}, target), rows)


def test_a_probability_of_far_logits_is_finite():
    rows = torch.tensor([[1000.0, 0.0], [-1000.0, 0.0]])
    got = evaluate_target({"output": rows}, Target(kind="probability", index=0))
    assert got.tolist() == [1.0, 0.0]


def test_what_does_not_fit_is_refused():
    rows = {"output": torch.zeros(2, 3)}
    with pytest.raises(UnknownName):
        evaluate_target(rows, Target(output="outputs"))
    for target in (Target(index=3), Target(kind="logit_difference", index=0, versus=9)):
        with pytest.raises(InvalidValue, match="no class"):
            evaluate_target(rows, target)
    with pytest.raises(InvalidValue, match="does not fit"):
        evaluate_target(rows, Target(kind="similarity", reference=(1.0, 2.0)))
    with pytest.raises(InvalidValue, match="one number a class"):
        evaluate_target({"output": torch.zeros(2)}, Target())


def test_an_output_with_places_counts_as_its_mean_over_them():
    maps = torch.randn(2, 5, 3, 4, dtype=torch.float64)
    for target in (Target(kind="scalar", index=2), Target(kind="scalar")):
        got = evaluate_target({"output": maps}, target)
        np.testing.assert_allclose(got, maps[:, target.index or 0].mean(dim=(1, 2)))
        np.testing.assert_allclose(got, target.evaluate(maps.numpy()))


def test_a_sigmoid_of_far_logits_is_finite():
    rows = torch.tensor([[1000.0, -1000.0]])
    for index, share in ((0, 1.0), (1, 0.0)):
        target = Target(kind="probability", index=index, shares="sigmoid")
        assert evaluate_target({"output": rows}, target).item() == share
        assert target.evaluate(rows.numpy()).item() == share
