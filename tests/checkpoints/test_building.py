import math

import pytest
import torch

from interp_gui.checkpoints.building import build_empty, build_match
from interp_gui.checkpoints.index_files import load_index
from interp_gui.checkpoints.match import Match
from interp_gui.checkpoints.recognition import architecture_match
from interp_gui.core.errors import UnknownArchitecture

LARGEST = 700_000_000  # parameters; larger ones are made of the same layers
PARTS = 12  # of all architectures, so that none takes longer than a test may


def unsaved(module):
    saved = module.state_dict().keys()
    return {key: value for key, value in module.named_buffers() if key not in saved}


def assert_buffers_are_as_timm_computes_them(name):
    import timm

    match = architecture_match("timm", name)
    empty = build_empty("timm", name, match.config).state_dict()
    # zeros take no memory until they are read
    state = {key: torch.zeros(value.shape, dtype=value.dtype) for key, value in empty.items()}
    ours = unsaved(build_match(match, state))
    with torch.random.fork_rng(devices=()):
        theirs = unsaved(timm.create_model(name, pretrained=False, **match.config))
    assert ours.keys() == theirs.keys()
    for key, value in ours.items():
        assert not value.is_meta, key
        assert value.dtype == theirs[key].dtype
        assert torch.equal(value, theirs[key]), key


@pytest.mark.parametrize(
    "name",
    [
        "beit_base_patch16_224",  # position indices
        "swin_tiny_patch4_window7_224",  # masks
        "swinv2_tiny_window8_256",  # logarithmic distances
        "swinv2_cr_tiny_ns_224",
        "eva02_tiny_patch14_224",  # rotations
        "vit_small_patch16_dinov3",  # periods
        "vit_small_patch16_rope_mixed_224",
        "levit_128s",
        "gcvit_xxtiny",
        "coatnet_pico_rw_224",
        "maxvit_nano_rw_256",
        "vit_relpos_small_patch16_224",
        "efficientformerv2_s0",
        "efficientvit_m0",
        "tiny_vit_5m_224",
        "densenetblur121d",
        "tresnet_m",
        "csatv2",
        "lambda_resnet26rpt_256",
        "test_maxvit",
    ],
)
def test_buffers_that_are_not_saved_are_computed(name):
    assert_buffers_are_as_timm_computes_them(name)


@pytest.mark.thorough
@pytest.mark.parametrize("part", range(PARTS))
def test_buffers_of_every_architecture_are_computed(part):
    index = load_index("timm")
    for name in index.names[part::PARTS]:
        architecture = index.architecture(name)
        parameters = sum(math.prod(shape) for shape in architecture.tensors.values())
        if architecture.surplus and parameters <= LARGEST:
            assert_buffers_are_as_timm_computes_them(name)


@pytest.mark.parametrize(
    "name", ["torchvision:resnet18", "torchvision:swin_t", "timm:resnet18", "timm:test_vit"]
)
def test_weights_are_taken_over_and_nothing_is_left_at_random(name):
    match = architecture_match(*name.split(":"))
    empty = build_empty(match.library, match.architecture.name, match.config)
    counter = iter(range(1, 10_000))
    state = {
        key: torch.full(value.shape, float(next(counter)))
        for key, value in empty.state_dict().items()
        if value.is_floating_point()
    }
    before = torch.random.get_rng_state()
    module = build_match(match, dict(state))
    assert torch.equal(torch.random.get_rng_state(), before)
    own = module.state_dict()
    for key, value in state.items():
        assert own[key].data_ptr() == value.data_ptr(), key
    for key, parameter in module.named_parameters():
        assert key in state
        assert not parameter.requires_grad
    assert not module.training


def test_every_single_lost_tensor_is_refused():
    match = architecture_match("timm", "test_vit")
    empty = build_empty("timm", "test_vit", match.config)
    state = {key: torch.zeros(value.shape) for key, value in empty.state_dict().items()}
    for lost in state:
        with pytest.raises(UnknownArchitecture, match="do not fit"):
            build_match(match, {key: value for key, value in state.items() if key != lost})
    with pytest.raises(UnknownArchitecture, match="more"):
        build_match(match, {**state, "more": torch.zeros(1)})
    wrong = {**state, "cls_token": torch.zeros(1, 2, 3)}
    with pytest.raises(UnknownArchitecture, match="cls_token"):
        build_match(match, wrong)


def test_surplus_buffers_are_left_out_and_networks_without_classes_end_in_features():
    match = architecture_match("timm", "test_vit")
    bare = Match(
        architecture=match.architecture, library="timm", classes=0, config={"num_classes": 0}
    )
    empty = build_empty("timm", "test_vit", bare.config)
    state = {key: torch.zeros(value.shape) for key, value in empty.state_dict().items()}
    side = match.architecture.size[0]
    assert build_match(bare, state)(torch.zeros(1, 3, side, side)).shape == (1, 64)


@pytest.mark.parametrize("name", ["swin_t", "swin_v2_t"])
def test_buffers_that_are_saved_may_be_lacking_and_are_computed(name):
    match = architecture_match("torchvision", name)
    whole = build_empty("torchvision", name, match.config).state_dict()
    state = {
        key: torch.zeros(value.shape) for key, value in whole.items() if value.is_floating_point()
    }
    optional = set(match.architecture.optional)
    assert optional
    module = build_match(match, {k: v for k, v in state.items() if k not in optional})
    own = module.state_dict()
    import torchvision

    usual = torchvision.models.get_model(name, weights=None).state_dict()
    for key in optional:
        assert torch.equal(own[key], usual[key])
