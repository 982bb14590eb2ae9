"""Every architecture, saved in disguise and opened again, answers as it did or is asked about."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn

from interp_gui.checkpoints.match import OpenedCheckpoint
from interp_gui.checkpoints.opening import open_checkpoint
from interp_gui.checkpoints.probing import TOLERANCE
from interp_gui.core.errors import UnknownArchitecture
from interp_gui.core.opening import OpenChoice, OpenQuestion

from .architectures import SAMPLE, everything, left_out
from .disguises import DISGUISES, Disguise, disguises_for, rounded
from .networks import (
    answers,
    build,
    distance,
    entry,
    exchange_matters,
    give,
    noise,
    own_side,
    small_side,
)

EQUAL = 1e-5
_ORDER = everything()


@dataclass(kw_only=True)
class Truth:
    """A network as its library builds it, and what it answers to images of any side."""

    name: str
    module: nn.Module

    def state(self) -> dict[str, torch.Tensor]:
        """Its tensors, not shared with it."""
        return {key: value.clone() for key, value in self.module.state_dict().items()}


def traits(name: str) -> frozenset[str]:
    """What an architecture has that a disguise may need."""
    known = entry(name)
    found = {"timm"} if name.startswith("timm:") else set()
    if known.head:
        found.add("head")
    if known.stems:
        found.add("stem")
    return frozenset(found)


def as_saved(truth: Truth, kind: torch.dtype) -> dict[str, torch.Tensor]:
    """What the file has; the network is given the same numbers."""
    if kind == torch.float32:
        return truth.state()
    state = rounded(kind, truth.state())
    give(truth.module, state)
    return state


def agrees(truth: Truth, opened: OpenedCheckpoint, *, seed: int = 3) -> float:
    """How far its answers are from the truth's, at the size that it was opened for."""
    found = opened.description
    height, width = found.preprocessing.size
    assert height == width
    image = noise(truth.module, truth.name, height, seed=seed)
    return distance(answers(opened.module, image), answers(truth.module, image))


def names_in(question: OpenQuestion | None) -> set[str]:
    assert question is not None
    found = {each.name for each in question.candidates}
    return found | {other for each in question.candidates for other in each.same}


def round_trip(truth: Truth, disguise: Disguise, folder) -> str:
    """Save, open and compare; `equal` or `asked`, anything else is a failure in words."""
    path = disguise.save(folder, truth.module, as_saved(truth, disguise.kind), truth.name)
    try:
        opened = open_checkpoint(path, choice=disguise.choice)
    except UnknownArchitecture as asked:
        offered = names_in(asked.question)
        if truth.name not in offered:
            return f"not among the candidates {sorted(offered)}: {asked}"
        choice = OpenChoice(
            architecture=truth.name, weights=disguise.choice.weights, stubs=disguise.choice.stubs
        )
        opened = open_checkpoint(path, choice=choice)
        found = opened.description
        if f"{found.library}:{found.architecture}" != truth.name:
            return f"{found.library}:{found.architecture} opened instead of what was chosen"
        apart = agrees(truth, opened)
        return "asked" if apart <= EQUAL else f"chosen, and its outputs are {apart:.2g} off"
    found = opened.description
    opened_as = f"{found.library}:{found.architecture}"
    apart = agrees(truth, opened)
    if apart <= (EQUAL if opened_as == truth.name else TOLERANCE):
        return "equal"
    return f"opened as {opened_as}, and its outputs are {apart:.2g} off"


def check(name: str, tmp_path, monkeypatch, record_property) -> None:
    side = small_side(name)
    number = _ORDER.index(name)
    truth = Truth(name=name, module=build(name, side=side))
    image = noise(truth.module, name, side or own_side(name))
    assert exchange_matters(truth.module, image)
    plain = truth.state()
    outcomes = {}
    for place, disguise in enumerate(disguises_for(number, traits(name))):
        folder = tmp_path / str(place)
        folder.mkdir()
        monkeypatch.setenv("INTERP_GUI_DATA", str(folder / "data"))  # nothing is remembered
        one = truth
        if disguise.options:
            one = Truth(name=name, module=build(name, side=side, **disguise.options))
        else:
            give(truth.module, plain)
        try:
            outcomes[disguise.name] = round_trip(one, disguise, folder)
        except Exception as problem:  # noqa: BLE001 - the other disguises are tried all the same
            outcomes[disguise.name] = f"{type(problem).__name__}: {str(problem)[:300]}"
        for left in sorted(folder.rglob("*"), reverse=True):
            if left.is_file():
                left.unlink()  # hundreds of architectures fill a disk
    record_property("outcomes", outcomes)
    wrong = {key: value for key, value in outcomes.items() if value not in ("equal", "asked")}
    assert not wrong, f"{name} at {side or 'its own'} px: {wrong}"


@pytest.mark.parametrize("name", SAMPLE)
def test_a_sample_opens_again(name, tmp_path, monkeypatch, record_property):
    check(name, tmp_path, monkeypatch, record_property)


@pytest.mark.thorough
@pytest.mark.parametrize("name", [name for name in _ORDER if name not in SAMPLE])
def test_opens_again(name, tmp_path, monkeypatch, record_property):
    check(name, tmp_path, monkeypatch, record_property)


def test_all_of_torchvision_and_some_of_every_family_of_timm_are_tried():
    of_timm = [name for name in _ORDER if name.startswith("timm:")]
    assert len(_ORDER) - len(of_timm) == 80
    assert len(of_timm) >= 300
    assert set(SAMPLE) <= set(_ORDER)
    assert all(left_out().values())


def test_every_disguise_is_tried_by_the_sample():
    tried = {
        each.name for name in SAMPLE for each in disguises_for(_ORDER.index(name), traits(name))
    }
    assert tried == {each.name for each in DISGUISES}
