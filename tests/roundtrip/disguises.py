"""What training programs and wrappers make of a network's weights before they are in a file."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from interp_gui.core.opening import OpenChoice

State = dict[str, torch.Tensor]


@dataclass(frozen=True, kw_only=True)
class Disguise:
    """A way to save a network.

    Parameters
    ----------
    save
        Writes to a folder and returns what is to be opened.
    kind
        Floating numbers the file has; float32 unless it says otherwise.
    options
        Of the builder, for networks that are not as their library builds them.
    needs
        What an architecture must have: `head`, `stem`, `timm`, or nothing.
    """

    name: str
    save: Callable[[Path, nn.Module, State, str], Path]
    kind: torch.dtype = torch.float32
    options: dict[str, Any] = field(default_factory=dict)
    needs: str = ""
    choice: OpenChoice = field(default_factory=OpenChoice)


def _prefixed(prefix: str, state: State) -> State:
    return {prefix + key: value for key, value in state.items()}


def _other(state: State) -> State:
    return {
        key: value * 0.9 + 0.01 if value.is_floating_point() else value
        for key, value in state.items()
    }


def _as_kind(kind: torch.dtype, state: State) -> State:
    return {key: v.to(kind) if v.is_floating_point() else v for key, v in state.items()}


def _apart(state: State) -> State:
    return {key: value.clone().contiguous() for key, value in state.items()}


def _training(state: State) -> dict[str, Any]:
    """What a training program keeps beside the weights."""
    moments = {i: {"step": 7, "exp_avg": value[:1].clone()}
               for i, value in enumerate(list(state.values())[:4]) if value.dim()}  # fmt: skip
    return {
        "epoch": 12, "best_acc1": torch.tensor(71.5), "global_step": 900,
        "optimizer": {"state": moments, "param_groups": [{"lr": 0.1, "params": [0, 1, 2, 3]}]},
        "lr_scheduler": {"last_epoch": 12, "_step_count": 13}, "scaler": None,
    }  # fmt: skip


def _saved(folder: Path, content: Any, name: str = "checkpoint.pth", **options: Any) -> Path:
    path = folder / name
    torch.save(content, path, **options)
    return path


def _plain(folder: Path, module: nn.Module, state: State, name: str) -> Path:
    return _saved(folder, state)


def _legacy(folder: Path, module: nn.Module, state: State, name: str) -> Path:
    return _saved(folder, state, _use_new_zipfile_serialization=False)


def _safetensors(folder: Path, module: nn.Module, state: State, name: str) -> Path:
    path = folder / "weights.safetensors"
    save_file(_apart(state), path)
    return path


def _in_two(state: State) -> tuple[State, State]:
    keys = list(state)
    return {k: state[k] for k in keys[::2]}, {k: state[k] for k in keys[1::2]}


def _index(folder: Path, files: dict[str, State], name: str) -> Path:
    weight_map = {key: file for file, part in files.items() for key in part}
    size = sum(v.numel() * v.element_size() for part in files.values() for v in part.values())
    path = folder / name
    path.write_text(json.dumps({"metadata": {"total_size": size}, "weight_map": weight_map}))
    return path


def _sharded(folder: Path, module: nn.Module, state: State, name: str) -> Path:
    parts = dict(zip([f"model-0000{i}-of-00002.safetensors" for i in (1, 2)], _in_two(state),
                     strict=True))  # fmt: skip
    for file, part in parts.items():
        save_file(_apart(part), folder / file)
    return _index(folder, parts, "model.safetensors.index.json")


def _sharded_torch(folder: Path, module: nn.Module, state: State, name: str) -> Path:
    parts = dict(zip([f"pytorch_model-0000{i}-of-00002.bin" for i in (1, 2)], _in_two(state),
                     strict=True))  # fmt: skip
    for file, part in parts.items():
        torch.save(part, folder / file)
    return _index(folder, parts, "pytorch_model.bin.index.json")


def _parallel(folder: Path, module: nn.Module, state: State, name: str) -> Path:
    return _saved(folder, {**_training(state), "state_dict": _prefixed("module.", state)},
                  "model_best.pth.tar")  # fmt: skip


def _named(folder: Path, module: nn.Module, state: State, name: str) -> Path:
    arch = name.partition(":")[2]
    return _saved(folder, {"arch": arch, "model": state, **_training(state)})


def _lightning(folder: Path, module: nn.Module, state: State, name: str) -> Path:
    content = {
        "state_dict": {**_prefixed("model.", state), "criterion.weight": torch.ones(3)},
        "pytorch-lightning_version": "2.4.0", "epoch": 3, "global_step": 99, "loops": {},
        "callbacks": {"EarlyStopping": {"wait_count": 0}}, "lr_schedulers": [],
        "optimizer_states": [_training(state)["optimizer"]],
        "hyper_parameters": {"lr": 1e-3, "width": 64},
    }  # fmt: skip
    return _saved(folder, content, "epoch=3-step=99.ckpt")


def _average(folder: Path, module: nn.Module, state: State, name: str) -> Path:
    content = {**_training(state), "state_dict": _other(state), "state_dict_ema": state}
    return _saved(folder, content)


def _beside_average(folder: Path, module: nn.Module, state: State, name: str) -> Path:
    return _saved(folder, {"model": state, "model_ema": _other(state), **_training(state)})


def _compiled(folder: Path, module: nn.Module, state: State, name: str) -> Path:
    return _saved(folder, {"model_state_dict": _prefixed("_orig_mod.", state)}, "last.pt")


def _backbone(folder: Path, module: nn.Module, state: State, name: str) -> Path:
    return _saved(folder, _prefixed("backbone.", state), "pytorch_model.bin")


def _whole(folder: Path, module: nn.Module, state: State, name: str) -> Path:
    return _saved(folder, module, "model.pt")


def _teacher(folder: Path, module: nn.Module, state: State, name: str) -> Path:
    projector = {f"head.mlp.{i}.weight": torch.ones(4, 4) for i in (0, 2, 4)}
    content = {
        "student": _prefixed("module.", {**_prefixed("backbone.", _other(state)), **projector}),
        "teacher": {**_prefixed("backbone.", state), **projector},
        "dino_loss": {"center": torch.ones(1, 4)}, **_training(state),
    }  # fmt: skip
    return _saved(folder, content)


def _hub_folder(folder: Path, module: nn.Module, state: State, name: str) -> Path:
    inner = folder / "hub"
    inner.mkdir()
    save_file(_apart(state), inner / "model.safetensors")
    known: Any = module
    config = {
        "architecture": name.partition(":")[2], "num_classes": known.num_classes,
        "num_features": getattr(known, "num_features", 0),
        "pretrained_cfg": {
            "input_size": known.pretrained_cfg["input_size"],
            "mean": [0.5] * 3, "std": [0.5] * 3, "crop_pct": 0.9, "interpolation": "bicubic",
        },
    }  # fmt: skip
    (inner / "config.json").write_text(json.dumps(config))
    return inner


DISGUISES = (
    Disguise(name="zip", save=_plain),
    Disguise(name="legacy", save=_legacy),
    Disguise(name="safetensors", save=_safetensors),
    Disguise(name="sharded safetensors", save=_sharded),
    Disguise(name="sharded torch", save=_sharded_torch),
    Disguise(name="parallel", save=_parallel),
    Disguise(name="named", save=_named),
    Disguise(name="Lightning", save=_lightning),
    Disguise(name="average", save=_average, choice=OpenChoice(weights="state_dict_ema")),
    Disguise(name="beside an average", save=_beside_average),
    Disguise(name="compiled", save=_compiled),
    Disguise(name="backbone", save=_backbone),
    Disguise(name="half", save=_parallel, kind=torch.float16),
    Disguise(name="bfloat16", save=_safetensors, kind=torch.bfloat16),
    Disguise(name="whole", save=_whole, choice=OpenChoice(stubs=True)),
    Disguise(name="teacher and student", save=_teacher),
    Disguise(name="hub folder", save=_hub_folder, needs="timm"),
    Disguise(name="7 classes", save=_plain, options={"num_classes": 7}, needs="head"),
    Disguise(name="1 channel", save=_safetensors, options={"in_chans": 1}, needs="stem"),
    Disguise(name="4 channels, compiled", save=_compiled, options={"in_chans": 4}, needs="stem"),
    Disguise(name="no head", save=_backbone, options={"num_classes": 0}, needs="timm head"),
)
PER_ARCHITECTURE = 5
_STRIDE = 4  # no divisor of their number: those of one architecture are of several kinds


def disguises_for(number: int, has: frozenset[str]) -> list[Disguise]:
    """The five that an architecture is given, so that neighbours together have all of them."""
    count = len(DISGUISES)
    turned = [DISGUISES[(number * PER_ARCHITECTURE + i * _STRIDE) % count] for i in range(count)]
    return [each for each in turned if has.issuperset(each.needs.split())][:PER_ARCHITECTURE]


def rounded(kind: torch.dtype, state: State) -> State:
    """The tensors as they are after they were kept in other numbers."""
    return _as_kind(kind, state)
