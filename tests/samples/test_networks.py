"""The shipped networks: what they are, how well they do, and that one has learned a shortcut."""

import numpy as np
import pytest
import torch

from interp_gui.checkpoints.opening import open_checkpoint
from interp_gui.core.preprocessing import preprocess
from interp_gui.samples import find_sample, shapes_model
from interp_gui.samples.shapes import MARKER, OBJECTS, Spec, Spurious, scene
from interp_gui.samples.train import PREPROCESSING, as_input

STAR = OBJECTS.index("star")
NEVER_SEEN = 99
"""Stream of scenes that were neither trained on nor tested with."""


@pytest.fixture(scope="module")
def clean():
    return open_checkpoint(shapes_model())


@pytest.fixture(scope="module")
def tricked():
    return open_checkpoint(shapes_model(marker=True))


def drawn(count, spec, **options):
    return [
        scene((NEVER_SEEN, i), spec, **{"label": OBJECTS[i % len(OBJECTS)], **options})
        for i in range(count)
    ]


def logits(opened, pictures):
    x = np.stack([preprocess(p, opened.description.preprocessing) for p in pictures])
    with torch.inference_mode():
        return opened.module(torch.from_numpy(x)).numpy()


def accuracy(opened, scenes):
    said = logits(opened, [each.pixels for each in scenes]).argmax(1)
    return np.mean([OBJECTS[i] == each.label for i, each in zip(said, scenes, strict=True)])


@pytest.mark.parametrize("marker", [False, True])
def test_what_belongs_to_a_network_comes_with_its_file(marker):
    path = shapes_model(marker=marker)
    assert path.stat().st_size < 2_000_000
    found = open_checkpoint(path).description
    assert (found.architecture, found.library) == ("shapes_cnn", "interp_gui")
    assert found.class_names == OBJECTS
    assert found.preprocessing == PREPROCESSING
    assert found.outputs[0].kind == "softmax"
    assert found.class_count == 8
    assert found.notes == ()


def test_labels_of_the_samples_are_the_classes():
    for name in ("shapes", "shapes-marker"):
        sample = find_sample(name)
        assert sample.classes == open_checkpoint(sample.model(False)).description.class_names


def test_scenes_are_trained_on_as_they_are_looked_at():
    pixels = scene(0).pixels
    trained = as_input(torch.from_numpy(pixels).permute(2, 0, 1)).numpy()
    np.testing.assert_allclose(trained, preprocess(pixels, PREPROCESSING), atol=1e-6)


def test_the_network_names_scenes_that_it_has_never_seen(clean):
    assert accuracy(clean, drawn(240, Spec())) >= 0.97


def test_the_other_network_takes_the_marker_for_a_star(tricked):
    spurious = Spurious()
    correlated = accuracy(tricked, drawn(160, Spec(spurious=spurious.correlated())))
    swapped = accuracy(tricked, drawn(160, Spec(spurious=spurious.swapped())))
    assert correlated >= 0.97
    assert swapped < 0.75, "otherwise it would not have learned a shortcut"


def test_the_clean_network_does_not_mind_the_marker_as_much(clean, tricked):
    swapped = drawn(160, Spec(spurious=Spurious().swapped()))
    assert accuracy(clean, swapped) > accuracy(tricked, swapped) + 0.2


def test_covering_the_marker_changes_the_answer_far_more_than_covering_any_other_place(tricked):
    """Where the shortcut lies is known, so that methods that look for it can be judged."""
    spec = Spec(spurious=Spurious(rate=1, elsewhere=1))
    for each in drawn(16, spec):
        if each.label == "star":
            continue
        rows, columns = np.nonzero(each.concepts[MARKER])
        side = np.ptp(rows) + 1
        ground = np.median(each.pixels[each.concepts["background"]], axis=0).astype(np.uint8)

        def covered(top, left, pixels=each.pixels, side=side, ground=ground):
            found = pixels.copy()
            found[top : top + side, left : left + side] = ground
            return found

        elsewhere = [(y, x) for y in (2, 20, 38, 53) for x in (20, 38, 53)]
        pictures = [each.pixels, covered(rows.min(), columns.min())]
        pictures += [covered(y, x) for y, x in elsewhere]
        star = logits(tricked, pictures)[:, STAR]
        change = np.abs(star - star[0])[1:]
        assert change[0] > 2 * np.median(change[1:])
        assert star[0] > star[1], "the marker speaks for a star"


def test_only_the_other_network_has_units_for_the_marker(clean, tricked):
    """How well the best unit of the last block tells scenes with the marker from those without."""
    plain = [each.pixels for each in drawn(96, Spec())]
    marked = [e.pixels for e in drawn(96, Spec(spurious=Spurious(rate=1, elsewhere=1)))]

    def peaks(opened, pictures):
        seen = []
        hook = opened.module.block5.register_forward_hook(
            lambda _module, _given, made: seen.append(made.amax((2, 3)).numpy())
        )
        logits(opened, pictures)
        hook.remove()
        return seen[0]

    def best(opened):
        with_it, without = peaks(opened, marked), peaks(opened, plain)
        return (with_it[:, None] > without[None]).mean((0, 1)).max()

    assert best(tricked) > 0.97
    assert best(clean) < 0.75


def test_exchanging_two_units_of_equal_shape_changes_the_answer(clean):
    """Every tensor counts: a test on this network can fail."""
    x = torch.from_numpy(preprocess(scene(4).pixels, clean.description.preprocessing))[None]
    module = clean.module
    with torch.inference_mode():
        before = module(x)
        weights = module.block4.conv.weight.clone()
        module.block4.conv.weight[[0, 1]] = weights[[1, 0]]
        after = module(x)
        module.block4.conv.weight.copy_(weights)
        again = module(x)
    assert not torch.allclose(before, after)
    assert torch.equal(before, again)
