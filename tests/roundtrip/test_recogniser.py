"""Weights that anything was done to open as what their library makes of them, or not at all.

The library is the judge: what opens is built once more by torchvision or timm under the name and
with the options that were found, is given the file's tensors strictly, and must answer the same.
"""

import warnings
from collections.abc import Callable

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interp_gui.checkpoints.opening import open_checkpoint
from interp_gui.core.errors import UnknownArchitecture

from .networks import answers, build, distance, entry, network_of, noise, spread

State = dict[str, torch.Tensor]

NETWORKS = (
    "torchvision:squeezenet1_1", "torchvision:shufflenet_v2_x0_5", "torchvision:mobilenet_v3_small",
    "torchvision:mnasnet0_5", "timm:test_vit", "timm:test_vit2", "timm:test_vit3",
    "timm:test_convnext", "timm:test_convnext2", "timm:test_resnet", "timm:test_efficientnet",
    "timm:test_efficientnet_gn", "timm:test_efficientnet_evos", "timm:test_byobnet",
    "timm:test_nfnet", "timm:test_mambaout", "timm:test_coatnet", "timm:test_vit_relpos",
    "timm:mobilenetv3_small_050", "timm:lcnet_035", "timm:starnet_s050", "timm:dla46_c",
)  # fmt: skip
COUNTER = "num_batches_tracked"
EQUAL = 1e-5
HEALTH = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


def variants(draw: st.DrawFn) -> tuple[str, dict[str, object]]:
    """An architecture with the options that change shapes."""
    name = draw(st.sampled_from(NETWORKS))
    options: dict[str, object] = {}
    if draw(st.booleans()):
        options["num_classes"] = draw(st.integers(2, 40))
    if draw(st.integers(0, 3)) == 0:
        options["in_chans"] = draw(st.integers(1, 5))
    if name.startswith("timm:test_vit") and draw(st.integers(0, 3)) == 0:
        options["img_size"] = draw(st.sampled_from([64, 96, 128]))
    return name, options


def _keys(state: State) -> list[str]:
    return [key for key in state if not key.endswith(COUNTER)]


def renamed(draw: st.DrawFn, state: State) -> State:
    """One part of one name, or of all names that have it, is another."""
    key = draw(st.sampled_from(_keys(state)))
    parts = key.split(".")
    place = draw(st.integers(0, len(parts) - 1))
    others = sorted({part for each in state for part in each.split(".")})
    new = draw(st.one_of(st.sampled_from(others), st.sampled_from(["x", "0", "attn", "conv1"])))
    road = parts[: place + 1]
    whole = draw(st.booleans())
    made: State = {}
    for each, value in state.items():
        own = each.split(".")
        if own == parts or (whole and own[: place + 1] == road):
            own[place] = new
        made[".".join(own)] = value
    return made


def dropped(draw: st.DrawFn, state: State) -> State:
    key = draw(st.sampled_from(list(state)))
    road = key.rsplit(".", draw(st.integers(0, key.count("."))))[0]
    return {k: v for k, v in state.items() if k != road and not k.startswith(f"{road}.")} or state


def exchanged_alike(draw: st.DrawFn, state: State) -> State:
    key = draw(st.sampled_from(_keys(state)))
    alike = [each for each in _keys(state) if state[each].shape == state[key].shape]
    other = draw(st.sampled_from(alike))
    return {**state, key: state[other], other: state[key]}


def exchanged(draw: st.DrawFn, state: State) -> State:
    key, other = draw(st.sampled_from(_keys(state))), draw(st.sampled_from(_keys(state)))
    return {**state, key: state[other], other: state[key]}


def reshaped(draw: st.DrawFn, state: State) -> State:
    key = draw(st.sampled_from(_keys(state)))
    value = state[key]
    turns: list[Callable[[], torch.Tensor]] = [
        lambda: value.unsqueeze(0), lambda: value.flatten(), lambda: value.repeat_interleave(2, 0),
        lambda: value.transpose(0, -1), lambda: value[:1], lambda: value.sum(),
        lambda: value.squeeze(), lambda: value[..., None],
    ]  # fmt: skip
    turned = draw(st.sampled_from(turns))
    return {**state, key: (turned() if value.dim() else value.reshape(1)).clone()}


def doubled(draw: st.DrawFn, state: State) -> State:
    """A tensor, or a part of the network, is there once more under another name."""
    key = draw(st.sampled_from(_keys(state)))
    road = key.rsplit(".", draw(st.integers(0, key.count("."))))[0]
    new = draw(st.sampled_from([f"{road}_1", f"{road}.0", f"again.{road}", f"{road[:-1]}9"]))
    return {
        **state,
        **{new + k[len(road) :]: v.clone() for k, v in state.items() if k.startswith(road)},
    }


def added(draw: st.DrawFn, state: State) -> State:
    name = draw(st.sampled_from(["mask_token", "extra.weight", "dist_token", "head.2.weight",
                                 "proj.weight", "reg_token", "norm.bias", "fc.bias"]))  # fmt: skip
    shape = draw(st.sampled_from([tuple(v.shape) for v in state.values()]))
    return state if name in state else {**state, name: torch.full(shape, 0.3)}


def wrapped(draw: st.DrawFn, state: State) -> State:
    prefix = draw(st.sampled_from(["module.", "model.", "backbone.", "_orig_mod.", "x."]))
    return {prefix + key: value for key, value in state.items()}


def turned_over(draw: st.DrawFn, state: State) -> State:
    return dict(reversed(state.items()))


def numbered(draw: st.DrawFn, state: State) -> State:
    return {f"w{i}": value for i, value in enumerate(state.values())}


CHANGES = (renamed, dropped, exchanged_alike, exchanged, reshaped, doubled, added, wrapped,
           turned_over, numbered)  # fmt: skip


def test_the_judge_finds_what_is_wrong():
    """Without it a recogniser that opens anything would pass."""
    module = build("timm:test_resnet")
    state = {k: v.clone() for k, v in module.state_dict().items()}
    judge = judged("timm:test_resnet", {}, exchanged_pair(state))
    image = noise(module, "timm:test_resnet", 64)
    assert distance(answers(judge, image), answers(module, image)) > EQUAL


def exchanged_pair(state: State) -> State:
    weights = [key for key in _keys(state) if state[key].dim() == 4]
    first, last = next(
        (a, b) for a in weights for b in weights if a < b and state[a].shape == state[b].shape
    )
    return {**state, first: state[last], last: state[first]}


def judged(name: str, config: dict[str, object], state: State) -> torch.nn.Module:
    """The network that the library itself makes of tensors under its own names."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = network_of(name, config).eval().requires_grad_(False)
    known = entry(name)
    lenient = {*known.optional, *known.surplus, "mask_token"}  # the last serves training only
    own = module.state_dict()
    for key, value in own.items():
        if key in state:
            assert value.shape == state[key].shape, key
            value.copy_(state[key])
        else:
            assert key in lenient or key.endswith(COUNTER), f"{key} was made up"
    left = [k for k in state if k not in own and k not in lenient and not k.endswith(COUNTER)]
    assert not left, f"{left} were left out"
    return module


def attempt(state: State, folder) -> str:
    """Open the tensors; what opens is compared with what the library makes of them."""
    path = folder / "changed.pth"
    torch.save(state, path)
    try:
        opened = open_checkpoint(path)
    except UnknownArchitecture as refused:
        question = refused.question
        assert question is not None
        assert question.candidates or question.nearest or question.code or question.head
        return "refused"
    found = opened.description
    plain = plainly(state, found.notes)
    if not set(opened.module.state_dict()) <= {*plain, *counters(opened.module), *optional(found)}:
        raise AssertionError(f"{found.architecture} has tensors that the file has not")
    config = {k: v for k, v in found.config.items() if k not in ("transform_input", "head")}
    if own_head(found.notes):
        own = opened.module.state_dict()
        assert all(torch.equal(own[key], plain[key].float()) for key in own if key in plain)
        assert set(plain) - set(own) <= {k for k in plain if k.endswith(COUNTER)}
        return "opened with a head of its own"
    judge = judged(f"{found.library}:{found.architecture}", config, plain)
    image = noise(judge, f"{found.library}:{found.architecture}", found.preprocessing.size[0])
    apart = distance(answers(opened.module, image), answers(judge, image))
    if apart == float("inf") and not 0 < spread(answers(judge, image)) < float("inf"):
        # answers that are all the same or no numbers (of a variance below zero) tell nothing
        own, true = opened.module.state_dict(), judge.state_dict()
        assert own.keys() == true.keys()
        assert all(torch.equal(own[k], v.float()) for k, v in true.items() if k in plain)
        return "opened"
    assert apart <= EQUAL, f"{found.architecture} is {apart:.2g} off"
    return "opened"


def plainly(state: State, notes: tuple[str, ...]) -> State:
    """The tensors under the names that are left when what the notes tell is taken off."""
    for note in notes:
        if note.startswith("The prefix '"):
            prefix = note.split("'")[1]
            return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    return state


def counters(module: torch.nn.Module) -> set[str]:
    return {key for key in module.state_dict() if key.endswith(COUNTER)}


def optional(found) -> set[str]:
    return set(entry(f"{found.library}:{found.architecture}").optional)


def own_head(notes: tuple[str, ...]) -> bool:
    return any(note.startswith(("Its head is one", "It has no head at")) for note in notes)


def run(data: st.DataObject, folder, monkeypatch) -> None:
    monkeypatch.setenv("INTERP_GUI_DATA", str(folder / "nothing remembered"))
    name, options = variants(data.draw)
    side = options.pop("img_size", 0)
    state = dict(build(name, side=side, seed=data.draw(st.integers(0, 3)), **options).state_dict())
    changes = data.draw(st.lists(st.sampled_from(CHANGES), max_size=3))
    for change in changes:
        state = change(data.draw, state)
    outcome = attempt(state, folder)
    if set(changes) <= {turned_over, exchanged_alike}:
        assert outcome.startswith("opened") or name in offered(folder)
    if numbered in changes:
        assert outcome == "refused"


def offered(folder) -> set[str]:
    with pytest.raises(UnknownArchitecture) as refused:
        open_checkpoint(folder / "changed.pth")
    found = refused.value.question.candidates
    return {each.name for each in found} | {other for each in found for other in each.same}


@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=HEALTH)
@given(data=st.data())
def test_nothing_wrong_opens(tmp_path, monkeypatch, data):
    run(data, tmp_path, monkeypatch)


@pytest.mark.thorough
@settings(max_examples=200, deadline=None, suppress_health_check=HEALTH, print_blob=True)
@given(data=st.data())
def test_nothing_wrong_opens_whatever_is_done(tmp_path, monkeypatch, data):
    run(data, tmp_path, monkeypatch)
