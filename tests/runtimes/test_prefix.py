"""A cached prefix answers as the runtime does, bit for bit, and computes less."""

import itertools
from collections import Counter
from contextlib import contextmanager

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import Cancelled, EditProblem, InterpError, InvalidValue, UnknownName
from interp_gui.core.feature import Feature, as_vectors
from interp_gui.core.runtime import Capture
from interp_gui.runtimes.prefix import CachedPrefix
from interp_gui.runtimes.torch_edits import apply_edit


def ablate(layer, *units):
    return Edit(feature=Feature(layer=layer, units=units or (0,)), kind="ablate")


def scale(layer, amount):
    return Edit(feature=Feature(layer=layer, units=(1,)), kind="scale", amount=amount)


def same(one, other):
    assert one.hits == other.hits
    assert one.outputs.keys() == other.outputs.keys()
    assert one.captured.keys() == other.captured.keys()
    for name, value in [*one.outputs.items(), *one.captured.items()]:
        found = other.outputs[name] if name in other.outputs else other.captured[name]
        assert value.tobytes() == found.tobytes(), name
        assert value.shape == found.shape


def check(runtime, x, stacks, **asked):
    """Every stack twice through one prefix; what was kept in the end."""
    prefix = CachedPrefix(runtime, x)
    for edits in [*stacks, *stacks]:
        stack = EditStack(tuple(edits))
        same(runtime.forward(x, edits=stack, **asked), prefix.forward(edits=stack, **asked))
    return prefix


@contextmanager
def counted(runtime):
    """Calls of leaves, by path."""
    calls = Counter()
    paths = {id(m): p for p, m in runtime.module.named_modules() if not any(m.children())}

    def hook(module, _args):
        calls[paths.get(id(module))] += 1

    handle = nn.modules.module.register_module_forward_pre_hook(hook)
    try:
        yield calls
    finally:
        handle.remove()


def depths(runtime):
    layers = [info.name for info in runtime.description.layers]
    return [layers[int(len(layers) * share)] for share in (0.1, 0.5, 0.9)]


def input_site(runtime, layer):
    """The input of a layer, or of the next one whose input can be edited."""
    layers = [info.name for info in runtime.description.layers]
    for name in layers[layers.index(layer) :]:
        try:
            return runtime.layer(f"{name}/in").name
        except InterpError:
            continue
    raise AssertionError


def test_edits_at_any_depth_are_bit_equal(network, batch, untouched):
    x = batch(network, 1)
    early, middle, late = depths(network)
    for layer in (early, middle, late):
        with untouched(network):
            prefix = check(network, x, [[ablate(layer)], [scale(layer, -2.0)]])
        assert prefix.kept_bytes > 0 or layer == early
    site = input_site(network, middle)
    assert check(network, x, [[ablate(site)], [scale(site, 3.0)]]).kept_bytes
    several = [[ablate(late), scale(middle, 2.0)], [scale(late, 2.0), scale(middle, -1.0)]]
    assert check(network, x, several).kept_bytes


def test_a_batch_of_three_with_captures_is_bit_equal(network, batch):
    x = batch(network, 3)
    early, middle, late = depths(network)
    asked = [early, Capture(middle, "before"), middle, late]
    prefix = check(network, x, [[ablate(middle)], [scale(middle, 2.0)]], capture=asked)
    assert prefix.kept_bytes
    check(network, x, [[ablate(middle)]], capture=[early], until=middle)


@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet18", "vit_b_16"])
def test_what_lies_before_the_edit_is_not_run_again(name, built, batch):
    network = built(name)
    x, layer = batch(network, 1), depths(network)[2]
    prefix = CachedPrefix(network, x)
    prefix.forward(edits=EditStack((ablate(layer),)))
    with counted(network) as plain:
        network.forward(x, edits=EditStack((scale(layer, 2.0),)))
    with counted(network) as again:
        prefix.forward(edits=EditStack((scale(layer, 2.0),)))
    assert sum(again.values()) < 0.4 * sum(plain.values())
    heavy = [p for p, m in network.module.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    first = heavy[0]
    assert plain[first] == 1


@pytest.mark.parametrize("name", ["densenet121", "shufflenet_v2_x0_5", "googlenet"])
def test_branching_networks_are_bit_equal(name, tiny, batch):
    torch.manual_seed(1)
    options = {"init_weights": False} if name == "googlenet" else {}
    runtime = tiny(torchvision.models.get_model(name, **options).eval(), size=64)
    x = batch(runtime, 2)
    for layer in depths(runtime):
        assert check(runtime, x, [[ablate(layer)], [scale(layer, 2.0)]]).kept_bytes


class Traps(nn.Module):
    """Reused modules, in-place additions, identities, and a residual that is written into."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.shared = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1), nn.ReLU())
        self.same = nn.Identity()
        self.last = nn.Linear(6, 5)

    def forward(self, x):
        x = self.first(x)
        kept = self.same(x)
        y = self.shared(x)
        y += x
        kept *= 0.5
        y = self.shared(y)
        y.add_(x)
        y = self.shared(y)
        return self.last(y.mean((2, 3)))


@pytest.mark.parametrize(
    "layer",
    ["shared", "shared#1", "shared#2", "shared.0#1", "shared.1#1", "shared.0#2/in", "shared#1/in",
     "last", "last/in", "first"],
)  # fmt: skip
def test_reused_modules_and_in_place_additions_are_bit_equal(layer, tiny, batch, untouched):
    torch.manual_seed(0)
    runtime = tiny(Traps())
    x = batch(runtime, 3)
    with untouched(runtime):
        prefix = check(runtime, x, [[ablate(layer)], [scale(layer, 2.0)]])
        check(runtime, x, [[ablate(layer)]], capture=["shared.0", "shared.1#1", "first"])
    assert prefix.kept_bytes


class WritesItsInput(nn.Module):
    def forward(self, x):
        x.mul_(2.0)
        return x + 1


class Remembers(nn.Module):
    """Hands a value on through an attribute, past the arguments."""

    def __init__(self):
        super().__init__()
        self.seen = None

    def forward(self, x):
        self.seen = x.mean()
        return x * 1.5


class Sly(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3)
        self.inner = inner
        self.last = nn.Linear(6, 5)

    def forward(self, x):
        x = self.first(x)
        y = self.inner(x) + x
        return self.last(y.mean((2, 3))) + (getattr(self.inner, "seen", None) or 0)


def test_a_module_that_writes_into_its_input_is_run_again(tiny, batch):
    runtime = tiny(Sly(WritesItsInput()))
    x = batch(runtime, 1)
    prefix = check(runtime, x, [[ablate("last/in")], [scale("last/in", 2.0)]])
    assert prefix.kept_bytes


class WritesUnseen(nn.Module):
    """As `WritesItsInput`, past what torch counts."""

    def forward(self, x):
        x.detach().numpy()[...] *= 2.0
        return x * 1.5


def test_a_module_that_writes_unseen_is_found_out_by_the_proof(tiny, batch):
    """What is kept is tried once: a pass that differs with it goes without."""
    runtime = tiny(Sly(WritesUnseen()))
    x = batch(runtime, 1)
    check(runtime, x, [[scale("inner", 2.0)], [scale("inner", 3.0)]])


def test_a_module_with_a_memory_of_its_own_is_never_left_out(tiny, batch):
    runtime = tiny(Sly(Remembers()))
    x, other = batch(runtime, 1), batch(runtime, 1, seed=5)
    prefix = CachedPrefix(runtime, x)
    for amount in (2.0, 3.0, 4.0):
        stack = EditStack((scale("last/in", amount),))
        true = runtime.forward(x, edits=stack)
        runtime.forward(other)
        same(true, prefix.forward(edits=stack))
    assert not prefix.kept_bytes


def test_changed_weights_are_noticed(tiny, batch):
    runtime = tiny(Traps())
    x, stack = batch(runtime, 1), EditStack((ablate("last/in"),))
    prefix = CachedPrefix(runtime, x)
    before = prefix.forward(edits=stack)
    runtime.module.first.weight.mul_(1.5)
    after = prefix.forward(edits=stack)
    same(after, runtime.forward(x, edits=stack))
    assert not np.array_equal(before.outputs["output"], after.outputs["output"])


def test_a_limit_bounds_what_is_kept(built, batch):
    network = built("mobilenet_v2")
    x, layer = batch(network, 1), depths(network)[2]
    stack = EditStack((ablate(layer),))
    for limit in (0, 5_000, 20_000, 10**9):
        prefix = CachedPrefix(network, x, limit_bytes=limit)
        for _ in range(2):
            same(network.forward(x, edits=stack), prefix.forward(edits=stack))
        assert prefix.kept_bytes <= limit
    assert prefix.kept_bytes


def test_errors_are_those_of_the_runtime_and_leave_nothing(built, batch, untouched):
    network = built("resnet18")
    x = batch(network, 1)
    prefix = CachedPrefix(network, x)
    good = EditStack((ablate("layer3.0"),))
    patch = Edit(feature=Feature(layer="layer3.0"), kind="patch", source="nowhere")
    cases = [
        (InterpError, {"edits": EditStack((ablate("nowhere"),))}),
        (UnknownName, {"edits": EditStack((ablate("layer3.0", 99999),))}),
        (InterpError, {"edits": good, "capture": ["no layer!"]}),
        (EditProblem, {"edits": EditStack((patch,))}),
        (EditProblem, {"edits": good, "until": "layer1.0"}),
        (InvalidValue, {"edits": good, "until": "layer3.0", "capture": ["fc"]}),
    ]
    for _ in range(2):
        for kind, asked in cases:
            with untouched(network):
                with pytest.raises(kind) as plain:
                    network.forward(x, **asked)
                with pytest.raises(kind) as cached:
                    prefix.forward(**asked)
            assert str(plain.value) == str(cached.value)
        same(network.forward(x, edits=good), prefix.forward(edits=good))


@pytest.mark.parametrize("allowed", [0, 3, 30, 75, 90])
def test_cancelling_works_and_leaves_nothing(allowed, built, batch, untouched):
    network = built("resnet18")
    x, stack = batch(network, 1), EditStack((ablate("layer3.0"),))
    prefix = CachedPrefix(network, x)
    calls = 0

    def stop():
        nonlocal calls
        calls += 1
        if calls > allowed:
            raise Cancelled

    def repeat():
        for _ in range(9):
            prefix.forward(edits=stack)

    with untouched(network), pytest.raises(Cancelled), network.cancel_with(stop):
        repeat()
    assert calls == allowed + 1
    assert not any("forward" in vars(m) for m in network.module.modules())
    for _ in range(2):
        same(network.forward(x, edits=stack), prefix.forward(edits=stack))


def test_directions_patches_and_passes_without_edits(built, batch):
    network = built("mobilenet_v2")
    x, layer = batch(network, 2), "features.7"
    value = network.forward(x, capture=[layer]).captured[layer]
    vectors = as_vectors(np.random.default_rng(0).normal(size=(2, value.shape[1])))
    out = Edit(feature=Feature(layer=layer, vectors=vectors), kind="project_out")
    patch = Edit(feature=Feature(layer=layer), kind="patch", source="b")
    sources = {(layer, "b"): value[1]}
    check(network, x, [[out], [patch], [patch, out], []], sources=sources, capture=[layer])


def leaves(network, run):
    with counted(network) as calls:
        run()
    return sum(calls.values())


@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet18", "vit_b_16"])
def test_all_subsets_of_a_stack_are_bit_equal_and_share_what_is_kept(name, built, batch):
    network = built(name)
    x = batch(network, 1)
    layers = depths(network)
    edits = [scale(layer, 2.0) for layer in layers]
    subsets = [EditStack(c) for n in (3, 2, 1) for c in itertools.combinations(edits, n)]
    prefix = CachedPrefix(network, x)
    prefix.forward(edits=subsets[0])
    alone = prefix.kept_bytes
    whole = leaves(network, lambda: network.forward(x))
    for stack in subsets[1:]:  # none is computed from the start
        true = network.forward(x, edits=stack)
        with counted(network) as calls:
            same(true, prefix.forward(edits=stack))
        assert sum(calls.values()) <= whole
    assert prefix.kept_bytes == alone
    for _ in range(2):
        for stack in subsets:
            same(network.forward(x, edits=stack), prefix.forward(edits=stack))
    again = {}
    for stack in subsets:
        again[stack.edits] = leaves(network, lambda stack=stack: prefix.forward(edits=stack))
    # each costs what lies behind its own first edit
    assert again[edits[2],] < 0.3 * whole
    assert again[tuple(edits[1:])] < 0.8 * whole
    assert again[edits[2],] < again[edits[1],] <= again[tuple(edits[1:])] < again[edits[0],]
    assert alone < prefix.kept_bytes < 6 * alone + 2**20


def test_what_is_kept_for_a_late_edit_is_not_used_for_an_early_one(built, batch):
    network = built("resnet18")
    x = batch(network, 1)
    early, middle, late = depths(network)
    for order in itertools.permutations([early, middle, late]):
        check(network, x, [[scale(layer, 3.0)] for layer in order])
    inside = [[scale(input_site(network, layer), 3.0)] for layer in (late, middle, early)]
    check(network, x, [*inside, [scale(middle, 2.0)], *inside[::-1]])


def test_reading_what_was_left_out_is_bit_equal(built, batch):
    network = built("mobilenet_v2")
    x = batch(network, 1)
    names = [info.name for info in network.description.layers]
    prefix = CachedPrefix(network, x)
    stack = EditStack((scale(names[120], 2.0),))
    for asked in ((), names[10:14], names[60:62], (), names[130:132], names[115:125]):
        true = network.forward(x, edits=stack, capture=asked)
        for _ in range(3):
            same(true, prefix.forward(edits=stack, capture=asked))


def test_several_sets_of_places_stay_within_the_limit(built, batch):
    network = built("mobilenet_v2")
    x = batch(network, 1)
    limit = 150_000
    prefix = CachedPrefix(network, x, limit_bytes=limit)
    for _ in range(3):
        for layer in (depths(network)[1], depths(network)[2], depths(network)[0]):
            stack = EditStack((scale(layer, 2.0),))
            same(network.forward(x, edits=stack), prefix.forward(edits=stack))
            assert prefix.kept_bytes <= limit
    assert prefix.kept_bytes


@pytest.mark.parametrize("path", ["shared", "first", "last", "shared.0"])
def test_a_shared_module_is_counted_whatever_is_left_out(path, tiny, batch):
    """Later calls of a module are told from those that were within what was left out."""
    torch.manual_seed(0)
    runtime = tiny(Traps())
    x = batch(runtime, 2)
    prefix = CachedPrefix(runtime, x)
    sites = ["shared.1#2", "shared#1", "last/in", "shared.0#1", f"{path}/in", path]
    for _ in range(3):
        for count in (1, 2):
            for chosen in itertools.combinations(sites, count):
                stack = EditStack(tuple(scale(site, 2.0) for site in chosen))
                same(runtime.forward(x, edits=stack), prefix.forward(edits=stack))


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_memory_that_runs_short_leaves_nothing(failing, built, batch, untouched, monkeypatch):
    """In the first pass, in its proof, and in one that takes what was kept."""
    network = built("mobilenet_v2")
    x, stack = batch(network, 1), EditStack((scale(depths(network)[1], 2.0),))
    prefix = CachedPrefix(network, x)
    passes = []

    def short(value, *given, **named):
        passes.append(1)
        if len(passes) == failing:
            raise torch.OutOfMemoryError
        return apply_edit(value, *given, **named)

    monkeypatch.setattr("interp_gui.runtimes.torch_runtime.apply_edit", short)
    true = network.forward(x)  # no edit: it does not count
    with untouched(network):
        for _ in range(3):
            found = prefix.forward(edits=stack)
    monkeypatch.undo()
    same(found, network.forward(x, edits=stack))
    assert not np.array_equal(found.outputs["output"], true.outputs["output"])
    assert not any("forward" in vars(m) for m in network.module.modules())
