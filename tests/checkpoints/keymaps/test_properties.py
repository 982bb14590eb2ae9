"""What holds of every map: nothing is lost, doubled or promised in vain."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from interp_gui.checkpoints.keymaps import by_order, renamings
from interp_gui.checkpoints.keymaps.catalogue import all_maps
from interp_gui.checkpoints.keymaps.rules import Join, Split


def hugging_face_vit(layers, hidden, *, old):
    """Names and shapes of a ViT, written out."""
    base = "vit.encoder.layer" if old else "vit.layers"
    shapes = {
        "vit.embeddings.cls_token": (1, 1, hidden),
        "vit.embeddings.position_embeddings": (1, 5, hidden),
        "vit.embeddings.patch_embeddings.projection.weight": (hidden, 3, 4, 4),
        "vit.embeddings.patch_embeddings.projection.bias": (hidden,),
    }
    attention = (
        ("attention.attention.query", "attention.attention.key", "attention.attention.value",
         "attention.output.dense") if old else
        ("attention.q_proj", "attention.k_proj", "attention.v_proj", "attention.o_proj")
    )  # fmt: skip
    first, second = (
        ("intermediate.dense", "output.dense") if old else ("mlp.fc1", "mlp.fc2")
    )  # fmt: skip
    for layer in range(layers):
        for name in attention:
            shapes[f"{base}.{layer}.{name}.weight"] = (hidden, hidden)
            shapes[f"{base}.{layer}.{name}.bias"] = (hidden,)
        for name in ("layernorm_before", "layernorm_after"):
            shapes[f"{base}.{layer}.{name}.weight"] = (hidden,)
            shapes[f"{base}.{layer}.{name}.bias"] = (hidden,)
        shapes[f"{base}.{layer}.{first}.weight"] = (2 * hidden, hidden)
        shapes[f"{base}.{layer}.{first}.bias"] = (2 * hidden,)
        shapes[f"{base}.{layer}.{second}.weight"] = (hidden, 2 * hidden)
        shapes[f"{base}.{layer}.{second}.bias"] = (hidden,)
    for name in ("vit.layernorm", "classifier"):
        shapes[f"{name}.weight"] = (3, hidden) if name == "classifier" else (hidden,)
        shapes[f"{name}.bias"] = (3,) if name == "classifier" else (hidden,)
    return shapes


def filled(shapes):
    """Whole numbers, all different, so that each can be followed."""
    tensors, start = {}, 0
    for key, shape in shapes.items():
        count = int(torch.Size(shape).numel())
        tensors[key] = torch.arange(start, start + count).reshape(shape)
        start += count
    return tensors


@settings(max_examples=25, deadline=None)
@given(
    layers=st.integers(1, 4), hidden=st.sampled_from([4, 8, 12]), old=st.booleans(),
    order=st.randoms(use_true_random=False),
)  # fmt: skip
def test_every_number_arrives_once_in_whatever_order_names_come(layers, hidden, old, order):
    shapes = hugging_face_vit(layers, hidden, old=old)
    keys = list(shapes)
    order.shuffle(keys)
    shapes = {key: shapes[key] for key in keys}
    tensors = filled(shapes)
    (renaming,) = (each for each in renamings(shapes) if each.target == "timm")
    converted = renaming.convert(tensors)
    assert {key: tuple(value.shape) for key, value in converted.items()} == dict(renaming.shapes)
    arrived = torch.cat([value.flatten() for value in converted.values()]).sort().values
    assert torch.equal(arrived, torch.arange(sum(t.numel() for t in tensors.values())))
    # queries, keys and values in this order
    for layer in range(layers):
        base = (
            f"vit.encoder.layer.{layer}.attention.attention.{{}}.weight" if old
            else f"vit.layers.{layer}.attention.{{}}.weight"
        )  # fmt: skip
        names = ("query", "key", "value") if old else ("q_proj", "k_proj", "v_proj")
        joined = torch.cat([tensors[base.format(name)] for name in names])
        assert torch.equal(converted[f"blocks.{layer}.attn.qkv.weight"], joined)


@settings(max_examples=40, deadline=None)
@given(
    extra=st.text("abcxyz._0123456789", min_size=1, max_size=30), old=st.booleans(),
    place=st.integers(0, 3),
)  # fmt: skip
def test_a_name_that_no_map_knows_stops_every_map(extra, old, place):
    shapes = hugging_face_vit(2, 8, old=old)
    key = ("vit.", "vit.encoder.", "vit.layers.0.", "z")[place] + extra
    if key in shapes:
        return
    for renaming in renamings({**shapes, key: (3,)}):
        assert key in renaming.dropped


@settings(max_examples=40, deadline=None)
@given(data=st.data(), old=st.booleans())
def test_a_missing_part_of_a_matrix_is_not_made_up(data, old):
    shapes = hugging_face_vit(2, 8, old=old)
    names = [
        key for key in shapes
        if any(part in key for part in ("query", "key", "value", "q_proj", "k_proj", "v_proj"))
    ]  # fmt: skip
    lost = data.draw(st.sampled_from(names))
    assert renamings({key: shape for key, shape in shapes.items() if key != lost}) == ()


def test_parts_of_unlike_shapes_are_not_joined():
    shapes = hugging_face_vit(1, 8, old=False)
    shapes["vit.layers.0.attention.q_proj.weight"] = (4, 8)
    assert renamings(shapes) == ()


@pytest.mark.parametrize("names", [{}, {"": (3,)}, {"a": ()}, {"." * 40: (2,)}, {"0.0.0": (1,)}])
def test_odd_names_are_no_network(names):
    assert renamings(names) == ()


def test_tables_name_as_many_numbers_on_both_sides():
    for keymap in all_maps():
        if callable(keymap.rules):
            continue
        for source, fate in keymap.rules.items():
            target = fate if isinstance(fate, str) else getattr(fate, "target", "")
            targets = fate.targets if isinstance(fate, Split) else (target,)
            for each in targets:
                if isinstance(each, str) and each:
                    assert each.count("#") == source.count("#"), (keymap.name, source)
                    assert each.endswith(".*") == source.endswith(".*"), (keymap.name, source)
            if isinstance(fate, Join):
                assert 0 <= fate.slot < fate.of


def test_names_of_maps_say_where_they_lead():
    for keymap in all_maps():
        assert keymap.target in ("timm", "torchvision", "")
        assert keymap.marks
        assert keymap.target in keymap.name


def test_by_order_takes_equal_shapes_one_by_one():
    wanted = {"a.weight": (3, 2), "a.bias": (3,), "b.weight": (3, 3), "c.weight": (5, 3)}
    own = {"x": (3, 2), "y": (3,), "z": (3, 3), "w": (7, 3), "n.num_batches_tracked": ()}
    assert by_order(own, wanted) is None
    renaming = by_order(own, wanted, name="net", library="timm", head={"c.weight"})
    assert renaming.shapes == {"a.weight": (3, 2), "a.bias": (3,), "b.weight": (3, 3),
                               "c.weight": (7, 3)}  # fmt: skip
    assert renaming.dropped == ("n.num_batches_tracked",)
    assert "exchanged" in renaming.note
    tensors = filled(own)
    assert renaming.convert(tensors)["b.weight"] is tensors["z"]


def test_by_order_refuses_another_order_or_number():
    wanted = {"a": (3, 2), "b": (3,), "c": (3, 3), "d": (5, 3)}
    assert by_order({"x": (3,), "y": (3, 2), "z": (3, 3), "w": (5, 3)}, wanted) is None
    assert by_order({"x": (3, 2), "y": (3,), "z": (3, 3)}, wanted) is None
    assert by_order({}, {}) is None
