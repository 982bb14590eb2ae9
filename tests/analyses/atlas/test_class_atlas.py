"""Atlases of a class and of one class against another, from images to labelled cells."""

import msgspec
import numpy as np
import pytest
import torch
from torch import nn

from interp_gui.analyses.atlas import AtlasSettings, make_atlas
from interp_gui.analyses.attribution import attributions
from interp_gui.core.analysis import Context, Inputs
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.errors import InvalidValue, MissingAbility, UnknownName
from interp_gui.core.target import Target
from interp_gui.runtimes.torch_runtime import TorchRuntime
from tests.analyses.conftest import describe

SETTINGS = {"layout": "pca", "positions": 16, "minimum": 2}


def made(runtime, dataset, **settings):
    """The atlas itself."""
    inputs = Inputs(dataset=dataset, layer="last")
    context = Context(model=runtime, inputs=inputs)
    steps = make_atlas(context, AtlasSettings(**{**SETTINGS, **settings}), preview=False)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def test_a_class_atlas_holds_what_argues_for_the_class(runtimes, dataset):
    runtime = runtimes["cnn"]
    whole = made(runtime, dataset, labels="none")
    atlas = made(runtime, dataset, about="name 1", keep=40)
    assert atlas.about == "name 1"
    assert atlas.title == "Activation atlas of last, name 1"
    count = f"{len(atlas.xy)} points of {len(atlas.sha256)} images"
    by = {"umap": "UMAP", "pca": "PCA"}[atlas.layout]
    assert f"{count}, laid out by {by}, seed 0." in atlas.notes
    assert atlas.numbers["points"] == len(atlas.xy) == len(atlas.weight) < len(whole.xy)
    points = [(atlas.paths[i], int(p)) for i, p in zip(atlas.image, atlas.place, strict=True)]
    context = Context(model=runtime, inputs=Inputs())
    steps = attributions(context, runtime.layer("last"), points, classes=[1])
    try:
        while True:
            next(steps)
    except StopIteration as end:
        own = end.value[:, 0]
    np.testing.assert_allclose(atlas.weight, own, rtol=1e-4, atol=1e-6)
    assert atlas.levels[0].side <= 20
    assert atlas.labelled_by == "attribution"
    assert any("argue for 'name 1'" in note for note in atlas.notes)
    np.testing.assert_allclose(atlas.mean, whole.mean)  # that of the layer, not of the class


def test_two_classes_lie_left_and_right(runtimes, dataset):
    atlas = made(runtimes["cnn"], dataset, about="name 1 / name 4", keep=60, neighbours=10)
    assert atlas.about == "name 1 against name 4"
    assert ((atlas.xy >= 0) & (atlas.xy <= 1)).all()
    assert atlas.numbers["outside"] == 0
    order = np.argsort(atlas.weight, kind="stable")
    assert (np.diff(atlas.xy[order, 0]) <= 0).all()
    assert atlas.levels[0].side == 10 or atlas.levels[0].side == 5
    assert sum(int(count) for count in atlas.levels[0].count) == len(atlas.xy)
    assert (atlas.weight > 0).any()
    assert (atlas.weight < 0).any()


class Binary(nn.Module):
    """One logit a class, two classes, of which the second one is told by one unit."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.last = nn.Conv2d(3, 8, 4, stride=4)
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        return self.head(torch.relu(self.last(x)).mean(dim=(2, 3)))


def test_a_two_class_dataset_and_network(dataset):
    runtime = TorchRuntime(Binary(), describe("binary", 2))
    two = Dataset(
        images=tuple(
            ImageEntry(path=entry.path, label="ab"[i % 2]) for i, entry in enumerate(dataset.images)
        )
    )
    atlas = made(runtime, two, about="0 / 1", neighbours=10)
    assert atlas.about == "name 0 against name 1"
    assert atlas.names == ("name 0", "name 1")
    by_label = made(runtime, two, labels="label")
    assert by_label.names == ("a", "b")
    assert (by_label.levels[0].purity >= 0.5).all()


def test_what_cannot_be_an_atlas_of_a_class_is_said(runtimes, dataset, small_cnn):
    with pytest.raises(UnknownName, match="no class named 'cat'"):
        made(runtimes["cnn"], dataset, about="cat")
    with pytest.raises(InvalidValue, match="by more than 1000"):
        made(runtimes["cnn"], Dataset(images=dataset.images[:1]), about=_other(runtimes, dataset),
             least=1000.0)  # fmt: skip
    with pytest.raises(MissingAbility, match="has no classes"):
        made(small_cnn(outputs=()), dataset, about="1")


def _other(runtimes, dataset):
    """A class for which the network does not take the first image."""
    from interp_gui.core.preprocessing import load_batch

    runtime = runtimes["cnn"]
    batch = load_batch(dataset.paths[:1], runtime.preprocessing)
    return str(int(runtime.forward(batch).outputs["output"][0].argmin()))


def test_a_class_atlas_without_gradients_is_refused(runtimes, dataset):
    runtime = runtimes["cnn"]

    class Plain:
        """The same network, which only answers."""

        description = msgspec.structs.replace(
            runtime.description, gradient_problem="It only answers."
        )
        device, preprocessing = runtime.device, runtime.preprocessing
        forward, cancel_with = staticmethod(runtime.forward), staticmethod(runtime.cancel_with)

    with pytest.raises(MissingAbility, match="cannot compute gradients"):
        made(Plain(), dataset, about="1")
    plain = made(Plain(), dataset)
    assert plain.labelled_by == ""


def test_labels_do_not_hang_on_the_target(runtimes, dataset):
    """A difference of two logits explains one number; cells are named after all classes."""
    inputs = Inputs(
        dataset=dataset, layer="last", target=Target(kind="logit_difference", index=0, versus=1)
    )
    steps = make_atlas(
        Context(model=runtimes["cnn"], inputs=inputs), AtlasSettings(**SETTINGS), preview=False
    )
    while True:
        try:
            next(steps)
        except StopIteration as end:
            atlas = end.value
            break
    assert len(atlas.names) == 6
    plain = made(runtimes["cnn"], dataset)
    for level, other in zip(atlas.levels, plain.levels, strict=True):
        np.testing.assert_array_equal(level.label, other.label)
