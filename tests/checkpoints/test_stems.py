import pytest
import torch

from interp_gui.checkpoints.building import build_empty, build_match
from interp_gui.checkpoints.index import Architecture, Grown
from interp_gui.checkpoints.match import Hints
from interp_gui.checkpoints.positions import find_size, fit, length
from interp_gui.checkpoints.recognition import find_matches, recognise
from interp_gui.core.model import Preprocessing


def shapes(library, name, **config):
    state = build_empty(library, name, config).state_dict()
    return {key: tuple(value.shape) for key, value in state.items()}


def found(library, name, hints=Hints(), **config):
    matches = recognise(shapes(library, name, **config), hints=hints).matches
    return next(each for each in matches if each.name == f"{library}:{name}")


@pytest.mark.parametrize("channels", [1, 2, 4, 13])
@pytest.mark.parametrize(
    "name",
    [
        "torchvision:resnet18",
        "torchvision:vit_b_16",
        "torchvision:googlenet",
        "torchvision:convnext_tiny",
        "timm:resnet18",
        "timm:vit_tiny_patch16_224",
        "timm:tresnet_m",
        "timm:efficientnet_b0",
    ],
)
def test_stems_of_other_channels(name, channels):
    library, _, architecture = name.partition(":")
    match = found(library, architecture, in_chans=channels, num_classes=4)
    assert (match.channels, match.classes) == (channels, 4)
    assert match.config["in_chans"] == channels


def test_stems_that_disagree_do_not_fit():
    both = shapes("timm", "crossvit_tiny_240", in_chans=5)
    assert next(iter(recognise(both).matches)).channels == 5
    key = "patch_embed.0.proj.weight"
    both[key] = (both[key][0], 4, *both[key][2:])
    assert recognise(both).matches == ()


@pytest.mark.parametrize(
    ("name", "option", "size"),
    [
        ("torchvision:vit_b_16", "image_size", 96),
        ("torchvision:vit_b_32", "image_size", 384),
        ("timm:vit_tiny_patch16_224", "img_size", 96),
        ("timm:vit_small_patch14_dinov2", "img_size", 224),
        ("timm:vit_small_patch14_reg4_dinov2", "img_size", 252),
        ("timm:deit_tiny_distilled_patch16_224", "img_size", 384),
        ("timm:beit_base_patch16_224", "img_size", 160),
        ("timm:mixer_s32_224", "img_size", 256),
        ("timm:maxvit_nano_rw_256", "img_size", 320),
        ("timm:samvit_base_patch16", "img_size", 256),
        ("timm:mvitv2_tiny", "img_size", 256),
        ("timm:levit_128s", "img_size", 256),
    ],
)
def test_image_sizes_that_shapes_tell(name, option, size):
    library, _, architecture = name.partition(":")
    match = found(library, architecture, **{option: size})
    assert match.image_px == size
    assert match.config[option] == size


def test_sizes_that_are_not_square():
    match = found("timm", "samvit_base_patch16", img_size=(256, 384))
    assert match.config["img_size"] == (256, 384)
    assert match.image_px == 0
    # only the number of places is told: a config says which rectangle it is
    hints = Hints(preprocessing=Preprocessing(size=(128, 224)))
    match = found("timm", "vit_tiny_patch16_224", hints, img_size=(128, 224))
    assert match.config["img_size"] == (128, 224)
    assert recognise(shapes("timm", "vit_tiny_patch16_224", img_size=(128, 224))).matches == ()


def test_networks_of_one_size_name_it():
    assert found("timm", "swin_tiny_patch4_window7_224").image_px == 224
    assert found("torchvision", "resnet18").image_px == 0


@pytest.mark.parametrize("places", [1, 3, 8])
def test_positions_that_make_no_square_do_not_fit(places):
    usual = shapes("torchvision", "vit_b_16")
    key = "encoder.pos_embedding"
    usual[key] = (1, places, usual[key][2])
    assert find_matches(usual) == ()


def test_rules_are_found_from_two_sizes():
    seen = {(224, 224): 197, (448, 672): 28 * 42 + 1}
    rule = fit("pos", 1, seen)
    assert rule == Grown("pos", 1, "places", 16, 1)
    assert length(rule, (96, 64)) == 25
    assert fit("x", 0, {(224, 224): 10, (448, 672): 9}) is None
    table = fit("t", 0, {(224, 224): 27 * 27 + 3, (448, 672): 55 * 83 + 3})
    assert (table.rule, table.step, table.plus) == ("distances", 16, 3)
    assert fit("h", 0, {(224, 224): 27, (448, 672): 83}).rule == "column-distances"


def test_sizes_are_only_found_where_all_axes_agree():
    architecture = Architecture(
        name="x",
        grown=(Grown("pos", 0, "places", 16, 1), Grown("table", 0, "row-distances", 16)),
    )
    assert find_size(architecture, {"pos": (37,), "table": (11,)}) == (96, 96)
    assert find_size(architecture, {"pos": (37,), "table": (13,)}) is None
    assert find_size(architecture, {"pos": (), "table": (13,)}) is None
    assert find_size(architecture, {"pos": (1,), "table": (1,)}) is None
    assert find_size(architecture, {}) == (224, 224)


def test_networks_with_other_channels_and_sizes_run():
    match = found("timm", "vit_tiny_patch16_224", in_chans=1, img_size=32, num_classes=2)
    empty = build_empty("timm", "vit_tiny_patch16_224", match.config)
    state = {key: torch.zeros(value.shape) for key, value in empty.state_dict().items()}
    assert build_match(match, state)(torch.zeros(1, 1, 32, 32)).shape == (1, 2)
    match = found("torchvision", "squeezenet1_1", in_chans=4, num_classes=2)
    empty = build_empty("torchvision", "squeezenet1_1", match.config)
    state = {key: torch.zeros(value.shape) for key, value in empty.state_dict().items()}
    assert build_match(match, state)(torch.zeros(1, 4, 32, 32)).shape == (1, 2)


def test_windows_grow_with_the_image():
    config = {"img_size": 256, "window_size": 8}
    match = found("timm", "swin_tiny_patch4_window7_224", **config)
    assert (match.config["img_size"], match.config["window_size"]) == (256, 8)
