import lzma

import msgspec
import pytest

from interp_gui.checkpoints.build_index import describe, known
from interp_gui.checkpoints.find_twins import with_twins
from interp_gui.checkpoints.index import Architecture
from interp_gui.checkpoints.index_files import Index, index_file, load_index, pack
from interp_gui.core.errors import UnknownName
from interp_gui.core.preprocessing import check_preprocessing
from interp_gui.resources import resource_path

AGAIN = [
    "torchvision:squeezenet1_1", "torchvision:resnet50", "torchvision:regnet_x_400mf",
    "torchvision:googlenet", "torchvision:swin_t", "torchvision:vit_b_16",
    "torchvision:mobilenet_v2", "torchvision:densenet121", "torchvision:efficientnet_b0",
    "torchvision:vgg11", "torchvision:maxvit_t", "torchvision:convnext_tiny",
    "timm:resnet18", "timm:vit_tiny_patch16_224", "timm:swin_tiny_patch4_window7_224",
    "timm:convnext_atto", "timm:mobilenetv3_small_100", "timm:tresnet_m",
    "timm:deit_tiny_distilled_patch16_224", "timm:beit_base_patch16_224", "timm:mixer_s32_224",
    "timm:vit_small_resnet26d_224", "timm:maxvit_nano_rw_256", "timm:efficientnet_b0",
]  # fmt: skip

PARTS = 12  # of all architectures, so that none takes longer than a test may


@pytest.mark.parametrize("name", AGAIN)
def test_shipped_index_is_that_of_the_installed_library(name):
    library, _, architecture = name.partition(":")
    shipped = load_index(library).architecture(architecture)
    built = describe(library, architecture)
    assert list(built.tensors.items()) == list(shipped.tensors.items())
    assert built == msgspec.structs.replace(shipped, twins=())


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore:CSATv2 is designed for 3-channel:UserWarning")
@pytest.mark.parametrize(
    ("library", "part"), [("torchvision", 0), *(("timm", part) for part in range(PARTS))]
)
def test_whole_shipped_index_is_that_of_the_installed_library(library, part):
    index = load_index(library)
    for name in known(library)[part :: PARTS if library == "timm" else 1]:
        assert describe(library, name) == msgspec.structs.replace(
            index.architecture(name), twins=()
        )


@pytest.mark.parametrize("library", ["torchvision", "timm"])
def test_every_architecture_of_the_library_is_there(library):
    index = load_index(library)
    assert list(index.names) == known(library)
    assert len(index.names) == {"torchvision": 80, "timm": 1371}[library]
    assert resource_path(index_file(library)).stat().st_size < 1_000_000


@pytest.mark.parametrize("library", ["torchvision", "timm"])
def test_entries_hold_what_opening_needs(library):
    index = load_index(library)
    for place in range(len(index.names)):
        each = index.at(place)
        assert each.weights, each.name
        for weights in each.weights:
            check_preprocessing(weights.preprocessing)
        for key in (*each.head, *each.bare, *each.optional):
            assert key in each.tensors
        assert not set(each.surplus) & set(each.tensors)
        for twin in each.twins:
            other, _, name = twin.partition(":")
            back = load_index(other).architecture(name).twins
            assert f"{library}:{each.name}" in back


def test_published_weights_of_timm_are_named_by_tag():
    weights = {w.name: w for w in load_index("timm").architecture("resnet50").weights}
    a1 = weights["a1_in1k"]
    assert (a1.sha256, a1.hub) == ("14fe96d1", "timm/resnet50.a1_in1k")
    assert (a1.preprocessing.size, a1.preprocessing.resize_px) == ((224, 224), 235)
    assert a1.preprocessing.interpolation == "bicubic"


def test_packing_loses_nothing_and_is_repeatable():
    entries = {
        "torchvision": (
            Architecture(name="a", tensors={"x.weight": (3, 4), "y": ()}, head=("x.weight",)),
            Architecture(name="b", tensors={"x.weight": (3, 4), "y": ()}),
            Architecture(name="c", tensors={"y": (5,)}),
        )
    }
    architectures = with_twins(entries)["torchvision"]
    packed = pack("torchvision", "1.0", architectures)
    assert packed == pack("torchvision", "1.0", architectures)
    index = Index(packed)
    assert tuple(index.at(place) for place in range(3)) == architectures
    assert index.at(0).twins == ("torchvision:b",)
    assert index.tables == (0, 0, 1)
    with pytest.raises(UnknownName):
        index.architecture("d")
    with pytest.raises((msgspec.DecodeError, lzma.LZMAError)):
        Index(lzma.compress(b"{}"))
