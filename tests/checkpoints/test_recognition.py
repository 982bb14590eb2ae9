import msgspec
import pytest

from interp_gui.checkpoints.build_index import build_index
from interp_gui.checkpoints.index import Index, imagenet_classes, load_index
from interp_gui.checkpoints.recognition import find_matches, nearest, recognise


def test_every_architecture_fits_itself_alone():
    index = load_index()
    assert len(index.architectures) >= 80
    for architecture in index.architectures:
        matches = find_matches(architecture.tensors, index)
        assert [m.architecture.name for m in matches] == [architecture.name]
        assert matches[0].classes == 1000


def test_another_number_of_classes_fits_no_other_architecture():
    index = load_index()
    for architecture in index.architectures:
        head = set(architecture.head)
        shapes = {k: (17, *s[1:]) if k in head else s for k, s in architecture.tensors.items()}
        matches = find_matches(shapes, index)
        assert [(m.architecture.name, m.classes) for m in matches] == [(architecture.name, 17)]


def test_heads_of_different_length_do_not_fit():
    index = load_index()
    shapes = dict(next(a for a in index.architectures if a.name == "resnet18").tensors)
    shapes["fc.bias"] = (999,)
    assert find_matches(shapes, index) == ()
    assert recognise(shapes).nearest[0].architecture == "resnet18"


def twins():
    """Two architectures that no name or shape tells apart."""
    real = next(a for a in load_index().architectures if a.name == "resnet18")
    other = msgspec.structs.replace(real, name="resnetblur18")
    return real.tensors, Index(library="x", library_version="1", architectures=(real, other))


def test_architectures_that_share_all_shapes_are_all_found():
    shapes, index = twins()
    found = [match.architecture.name for match in find_matches(shapes, index)]
    assert found == ["resnet18", "resnetblur18"]


def test_nearest_is_the_one_with_most_in_common():
    index = load_index()
    by_name = {a.name: a for a in index.architectures}
    for name in ("vgg16_bn", "resnet50", "efficientnet_b3", "vit_l_16"):
        shapes = dict(list(by_name[name].tensors.items())[3:])
        assert nearest(shapes, index).architecture.name == name


@pytest.mark.parametrize("places", [1, 3, 8])
def test_positions_that_make_no_square_do_not_fit(places):
    index = load_index()
    shapes = dict(next(a for a in index.architectures if a.name == "vit_b_16").tensors)
    key = "encoder.pos_embedding"
    shapes[key] = (1, places, shapes[key][2])
    assert find_matches(shapes, index) == ()


def test_shipped_index_is_that_of_the_installed_library():
    names = ["squeezenet1_1", "resnet50", "regnet_x_400mf", "googlenet", "swin_t", "vit_b_16"]
    shipped = {a.name: a for a in load_index().architectures}
    for built in build_index(names).architectures:
        assert built == msgspec.structs.replace(shipped[built.name], twins=())


def test_class_names():
    names = imagenet_classes()
    assert len(names) == 1000
    assert (names[0], names[281], names[999]) == ("tench", "tabby", "toilet tissue")
