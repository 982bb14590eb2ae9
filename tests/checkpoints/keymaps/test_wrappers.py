"""What frameworks put around a network's names, and classifiers under other names."""

import pytest
import torch

from interp_gui.checkpoints.keymaps import renamings


def meta(library, name, **options):
    with torch.device("meta"):
        if library == "timm":
            import timm

            return dict(timm.create_model(name, **options).state_dict())
        import torchvision

        return dict(torchvision.models.get_model(name, weights=None, **options).state_dict())


def without(state, head):
    return {key: value for key, value in state.items() if not key.startswith(f"{head}.")}


def prefixed(state, prefix):
    return {f"{prefix}{key}": value for key, value in state.items()}


def offered(tools, state):
    return [dict(each.shapes) for each in renamings(tools.shapes_of(state))]


@pytest.mark.parametrize(
    ("library", "name", "head", "other"),
    [
        ("torchvision", "resnet18", "fc", "last_linear"),
        ("torchvision", "resnet18", "fc", "head.fc"),
        ("torchvision", "densenet121", "classifier", "last_linear"),
        ("torchvision", "vit_b_32", "heads.head", "head"),
        ("timm", "vit_tiny_patch16_224", "head", "classifier"),
        ("timm", "vit_tiny_patch16_224", "head", "fc"),
        ("timm", "convnext_atto", "head.fc", "classifier"),
        ("timm", "efficientnet_b0", "classifier", "fc"),
        ("timm", "swin_tiny_patch4_window7_224", "head.fc", "classification_head"),
        ("timm", "regnety_002", "head.fc", "linear"),
        ("timm", "dpn48b", "classifier", "last_linear"),
    ],
)
def test_head_under_another_name(tools, library, name, head, other):
    own = meta(library, name)
    state = without(own, head) | {
        other + key.removeprefix(head): value
        for key, value in own.items() if key.startswith(f"{head}.")
    }  # fmt: skip
    assert tools.shapes_of(own) in offered(tools, state)
    # and what has its head where it belongs needs nothing
    assert tools.shapes_of(own) not in offered(tools, own)


def test_head_that_is_a_sequence(tools):
    own = meta("timm", "vit_tiny_patch16_224", num_classes=0)
    layers = {"0.weight": torch.empty(64, 192), "2.weight": torch.empty(5, 64)}
    state = own | prefixed(layers, "classifier.")
    assert tools.shapes_of(own | prefixed(layers, "head.")) in offered(tools, state)


@pytest.mark.parametrize(
    ("prefix", "training", "head"),
    [
        ("backbone.", ("projector.0.weight", "momentum_backbone.conv1.weight"), "classifier"),
        ("backbone.", ("data_preprocessor.mean",), "head.fc"),
        ("encoder_q.", ("encoder_k.conv1.weight", "queue", "queue_ptr"), None),
        ("base_encoder.", ("momentum_encoder.conv1.weight", "predictor.0.weight"), None),
        ("student.backbone.", ("teacher.backbone.conv1.weight", "student.head.mlp.0.weight"), None),
        ("_feature_blocks.", ("heads.0.prototypes0.weight",), None),
        ("online_encoder.net.", ("online_predictor.net.0.weight",), None),
    ],
)
def test_framework_around_a_resnet(tools, prefix, training, head):
    own = meta("torchvision", "resnet18", num_classes=7)
    body = without(own, "fc")
    state = prefixed(body, prefix) | {key: torch.empty(3) for key in training}
    expected = body
    if head is not None:
        state |= {f"{head}.weight": own["fc.weight"], f"{head}.bias": own["fc.bias"]}
        expected = own
    found = [
        each for each in renamings(tools.shapes_of(state))
        if dict(each.shapes) == tools.shapes_of(expected)
    ]  # fmt: skip
    assert len(found) == 1
    assert set(found[0].dropped) == set(training)
    converted = found[0].convert(state)
    assert all(converted[key] is expected[key] for key in expected)


def test_moco_projection_in_place_of_the_classifier(tools):
    body = without(meta("torchvision", "resnet50"), "fc")
    state = prefixed(body, "encoder_q.") | {
        "encoder_q.fc.0.weight": torch.empty(8, 2048), "encoder_q.fc.2.weight": torch.empty(4, 8),
        "encoder_k.conv1.weight": torch.empty(3),
    }  # fmt: skip
    assert tools.shapes_of(body) in offered(tools, state)


def test_open_clip_tower_of_timm(tools):
    own = meta("timm", "vit_tiny_patch16_224", num_classes=4)
    projection = own["head.weight"]
    state = prefixed(without(own, "head"), "visual.trunk.") | {
        "visual.head.proj.weight": projection, "logit_scale": torch.empty(()),
        "text.token_embedding.weight": torch.empty(4, 4),
    }  # fmt: skip
    found = next(
        each for each in renamings(tools.shapes_of(state))
        if dict(each.shapes) == tools.shapes_of(own)
    )  # fmt: skip
    assert set(found.dropped) == {"logit_scale", "text.token_embedding.weight"}
    state = {key: torch.ones(value.shape) for key, value in state.items()}
    converted = found.convert(state)
    assert not converted["head.bias"].any()
    assert converted["head.weight"].all()


def test_wrapped_names_of_another_library(tools):
    """A wrapper and a map together: mmpretrain's and transformers' below a prefix."""
    import transformers

    config = transformers.ViTConfig(num_hidden_layers=1, num_labels=3)
    with torch.device("meta"):
        state = transformers.ViTForImageClassification(config).state_dict()
    plain = tools.only(state)
    wrapped = prefixed(state, "net.") | {"criterion.weight": torch.empty(3)}
    found = renamings(tools.shapes_of(wrapped))
    match = next(each for each in found if dict(each.shapes) == dict(plain.shapes))
    assert match.dropped == ("criterion.weight",)


def test_buffers_that_follow_from_the_architecture(tools):
    own = meta("timm", "beit_base_patch16_224", num_classes=3)
    index = "blocks.0.attn.relative_position_index"
    found = renamings(tools.shapes_of(own | {index: torch.empty(197, 197)}))
    assert any(
        dict(each.shapes) == tools.shapes_of(own) and each.dropped == (index,) for each in found
    )


def test_a_part_between_body_and_classifier_is_never_dropped(tools):
    own = meta("torchvision", "resnet18", num_classes=7)
    state = prefixed(without(own, "fc"), "backbone.") | {
        "neck.weight": torch.empty(512, 512), "head.fc.weight": own["fc.weight"],
        "head.fc.bias": own["fc.bias"],
    }  # fmt: skip
    assert renamings(tools.shapes_of(state)) == ()


def test_a_classifier_of_maps_is_none_of_vectors(tools):
    import torchvision

    with torch.device("meta"):
        model = torchvision.models.segmentation.fcn_resnet50(weights=None, weights_backbone=None)
    for each in renamings(tools.shapes_of(model.state_dict())):
        assert not any(key.startswith("fc.") for key in each.shapes)
