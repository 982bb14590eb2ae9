"""A graph cut in two at its edits answers as the whole graph, and computes less."""

import itertools

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

from interp_gui.core.edit import Baseline, Edit, EditStack
from interp_gui.core.errors import Cancelled, EditProblem, InterpError
from interp_gui.core.feature import Feature, as_vectors
from interp_gui.core.place import Place
from interp_gui.core.runtime import Capture
from interp_gui.runtimes.onnx import splitting
from interp_gui.runtimes.onnx.cutting import cut
from interp_gui.runtimes.onnx.rewriting import Plan, Rewritten, SiteSlots, rewrite
from interp_gui.runtimes.onnx.runtime import OnnxRuntime
from interp_gui.runtimes.prefix import CachedPrefix
from tests.runtimes.onnx.conftest import SIZE, described, exported

EARLY, MIDDLE, LATE = "stem.0.Conv", "down.Conv", "mlp.0.Add"


def scale(layer, amount=3.0, units=(1,)):
    return Edit(feature=Feature(layer=layer, units=units), kind="scale", amount=amount)


def agree(runtime, prefix, x, edits, *, tolerance=1e-6, **asked):
    stack = EditStack(tuple(edits))
    whole, behind = (
        runtime.forward(x, edits=stack, **asked), prefix.forward(edits=stack, **asked)
    )  # fmt: skip
    assert whole.hits == behind.hits
    assert whole.outputs.keys() == behind.outputs.keys()
    assert whole.captured.keys() == behind.captured.keys()
    pairs = [(v, behind.outputs[k]) for k, v in whole.outputs.items()]
    pairs += [(v, behind.captured[k]) for k, v in whole.captured.items()]
    for one, other in pairs:
        assert one.dtype == other.dtype == np.float32
        assert one.shape == other.shape
        assert np.abs(one - other).max() <= tolerance * np.abs(one).max()
    return behind


@pytest.fixture
def fresh(small_bytes):
    return OnnxRuntime(small_bytes, described(6))


def cuts(runtime):
    """The cuts at hand; None where one could not be made."""
    kept = runtime.network.sessions._kept
    return [v for k, v in kept.items() if k[0] is splitting.Splits and isinstance(k[1], Plan)]


def test_every_layer_answers_as_the_whole_graph(fresh, batch):
    prefix = CachedPrefix(fresh, batch)
    plain = fresh.forward(batch).outputs["output"]
    for info in fresh.description.layers:
        if info.writable:
            found = agree(fresh, prefix, batch, [scale(info.name)])
            assert np.abs(found.outputs["output"] - plain).max() > 0, info.name
    assert prefix.kept_bytes
    made = cuts(fresh)
    assert made
    assert all(split is not None for split in made)


def test_what_crosses_a_cut_may_skip_it_or_count(fresh, batch):
    CachedPrefix(fresh, batch).forward(edits=EditStack((scale("body.Conv"),)))
    (split,) = cuts(fresh)
    assert len(split.cut.crossing) > 1  # the sum takes what the convolution took
    CachedPrefix(fresh, batch).forward(edits=EditStack((scale("norm.LayerNormalization"),)))
    assert len(cuts(fresh)) == 2


def test_kinds_of_edits_through_one_prefix(fresh, batch):
    info = fresh.layer(MIDDLE)
    value = fresh.forward(batch, capture=[MIDDLE]).captured[MIDDLE]
    vectors = as_vectors(np.random.default_rng(0).normal(size=(2, info.units)))
    unit, span = Feature(layer=MIDDLE, units=(3,)), Feature(layer=MIDDLE, vectors=vectors)
    sources = {(MIDDLE, "b"): value[1]}
    prefix = CachedPrefix(fresh, batch)
    for edit in (
        Edit(feature=unit, kind="ablate", baseline=Baseline("mean", (0.4,))),
        Edit(feature=unit, kind="clamp", high=0.1),
        Edit(feature=unit, kind="add", amount=2.0),
        Edit(feature=unit, kind="scale", amount=-1.0, place=Place("region", region=((0.2, 1.0),))),
        Edit(feature=span, kind="project_out"),
        Edit(feature=span, kind="patch", source="b"),
        Edit(feature=Feature(layer=MIDDLE), kind="patch", source="b"),
    ):
        agree(fresh, prefix, batch, [edit], sources=sources, capture=[MIDDLE, LATE])


def test_edits_that_change_nothing_leave_every_bit(fresh, batch):
    prefix = CachedPrefix(fresh, batch)
    plain = fresh.forward(batch, capture=[LATE])
    for layer in (EARLY, MIDDLE, LATE, "head.Gemm"):
        for _ in range(2):
            edits = EditStack((scale(layer, 1.0), scale(layer, 1.0, (0,))))
            found = prefix.forward(edits=edits, capture=[LATE])
            assert np.array_equal(found.outputs["output"], plain.outputs["output"])
            assert np.array_equal(found.captured[LATE], plain.captured[LATE])
    found.outputs["output"][:] = 0
    again = prefix.forward(edits=edits, capture=[LATE])
    assert np.array_equal(again.outputs["output"], plain.outputs["output"])


def test_captures_before_the_cut_at_it_and_behind_it(fresh, batch):
    prefix = CachedPrefix(fresh, batch)
    asked = [EARLY, Capture(MIDDLE, "before"), MIDDLE, LATE, "stem.0.Conv/in", "head.Gemm/in"]
    agree(fresh, prefix, batch, [scale(MIDDLE)], capture=asked)
    agree(fresh, prefix, batch, [scale(MIDDLE)], capture=asked[:2])
    agree(fresh, prefix, batch, [scale(MIDDLE), scale("head.Gemm/in")], capture=asked)
    agree(fresh, prefix, batch, [scale(EARLY)], capture=[EARLY], until=MIDDLE)


def test_all_subsets_of_a_stack_need_one_cut(fresh, batch):
    edits = [scale(EARLY), scale(MIDDLE), scale(MIDDLE, 0.5, (2,)), scale(LATE)]
    prefix = CachedPrefix(fresh, batch)
    prefix.forward(edits=EditStack(tuple(edits)))
    made = fresh.sessions_made
    stacks = [c for n in (1, 2, 3, 4) for c in itertools.combinations(edits, n)]
    found = [prefix.forward(edits=EditStack(stack)).outputs["output"] for stack in stacks]
    assert fresh.sessions_made == made
    for stack, answer in zip(stacks, found, strict=True):
        whole = fresh.forward(batch, edits=EditStack(stack)).outputs["output"]
        assert np.abs(answer - whole).max() <= 1e-6 * np.abs(whole).max()


def test_a_cut_that_is_only_lent_gives_way_to_one_of_its_own(fresh, batch, monkeypatch):
    monkeypatch.setattr(splitting, "_MOST_LENT", 3)
    prefix = CachedPrefix(fresh, batch)
    prefix.forward(edits=EditStack((scale(EARLY), scale(LATE))))
    for _ in range(3):
        agree(fresh, prefix, batch, [scale(LATE)])
    assert len(cuts(fresh)) == 1
    agree(fresh, prefix, batch, [scale(LATE)])
    assert len(cuts(fresh)) == 2


def test_images_share_a_cut_and_sliders_make_no_session(fresh, batch):
    CachedPrefix(fresh, batch[:1]).forward(edits=EditStack((scale(MIDDLE),)))
    made = fresh.sessions_made
    for image in range(3):
        prefix = CachedPrefix(fresh, batch[image : image + 1])
        for amount in (0.0, 2.0, -1.0):
            prefix.forward(edits=EditStack((scale(MIDDLE, amount),)))
    assert fresh.sessions_made == made


def test_a_graph_for_one_image_at_a_time(small, batch):
    runtime = OnnxRuntime(exported(small, dynamic=False), described(6))
    prefix = CachedPrefix(runtime, batch)
    for layer in (EARLY, MIDDLE, LATE):
        agree(runtime, prefix, batch, [scale(layer)], capture=[MIDDLE])
    assert cuts(runtime)


def test_a_graph_of_half_precision(small_bytes, batch):
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model = convert_float_to_float16(onnx.load_model_from_string(small_bytes), keep_io_types=True)
    nodes = sorted(model.graph.node, key=lambda node: "image" not in node.input)  # as ONNX asks
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    runtime = OnnxRuntime(model.SerializeToString(), described(6))
    layers = [x.name for x in runtime.description.layers if x.writable and x.units]
    assert [runtime._layers.dtypes[name] for name in layers].count("float16") > 12
    prefix = CachedPrefix(runtime, batch)
    for layer in layers:
        agree(runtime, prefix, batch, [scale(layer)], tolerance=5e-3)
    agree(runtime, prefix, batch, [scale(layers[0]), scale(layers[5])], tolerance=5e-3)
    assert prefix.kept_bytes
    assert any(cuts(runtime))


def with_a_branch():
    """A graph whose `If` takes a value of the outer graph without naming it."""
    value = [helper.make_tensor_value_info("twice", TensorProto.FLOAT, None)]
    other = [helper.make_tensor_value_info("thrice", TensorProto.FLOAT, None)]
    yes = helper.make_graph([helper.make_node("Add", ["a", "a"], ["twice"])], "yes", [], value)
    no = helper.make_graph([helper.make_node("Mul", ["a", "a"], ["thrice"])], "no", [], other)
    generator = np.random.default_rng(0)
    weights = {
        "w": generator.normal(size=(4, 3, 3, 3)), "v": generator.normal(size=(4, 4, 1, 1)),
    }  # fmt: skip
    nodes = [
        helper.make_node("Conv", ["image", "w"], ["a"], name="/first/Conv"),
        helper.make_node("Conv", ["a", "v"], ["b"], name="/second/Conv"),
        helper.make_node("ReduceMax", ["image"], ["most"], keepdims=0),
        helper.make_node("Cast", ["most"], ["choice"], to=TensorProto.BOOL),
        helper.make_node("If", ["choice"], ["c"], then_branch=yes, else_branch=no),
        helper.make_node("Add", ["b", "c"], ["d"], name="/third/Add"),
        helper.make_node("ReduceMean", ["d"], ["logits"], axes=[2, 3], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes, "graph",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 4])],
        [onnx.numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    return model


def test_a_graph_with_branches_is_not_cut(small_bytes):
    """Models of that kind are refused on opening; the cut does not rely on it."""
    model = with_a_branch()
    kept = Rewritten(model=model, outputs=("logits",), reads=(), inputs={})
    assert cut(kept, "image") is None
    runtime = OnnxRuntime(small_bytes, described(6))
    site = runtime._layers.places[MIDDLE]
    slots = SiteSlots(site, ("hard",), 1, 4, 12)
    graph = runtime.graph
    made = rewrite(runtime.network.skeleton, graph, Plan(edits=(slots,)))
    assert cut(made, graph.inputs[0].name) is not None


def test_a_limit_bounds_what_is_kept(fresh, batch):
    sizes = []
    for limit in (0, 10_000, 10**9):
        prefix = CachedPrefix(fresh, batch, limit_bytes=limit)
        for layer in (EARLY, MIDDLE, LATE, EARLY):
            agree(fresh, prefix, batch, [scale(layer)])
            prefix.forward(edits=EditStack((scale(layer, 1.0),)))
        assert prefix.kept_bytes <= limit
        sizes.append(prefix.kept_bytes)
    assert sizes[0] == 0
    assert sizes[-1] > 10_000


def test_sessions_stay_bounded(fresh, batch):
    prefix = CachedPrefix(fresh, batch)
    layers = [x.name for x in fresh.description.layers if x.writable]
    for layer in [*layers, *layers]:
        prefix.forward(edits=EditStack((scale(layer),)))
    assert len(fresh.network.sessions._kept) <= 12
    assert len(fresh.splits._plans) <= 12


def test_errors_and_cancelling_are_those_of_the_runtime(fresh, batch):
    prefix = CachedPrefix(fresh, batch)
    plain = fresh.forward(batch).outputs["output"]
    patch = Edit(feature=Feature(layer=MIDDLE), kind="patch", source="nowhere")
    for edits, asked in (
        ([scale("nowhere")], {}), ([scale(MIDDLE, units=(999,))], {}), ([patch], {}),
        ([scale(MIDDLE)], {"until": EARLY}), ([scale(MIDDLE)], {"capture": ["no layer!"]}),
    ):  # fmt: skip
        with pytest.raises(InterpError) as whole:
            fresh.forward(batch, edits=EditStack(tuple(edits)), **asked)
        with pytest.raises(InterpError) as behind:
            prefix.forward(edits=EditStack(tuple(edits)), **asked)
        assert str(whole.value) == str(behind.value)

    def stop():
        raise Cancelled

    for _ in range(2):
        with pytest.raises(Cancelled), fresh.cancel_with(stop):
            prefix.forward(edits=EditStack((scale(MIDDLE),)))
        agree(fresh, prefix, batch, [scale(MIDDLE)])
    assert np.array_equal(fresh.forward(batch).outputs["output"], plain)
    with pytest.raises(EditProblem):
        prefix.forward(edits=EditStack((patch,)))


def test_attention_is_cut_too(batch):
    class Attending(nn.Module):
        def __init__(self):
            super().__init__()
            self.patch = nn.Conv2d(3, 16, 8, 8)
            self.block = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, norm_first=True)
            self.head = nn.Linear(16, 5)

        def forward(self, x):
            x = self.patch(x).flatten(2).transpose(1, 2)
            return self.head(self.block(x).mean(1))

    torch.manual_seed(0)
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        runtime = OnnxRuntime(exported(Attending().eval()), described(5))
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    prefix = CachedPrefix(runtime, batch)
    layers = [x for x in runtime.description.layers if x.writable and x.units > 1]
    assert len(layers) > 12
    for info in layers:
        agree(runtime, prefix, batch, [scale(info.name)])
    assert any(
        v.dtype == np.int64 for parts in prefix._split._parts.values() for v in parts[0].values()
    ) or all(split is not None for split in cuts(runtime))
