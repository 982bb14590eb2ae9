"""Networks of transformers, saved by it and opened here, answer as they did."""

import copy
import json

import pytest
import torch

from interp_gui.checkpoints.huggingface.library import offline_and_quiet
from interp_gui.checkpoints.opening import open_checkpoint
from interp_gui.runtimes.opening import open_runtime

FORMS = ("safetensors", "sharded", "bin")


def save(module, folder, case, form="safetensors"):
    """As `save_pretrained` writes it, and in the two forms that older releases wrote."""
    with offline_and_quiet():
        module.save_pretrained(folder, max_shard_size="8KB" if form == "sharded" else "5GB")
    if form == "sharded":
        assert len(list(folder.glob("model-*.safetensors"))) > 1
    if form == "bin":
        from safetensors.torch import load_file

        torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()
    prepared = {
        "image_processor_type": "ViTImageProcessor", "size": case.side, "resample": 3,
        "do_normalize": True, "image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.3, 0.4],
    }  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(prepared))


def images(case):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, 3, case.side, case.side, generator=generator)


def check_round_trip(case, form, network, reference, tmp_path):
    module = network(case)
    save(module, tmp_path, case, form)
    opened = open_checkpoint(tmp_path)
    described = opened.description
    assert described.format == "huggingface"
    assert described.library == "transformers"
    assert described.architecture == (case.opened or case.kind)
    kinds = {"classes": "softmax"}
    assert described.outputs[0].kind == kinds.get(case.role, case.role)
    assert described.preprocessing.size == (case.side, case.side)
    x = images(case)
    with torch.no_grad():
        answer = opened.module(x)
    wanted = reference(case, module, x)
    assert answer.shape[1] == described.outputs[0].size
    apart = (answer[0] - answer[1]).abs().max()
    assert apart > 1e-2, "a network that answers alike to everything cannot be compared"
    torch.testing.assert_close(answer, wanted, rtol=1e-5, atol=1e-6)
    return module, opened


def test_answers_as_the_network_that_was_saved(case, network, reference, tmp_path):
    form = FORMS[sum(map(ord, case.name)) % len(FORMS)]
    module, opened = check_round_trip(case, form, network, reference, tmp_path)
    # buffers that no file holds are those of a network built the plain way
    fresh = dict(module.named_buffers())
    for name, buffer in opened.module.named_buffers():
        source = name if name in fresh else f"vision_model.{name}"
        torch.testing.assert_close(buffer, fresh[source], msg=name)
    assert all(value.dtype != torch.float16 for value in opened.module.state_dict().values())
    assert not any(parameter.requires_grad for parameter in opened.module.parameters())
    assert not opened.module.training


@pytest.mark.thorough
@pytest.mark.parametrize("form", FORMS)
def test_answers_the_same_in_every_form(case, form, network, reference, tmp_path):
    check_round_trip(case, form, network, reference, tmp_path)


def test_exchanged_tensors_change_the_answer(case, network, reference, tmp_path):
    """The control: an equal answer proves that every tensor is where it belongs."""
    module = network(case)
    x = images(case)
    before = reference(case, module, x)
    state = module.state_dict()
    twins = {}
    for key, value in state.items():
        if key.startswith("text") or not value.is_floating_point() or value.dim() == 0:
            continue
        if "key" in key and key.endswith("bias"):
            continue  # softmax does not see what is added to all keys
        twins.setdefault((tuple(value.shape), key.rpartition(".")[2]), []).append(key)
    pairs = [keys[:2] for keys in twins.values() if len(keys) > 1]
    assert pairs
    for first, second in pairs[:2]:
        kept = state[first].clone()
        state[first].copy_(state[second])
        state[second].copy_(kept)
    assert not torch.allclose(reference(case, module, x), before, rtol=1e-4, atol=1e-5)


def test_opens_in_the_runtime_with_layers(case, network, tmp_path):
    save(network(case), tmp_path, case)
    opened = open_checkpoint(tmp_path)
    paths = {name for name, _ in opened.module.named_modules()}
    runtime = open_runtime(opened)
    layers = runtime.description.layers
    assert len(layers) > 5
    assert any(layer.worthwhile for layer in layers)
    assert {layer.name.partition("#")[0].partition("/")[0] for layer in layers} <= paths
    twin = copy.deepcopy(opened.module)
    x = images(case)
    with torch.no_grad():
        torch.testing.assert_close(twin(x), opened.module(x), rtol=0, atol=0)
