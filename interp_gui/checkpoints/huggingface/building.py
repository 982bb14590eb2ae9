"""Building a network of transformers with given tensors: nothing random is left in it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import get_ident
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as hooks

from interp_gui.checkpoints.huggingface.adapting import adapted
from interp_gui.checkpoints.huggingface.classes import Plan, class_named
from interp_gui.checkpoints.match import Tensors
from interp_gui.core.errors import FileProblem, InterpError, OutOfMemory, UnknownArchitecture
from interp_gui.core.opening import KeyReport, ReshapedKey

# They follow from the architecture, and releases differ in whether they write them.
_FOLLOWING = re.compile(
    r"(^|\.)(position_ids|relative_position_index|relative_coords_table|attn_mask|inv_freq"
    r"|num_batches_tracked|attention_bias_idxs|image_position_ids)$"
)
_UNUSED = re.compile(r"(^|\.)(pooler|mask_token|head_dist)(\.|$)")
"""Parts of a network that are only built where they are needed."""

_SPARE_VALUES = 60_000_000  # a head for 22,000 classes and more
_SPARE_MODULES = 2_000


@dataclass(frozen=True, kw_only=True)
class Built:
    """A network, and what of the file it has no use for."""

    module: nn.Module
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Misfit:
    """In what a file's tensors depart from a class; `headless` if only a head is missing."""

    report: KeyReport
    headless: bool = False


@dataclass
class _Extent:
    """How much a config asks for, against what a file can fill."""

    most_values: int
    most_modules: int
    thread: int = field(default_factory=get_ident)
    values: int = 0
    modules: int = 0

    def add(self, values: int, modules: int) -> None:
        self.values += values
        self.modules += modules
        if self.values > self.most_values or self.modules > self.most_modules:
            raise FileProblem(
                "The config describes a far larger network than the file holds weights for.",
                hint="Config and weights do not belong together, or one of them is damaged.",
            )


def network_config(plan: Plan, values: dict[str, Any]) -> Any:
    """The library's config object of the network, or of the tower that sees images.

    Raises
    ------
    UnknownArchitecture
        The library does not take these values.
    """
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    if "id2label" in values:
        values = {key: value for key, value in values.items() if key != "num_labels"}
    with _refusals(plan.name):
        config = CONFIG_MAPPING[plan.model_type].from_dict(dict(values))
        if plan.vision_only:
            shared = getattr(config, "projection_dim", None)
            config = config.vision_config
            if isinstance(shared, int):
                config.projection_dim = shared
        config._attn_implementation = "eager"  # attention can only be looked at where it exists
    return config


def build(plan: Plan, config: Any, tensors: Tensors) -> Built | Misfit:
    """The network with its weights: eval mode, frozen, float32.

    Parameters
    ----------
    config
        Of `network_config`.
    tensors
        By the names in the file, floats as float32; the network shares their memory.

    Raises
    ------
    FileProblem
        The config asks for far more than the file holds.
    UnknownArchitecture
        The library cannot build it.
    """
    kind = adapted(class_named(plan.name), plan.role)
    if getattr(kind, "main_input_name", "pixel_values") != "pixel_values":
        raise UnknownArchitecture(f"{plan.name} does not take images.")
    options: dict[str, Any] = {}
    children = _check_extent(kind, config, tensors, plan.name)
    module, info = _loaded(kind, config, tensors, options, plan.name)
    if info["missing_keys"] and all(_pooler(key) for key in info["missing_keys"]):
        # released without: the last hidden state is what counts
        options = {"add_pooling_layer": False}
        with suppress(UnknownArchitecture):
            module, info = _loaded(kind, config, tensors, options, plan.name)
    return _judged(plan, module, info, tensors, children)


def _pooler(key: str) -> bool:
    return "pooler" in key.split(".")[:2]


def _loaded(
    kind: Any, config: Any, tensors: Tensors, options: dict[str, Any], name: str
) -> tuple[Any, dict[str, Any]]:
    with _refusals(name):
        # no path is given: the library takes these tensors, renames and splits what older
        # releases wrote otherwise, and computes the buffers that no file holds
        module, info = kind.from_pretrained(
            None, config=config, state_dict=dict(tensors), output_loading_info=True,
            ignore_mismatched_sizes=True, local_files_only=True, attn_implementation="eager",
            **options,
        )  # fmt: skip
    return module.eval().requires_grad_(False), info


def _judged(
    plan: Plan, module: Any, info: dict[str, Any], tensors: Tensors, children: frozenset[str]
) -> Built | Misfit:
    missing = sorted(key for key in info["missing_keys"] if not _FOLLOWING.search(key))
    reshaped = [
        ReshapedKey(key=key, found=tuple(found), expected=tuple(expected))
        for key, found, expected in info["mismatched_keys"]
    ]
    unexpected: list[str] = []
    ignored: list[str] = []
    for key in sorted(info["unexpected_keys"]):
        if _FOLLOWING.search(key):
            continue
        elsewhere = plan.rest_ignored and key.partition(".")[0] not in children
        (ignored if elsewhere or _UNUSED.search(key) else unexpected).append(key)
    if not (missing or reshaped or unexpected):
        doubled = _doubled(module, info, tensors)
        if not doubled:
            return Built(module=module, ignored=tuple(ignored))
        unexpected = doubled
    own = len(module.state_dict())
    return Misfit(
        report=KeyReport(
            architecture=plan.name,
            library="transformers",
            missing=tuple(missing),
            unexpected=tuple(unexpected),
            reshaped=tuple(reshaped),
            likeness=max(0.0, 1 - (len(missing) + len(reshaped)) / max(own, 1)),
        ),
        headless=bool(missing) and plan.role != "embedding" and not any(
            key.startswith(f"{module.base_model_prefix}.") for key in missing
        ),
    )  # fmt: skip


def _doubled(module: Any, info: dict[str, Any], tensors: Tensors) -> list[str]:
    """Tensors that two names of the file stand for, of which only one can have been taken.

    Every value of the network lies in the memory of a tensor of the file, unless it was split or
    merged on the way; a tensor of the file whose memory is not used was replaced by another.
    """
    if any(not _renames(each) for each in getattr(module, "_weight_conversions", ())):
        return []
    used = {value.untyped_storage().data_ptr() for value in module.state_dict().values()}
    left = [
        key
        for key, value in tensors.items()
        if value.numel() and value.untyped_storage().data_ptr() not in used
    ]
    known = set(info["unexpected_keys"])
    return sorted(left) if len(left) > len(known) else []


def _renames(conversion: Any) -> bool:
    return not getattr(conversion, "operations", None)


def _check_extent(kind: Any, config: Any, tensors: Tensors, name: str) -> frozenset[str]:
    """Build it without memory first: what a config declares is compared with what is there.

    Returns
    -------
    Names of the network's own parts.
    """
    extent = _Extent(
        most_values=2 * sum(value.numel() for value in tensors.values()) + _SPARE_VALUES,
        most_modules=8 * len(tensors) + _SPARE_MODULES,
    )
    with _refusals(name), _counting(extent), torch.device("meta"):
        module = kind(config)
    own = {each for each, _ in module.named_children()}
    return frozenset(own | {each.partition(".")[0] for each in module.state_dict()})


@contextmanager
def _counting(extent: _Extent) -> Iterator[None]:
    """Count what modules register while they are built; stops in the middle of a huge one."""

    def value(_module: nn.Module, _name: str, tensor: Tensor | None) -> None:
        if tensor is not None and get_ident() == extent.thread:
            extent.add(tensor.numel(), 0)

    def child(_module: nn.Module, _name: str, _child: nn.Module | None) -> None:
        if get_ident() == extent.thread:
            extent.add(0, 1)

    handles = [
        hooks.register_module_parameter_registration_hook(value),
        hooks.register_module_buffer_registration_hook(value),
        hooks.register_module_module_registration_hook(child),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _refusals(name: str) -> Iterator[None]:
    """Whatever a library makes of values that no network has, as one sentence."""
    try:
        yield
    except InterpError:
        raise
    except MemoryError:
        raise OutOfMemory(f"{name} does not fit in memory.") from None
    except Exception as problem:  # noqa: BLE001  (a config breaks a constructor in any way)
        if "allocate" in str(problem) or "out of memory" in str(problem):
            raise OutOfMemory(f"{name} does not fit in memory.") from None
        reason = " ".join(str(problem).split())[:160].rstrip(". ") or type(problem).__name__
        raise UnknownArchitecture(
            f"transformers cannot build {name} from this config: {reason}.",
            hint="The config is damaged, or made for another release of transformers.",
        ) from None
