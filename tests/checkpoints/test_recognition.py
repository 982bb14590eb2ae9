import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interp_gui.checkpoints.index import imagenet_classes
from interp_gui.checkpoints.index_files import all_indexes, load_index
from interp_gui.checkpoints.match import Hints
from interp_gui.checkpoints.recognition import compare, find_matches, recognise
from interp_gui.core.errors import UnknownName


def tensors(name):
    library, _, architecture = name.partition(":")
    return dict(load_index(library).architecture(architecture).tensors)


def names(shapes, **options):
    return [match.name for match in recognise(shapes, **options).matches if match.certain]


def match(shapes, name):
    return next(each for each in recognise(shapes).matches if each.name == name)


@pytest.mark.parametrize("library", ["torchvision", "timm"])
def test_every_architecture_fits_itself_and_its_twins_alone(library):
    index = load_index(library)
    # of a group that shares its table all members are found together
    for places in index.members.values():
        for place in places[:1]:
            each = index.at(place)
            found = find_matches(dict(each.tensors))
            assert f"{library}:{each.name}" in [m.name for m in found]
            usual = {"num_classes", "aux_logits"}
            exact = {
                m.name
                for m in found
                if not m.config.keys() - usual and m.config.get("num_classes") != 0
            }
            if each.auxiliary:  # which no other library has
                assert exact == {f"{library}:{each.name}"}
            else:
                assert exact == {f"{library}:{each.name}", *each.twins}
            for m in found:
                assert m.classes == (1000 if each.head else 0)


@pytest.mark.parametrize("library", ["torchvision", "timm"])
def test_another_number_of_classes_changes_no_answer(library):
    index = load_index(library)
    for place in range(0, len(index.names), 1 if library == "torchvision" else 9):
        each = index.at(place)
        head = set(each.head)
        shapes = {k: (17, *s[1:]) if k in head else s for k, s in each.tensors.items()}
        usual = {m.name for m in find_matches(dict(each.tensors))}
        found = find_matches(shapes)
        assert {m.name for m in found} == usual
        assert {m.classes for m in found} <= ({17} if head else {0})


def test_known_twins_across_the_libraries():
    found = names(tensors("torchvision:resnet50"))
    assert found[0] == "torchvision:resnet50"
    assert {"timm:resnet50", "timm:resnetaa50", "timm:resnetblur50"} <= set(found)
    assert names(tensors("timm:resnet50"), hints=Hints(architecture="resnetaa50"))[0] == (
        "timm:resnetaa50"
    )
    assert names(tensors("timm:vit_tiny_patch16_224")).count("timm:vit_tiny_patch16_224") == 1


def test_heads_of_different_length_do_not_fit():
    shapes = tensors("torchvision:resnet18")
    shapes["fc.bias"] = (999,)
    recognition = recognise(shapes)
    assert recognition.matches == ()
    assert recognition.nearest[0].architecture == "resnet18"
    assert len(recognition.nearest) == 3


@pytest.mark.parametrize(
    "name",
    [
        "torchvision:vgg16_bn",
        "torchvision:efficientnet_b3",
        "torchvision:vit_l_16",
        "timm:convnext_tiny",
    ],
)
def test_nearest_is_the_one_with_most_in_common(name):
    usual = tensors(name)
    lost = list(usual)[:3]
    shapes = {key: shape for key, shape in usual.items() if key not in lost}
    shapes["surprise.weight"] = (3, 3)
    nearest = recognise(shapes).nearest
    first = nearest[0]
    library, _, architecture = name.partition(":")
    assert (first.library, first.architecture) == (library, architecture)
    assert set(first.missing) == set(lost)
    assert first.unexpected == ("surprise.weight",)
    assert first.likeness > 0.9
    assert [each.likeness for each in nearest] == sorted(
        (each.likeness for each in nearest), reverse=True
    )


def test_an_architecture_that_was_asked_for_is_compared():
    shapes = tensors("torchvision:resnet18")
    shapes["layer1.0.conv1.weight"] = (64, 64, 5, 5)
    report = compare(shapes, "torchvision", "resnet18")
    assert [each.key for each in report.reshaped] == ["layer1.0.conv1.weight"]
    assert (report.missing, report.unexpected) == ((), ())
    assert compare(shapes, "timm", "resnet34").missing
    with pytest.raises(UnknownName):
        compare(shapes, "timm", "resnet1234")
    with pytest.raises(UnknownName):
        compare(shapes, "keras", "resnet18")


def test_counters_may_be_there_or_not_but_not_alone():
    shapes = tensors("torchvision:resnet18")
    counted = {}
    for key, shape in shapes.items():
        counted[key] = shape
        if key.endswith("running_var"):
            counted[key.replace("running_var", "num_batches_tracked")] = ()
    assert names(counted) == names(shapes) != []
    assert names({**shapes, "fc.num_batches_tracked": ()}) == []


def test_auxiliary_heads_are_there_whole_or_not_at_all():
    shapes = tensors("torchvision:googlenet")
    assert match(shapes, "torchvision:googlenet").config["aux_logits"] is True
    without = {key: shape for key, shape in shapes.items() if not key.startswith("aux")}
    assert match(without, "torchvision:googlenet").config["aux_logits"] is False
    half = {key: shape for key, shape in shapes.items() if not key.startswith("aux1.conv")}
    assert names(half) == []


def test_buffers_that_follow_from_the_architecture_may_be_there_or_not():
    shapes = tensors("torchvision:swin_t")
    index = {key for key in shapes if key.endswith("relative_position_index")}
    assert index
    assert names({k: s for k, s in shapes.items() if k not in index}) == names(shapes)
    swin = tensors("timm:swin_tiny_patch4_window7_224")
    architecture = load_index("timm").architecture("swin_tiny_patch4_window7_224")
    mask = next(key for key in architecture.surplus if key.endswith("attn_mask"))
    assert names({**swin, mask: (64, 49, 49)}) == names(swin)
    assert find_matches({**swin, "layers.0.attn_mask": (64, 49, 49)}) == ()


def test_the_order_of_shapes_only_proposes():
    shapes = tensors("torchvision:squeezenet1_1")
    renamed = {f"w{i}": shape for i, shape in enumerate(shapes.values())}
    recognition = recognise(renamed)
    found = {m.name: m for m in recognition.matches}
    assert "torchvision:squeezenet1_1" in found
    proposed = found["torchvision:squeezenet1_1"]
    assert not proposed.certain
    assert proposed.renaming is not None
    assert proposed.renaming.convert({"w0": 1, "other": 2}) == {next(iter(shapes)): 1}
    last = list(renamed)[-1]
    cut = {key: shape for key, shape in renamed.items() if key != last}
    assert recognise(cut).matches == ()


SMALL = [
    "torchvision:resnet18", "torchvision:squeezenet1_1", "torchvision:vgg11_bn",
    "torchvision:vit_b_16", "timm:vit_tiny_patch16_224", "timm:convnext_tiny",
    "timm:swin_tiny_patch4_window7_224", "timm:mobilenetv3_small_100",
]  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(SMALL), st.data())
def test_no_match_with_one_tensor_lost_added_renamed_or_reshaped(name, data):
    library, _, architecture_name = name.partition(":")
    architecture = load_index(library).architecture(architecture_name)
    shapes = dict(architecture.tensors)
    free = {*architecture.optional}
    key = data.draw(st.sampled_from([key for key in shapes if key not in free]))
    kind = data.draw(st.sampled_from(["lose", "add", "rename", "reshape"]))
    if kind == "lose":
        del shapes[key]
    elif kind == "add":
        shapes[f"{key}_too"] = shapes[key]
    elif kind == "rename":
        shapes[f"{key}x"] = shapes.pop(key)
    else:
        axis = data.draw(st.integers(0, len(shapes[key]) - 1))
        shape = list(shapes[key])
        shape[axis] += 1
        shapes[key] = tuple(shape)
    grows = {stem.key for stem in architecture.stems}
    for found in recognise(shapes).matches:
        if kind == "reshape" and key in grows and found.channels == 4:
            continue  # images of four channels
        # what only follows in the same order is shown, and never opened unasked
        assert not found.certain, f"{found.name} took it: {kind} {key}"


def test_nothing_fits_nothing():
    assert recognise({}).matches == ()
    assert recognise({"a": ()}).matches == ()
    assert recognise({"weight": (3, 4), "bias": (3,)}).matches == ()
    assert {index.library for index in all_indexes()} == {"torchvision", "timm"}


def test_class_names():
    found = imagenet_classes()
    assert len(found) == 1000
    assert (found[0], found[281], found[999]) == ("tench", "tabby", "toilet tissue")
