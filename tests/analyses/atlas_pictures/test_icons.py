"""Icons show what their direction stands for, the same whatever is made beside them or before."""

import copy

import msgspec
import numpy as np
import pytest
import torch

from interp_gui.analyses.atlas_pictures.climbing import Climber
from interp_gui.analyses.atlas_pictures.goals import goals_of
from interp_gui.analyses.atlas_pictures.icons import (
    Goals,
    IconMaker,
    Recipe,
    frame_penalty,
    icon_maker,
    seeds_of,
)
from interp_gui.analyses.unit_maps import unit_maps
from interp_gui.core.analysis import Context, Inputs
from interp_gui.core.errors import Cancelled, InvalidValue
from interp_gui.runtimes.torch_runtime import TorchRuntime

SIZE = 40
RECIPE = Recipe(size=SIZE, frame=0.1)


def context(runtime, cache=None, check=lambda: None):
    return Context(model=runtime, inputs=Inputs(), cache=cache, check=check)


def climber(runtime, *, steps, tries=1, cache=None, recipe=RECIPE, check=lambda: None):
    given = context(runtime, cache, check)
    layer = runtime.description.layer("layer")
    return Climber(
        given, lambda: IconMaker(given, layer, recipe), steps=steps, tries=tries,
        key={"layer": "layer", "recipe": recipe.plain()},
    )  # fmt: skip


def ended(steps):
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def goals(vectors, kind="raw", mean=None, **more):
    mean = np.zeros(4) if mean is None else mean
    return goals_of(np.asarray(vectors, np.float32), kind=kind, mean=mean, seed=0, **more)


def test_a_layer_whose_values_are_no_numbers_is_said(planted):
    module = copy.deepcopy(planted.module)
    with torch.no_grad():
        module.layer.weight[2] = float("nan")
    with pytest.raises(InvalidValue, match="Not all values of layer 'layer' are numbers"):
        ended(climber(TorchRuntime(module, planted.description), steps=2).finish(goals(np.eye(4))))


def test_the_icon_of_a_direction_is_the_pattern_it_looks_for(planted, shown):
    wanted = goals(np.eye(4))
    few = ended(climber(planted, steps=2).finish(wanted))
    icons = ended(climber(planted, steps=80).finish(wanted))
    assert (icons.cosine > 0.9).all()
    assert (icons.cosine > few.cosine).all()
    for unit in range(4):
        seen = shown(icons.pixels[unit])
        assert seen.argmax() == unit
        assert seen[unit] > 0.6, seen


def test_a_direction_counted_from_the_mean_is_shown_without_it(planted, shown):
    """All vectors share the first unit: raw icons show it, centred ones do not."""
    mean = np.array([8.0, 0.5, 0.5, 0.5])
    vectors = mean + np.eye(4)[[1, 2, 3]]
    raw = ended(climber(planted, steps=80).finish(goals(vectors, mean=mean)))
    centred = ended(climber(planted, steps=80).finish(goals(vectors, "centred", mean)))
    for slot, unit in enumerate((1, 2, 3)):
        assert shown(raw.pixels[slot])[0] > 0.7
        assert abs(shown(centred.pixels[slot])[0]) < 0.4
        assert shown(centred.pixels[slot]).argmax() == unit
    assert (centred.cosine > 0.7).all()


def test_whitened_directions_are_those_of_the_inverse():
    inverse = np.diag([1.0, 2.0, 3.0, 4.0])
    mean = np.ones(4)
    found = goals(np.eye(4)[:2] + mean, "whitened", mean, inverse=inverse)
    assert np.allclose(found.directions, [[1, 0, 0, 0], [0, 2, 0, 0]])
    assert np.allclose(found.lengths, [1, 1])


def test_the_objective_counts_one_for_what_the_direction_stands_for(planted):
    given = context(planted)
    maker = IconMaker(given, planted.description.layer("layer"), Recipe(size=SIZE, power=3))
    vectors = np.array([[1.0, 2, 0, 0], [0, 0, 3, 1]])
    group = maker.start(goals(vectors))
    found = torch.tensor(vectors, dtype=torch.float32)[:, :, None]
    strengths, cosines = group.judged(found)
    assert torch.allclose(strengths, torch.ones(2))
    assert torch.allclose(cosines, torch.ones(2))
    twice, _ = group.judged(2 * found)
    assert torch.allclose(twice, torch.full((2,), 2.0))
    # at right angles the floor of the cosine leaves a slope, and the dot is 0
    aside, none = group.judged(found.flip(0))
    assert torch.allclose(aside, torch.zeros(2))
    assert torch.allclose(none, torch.zeros(2))


def test_the_slope_does_not_die_where_the_cosine_is_small(planted):
    """Each gradient keeps its size, so that the frame's penalty does not win over it."""
    maker = IconMaker(context(planted), planted.description.layer("layer"), Recipe(power=4))
    group = maker.start(goals(np.eye(4)))
    near = torch.eye(4)[:, :, None].requires_grad_(True)
    far = (torch.ones(4, 4) - 3 * torch.eye(4))[:, :, None].requires_grad_(True)
    sizes = []
    for found in (near, far):
        (slope,) = torch.autograd.grad(group.climbed(found).sum(), found)
        sizes.append(float(slope.norm()))
    assert sizes[1] > 0.3 * sizes[0]


def test_what_is_made_beside_a_group_changes_nothing(planted):
    wanted = goals(np.eye(4)[:2])
    alone = ended(climber(planted, steps=6).finish(wanted))
    busy = climber(planted, steps=6)
    ended(busy.finish(goals(np.eye(4)[2:])))
    after = ended(busy.finish(wanted))
    assert np.array_equal(alone.pixels, after.pixels)
    other = goals_of(np.eye(4, dtype=np.float32)[:2], kind="raw", mean=np.zeros(4), seed=1)
    assert not np.array_equal(alone.pixels, ended(climber(planted, steps=6).finish(other)).pixels)


def test_seeds_belong_to_vectors():
    vectors = np.eye(3, dtype=np.float32)
    assert seeds_of(vectors, 0)[1:] == seeds_of(vectors[1:], 0)
    assert len({*seeds_of(vectors, 0), *seeds_of(vectors, 1)}) == 6


def test_a_look_on_the_way_changes_nothing(planted, memory):
    wanted = goals(np.eye(4)[:2])
    whole = ended(climber(planted, steps=20).finish(wanted))
    staged = climber(planted, steps=20, cache=memory)
    look = ended(staged.climb(wanted, 7))
    assert look.steps == 7
    assert staged.taken(wanted) == 7
    assert np.array_equal(look.pixels, ended(climber(planted, steps=7).finish(wanted)).pixels)
    on = staged.finish(wanted)
    assert next(on) == 8
    assert np.array_equal(whole.pixels, ended(on).pixels)
    # what was finished after fewer steps goes on from there, in a run of its own
    further = climber(planted, steps=26, cache=memory)
    assert further.taken(wanted) == 20
    longer = ended(climber(planted, steps=26).finish(wanted))
    assert np.array_equal(longer.pixels, ended(further.finish(wanted)).pixels)


def test_a_cancelled_climb_goes_on_where_it_was(planted, memory):
    wanted = goals(np.eye(4)[:2])
    whole = ended(climber(planted, steps=12).finish(wanted))
    checks = iter(range(100))

    def stop():
        if next(checks) == 5:
            raise Cancelled

    with pytest.raises(Cancelled):
        ended(climber(planted, steps=12, cache=memory, check=stop).finish(wanted))
    again = climber(planted, steps=12, cache=memory)
    assert again.taken(wanted) == 5
    assert np.array_equal(whole.pixels, ended(again.finish(wanted)).pixels)


def test_finished_groups_are_not_made_again(planted, memory):
    wanted = goals(np.eye(4)[:2])
    made = ended(climber(planted, steps=3, cache=memory).finish(wanted))
    known = Climber(
        context(planted, memory), lambda: pytest.fail("built again"), steps=3,
        key={"layer": "layer", "recipe": RECIPE.plain()},
    ).known(wanted)  # fmt: skip
    assert np.array_equal(known.pixels, made.pixels)
    assert np.array_equal(known.cosine, made.cosine)
    assert climber(planted, steps=4, cache=memory).known(wanted) is None
    assert climber(planted, steps=3, cache=memory).known(goals(np.eye(4)[1:3])) is None


def test_the_best_of_several_starts_is_kept(planted):
    wanted = goals(np.eye(4))
    one = ended(climber(planted, steps=5).finish(wanted))
    three = ended(climber(planted, steps=5, tries=3).finish(wanted))
    assert (three.objective >= one.objective).all()
    assert (three.objective > one.objective).any()
    kept = three.objective == one.objective
    assert np.array_equal(three.pixels[kept], one.pixels[kept])


def test_one_network_serves_all_groups(planted, monkeypatch):
    built = []
    monkeypatch.setattr(
        "interp_gui.analyses.atlas_pictures.icons.Network",
        lambda *a, _real=IconMaker.__init__.__globals__["Network"], **k: (
            built.append(1) or _real(*a, **k)
        ),
    )
    busy = climber(planted, steps=2)
    for first in range(3):
        ended(busy.finish(goals(np.eye(4)[first : first + 2])))
    assert built == [1]


def test_the_model_keeps_the_last_maker(planted):
    given, layer = context(planted), planted.description.layer("layer")
    first = icon_maker(given, layer, RECIPE)
    assert icon_maker(context(planted), layer, RECIPE) is first
    other = icon_maker(given, layer, Recipe(size=48))
    assert other is not first
    assert icon_maker(given, layer, Recipe(size=48)) is other
    changed = msgspec.structs.replace(planted.preprocessing, mean=(0.4,) * 3)
    twin = planted.with_preprocessing(changed)
    assert icon_maker(context(twin), layer, Recipe(size=48)) is not other


def test_nothing_to_climb_towards_stays_grey(planted):
    icons = ended(climber(planted, steps=5).finish(goals(np.stack([np.zeros(4), np.eye(4)[0]]))))
    assert np.abs(icons.pixels[0].astype(int) - 128).max() < 30
    assert np.isfinite(icons.cosine).all()


def test_the_frame_is_kept_plain():
    flat = torch.full((1, 3, 32, 32), 0.5)
    assert float(frame_penalty(flat)) == 0
    inside, border = flat.clone(), flat.clone()
    inside[..., 10:20, 10:20] = 1
    border[..., :3, :] = 1
    assert float(frame_penalty(inside)) == 0
    assert float(frame_penalty(border)) > 0.01
    assert frame_penalty(torch.rand(3, 3, 32, 32)).shape == (3,)


@pytest.mark.parametrize("name", ["vit", "swin", "cnn"])
@pytest.mark.parametrize("place", ["centre", "mean"])
def test_every_kind_of_network_has_icons(name, place, runtimes, maps_layer):
    runtime = runtimes[name]
    layer = runtime.description.layer(maps_layer[name])
    random = np.random.default_rng(0)
    images = random.normal(size=(2, 3, 32, 32)).astype(np.float32)
    values = runtime.forward(images, capture=[layer.name]).captured[layer.name]
    directions = unit_maps(values, layer, (32, 32)).mean(axis=(2, 3))
    wanted = Goals(directions, np.zeros(layer.units, np.float32), np.ones(2, np.float32), (1, 2))
    maker = IconMaker(context(runtime), layer, Recipe(size=40, place=place))
    group = maker.start(wanted)
    before = maker.judge(group, maker.pixels(group))[1]
    for _ in range(25):
        maker.step(group)
    pixels = maker.pixels(group)
    _, after, found = maker.judge(group, pixels)
    assert pixels.shape == (2, 40, 40, 3)
    assert found.shape == (2, layer.units)
    assert after.mean() > before.mean()
