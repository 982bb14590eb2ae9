"""The twin that differentiates for a model on ONNX Runtime, accepted only if it agrees with it."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor, nn

from interp_gui.core.errors import InterpError, MissingAbility
from interp_gui.core.preprocessing import load_batch
from interp_gui.core.runtime import Array
from interp_gui.resources import resource_path
from interp_gui.runtimes.hooks import tensors_in
from interp_gui.runtimes.layers import Probe
from interp_gui.runtimes.onnx.runtime import OnnxRuntime
from interp_gui.runtimes.onnx_torch.convert import as_torch
from interp_gui.runtimes.torch_runtime import TorchRuntime

AGREEMENT = 1e-3
"""Largest difference from ONNX Runtime, in parts of the largest number of a tensor."""
HALF_AGREEMENT = 1e-2
"""The same for weights in half precision, whose every operation rounds to 1/2048."""

_KEPT = "gradient twin"
_PICTURE = "samples/mobilenet.jpg"
_INNER = 8
"""So many layers are compared beside the outputs."""


def gradient_twin(runtime: OnnxRuntime, images: Sequence[Array] = ()) -> TorchRuntime | str:
    """The same network in PyTorch, or the sentence why there is none.

    Outputs and some inner layers are compared with ONNX Runtime on noise, on a smooth picture and
    on the images given.

    Parameters
    ----------
    images
        Preprocessed batches (N, C, H, W) of real images.
    """
    try:
        return _as_described(_checked(runtime, images), runtime)
    except InterpError as problem:
        return f"This ONNX model has no gradients here: {_sentence(problem.message)}"


def gradient_problem(runtime: OnnxRuntime, images: Sequence[Array] = ()) -> str:
    """Why a model has no twin, or nothing; the twin itself is made when it is needed."""
    try:
        _checked(runtime, images)
    except InterpError as problem:
        return f"This ONNX model has no gradients here: {_sentence(problem.message)}"
    return ""


def pictures(runtime: OnnxRuntime) -> tuple[Array, ...]:
    """Real images that ship with the program, as this network sees them."""
    try:
        path = resource_path(_PICTURE)
        return (load_batch([str(path)], runtime.preprocessing),)
    except (FileNotFoundError, InterpError):
        return ()


def twin_of(runtime: OnnxRuntime) -> TorchRuntime | None:
    """The twin of a model, made once for each size of its input; None if it has none."""
    if runtime.description.gradient_problem:
        return None
    found = runtime.memo.get(_KEPT)
    if found is None:
        shape = (len(runtime.preprocessing.mean), *runtime.preprocessing.size)
        try:
            found = _as_described(
                as_torch(runtime.graph, shape, check=runtime.pulse).to(runtime.device), runtime
            )
        except InterpError:
            return None
        runtime.memo[_KEPT] = found
    own: TorchRuntime = found.with_preprocessing(runtime.preprocessing)
    return own.with_outputs(runtime.description.outputs)


def _checked(runtime: OnnxRuntime, images: Sequence[Array]) -> nn.Module:
    preprocessing = runtime.preprocessing
    shape = (len(preprocessing.mean), *preprocessing.size)
    module = as_torch(runtime.graph, shape, check=runtime.pulse).to(runtime.device)
    # At once: a session that gives inner layers out is made for each call.
    difference, where = _difference(runtime, module, np.concatenate([*_patterns(shape), *images]))
    half = any(kind.dtype == torch.float16 for kind in module.parameters())
    if not difference <= (HALF_AGREEMENT if half else AGREEMENT):
        raise MissingAbility(
            f"the same network in PyTorch answers otherwise ({where} differs by "
            f"{difference:.1g} of its scale)"
        )
    return module


def _patterns(shape: tuple[int, int, int]) -> Iterator[Array]:
    """Noise, and smooth waves of every direction."""
    generator = np.random.default_rng(0)
    yield generator.standard_normal((1, *shape)).astype(np.float32)
    channels, height, width = shape
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    turn = generator.uniform(0, 2 * np.pi, (1, channels, 1, 1))
    yield np.sin(6 * (x * np.cos(turn) + y * np.sin(turn)) + turn).astype(np.float32)


def _difference(runtime: OnnxRuntime, module: nn.Module, batch: Array) -> tuple[float, str]:
    """Largest difference in parts of a tensor's scale, and which tensor it is."""
    modules = dict(module.named_modules())
    known = [layer for layer in runtime.description.layers if layer.name in modules]
    # parts of activations that are written out say little: 1 + erf may be 0 or 1e-7 everywhere
    listed = [layer.name for layer in known if layer.worthwhile] or [each.name for each in known]
    step = max(len(listed) // _INNER, 1)
    chosen = listed[step - 1 :: step]
    expected = runtime.forward(batch, capture=chosen)
    found: dict[str, Tensor] = {}
    handles = [
        modules[name].register_forward_hook(_keeping(found, name)) for name in chosen
    ]  # fmt: skip
    try:
        with torch.no_grad():
            kind = next((p.dtype for p in module.parameters() if p.is_floating_point()), None)
            x = torch.tensor(np.asarray(batch), device=runtime.device).to(kind or torch.float32)
            outputs = tensors_in(module(x))
    except (RuntimeError, ValueError, IndexError) as problem:
        reason = " ".join(str(problem).split())[:120].rstrip(". ")
        raise MissingAbility(f"it cannot be run for several images: {reason}") from None
    finally:
        for handle in handles:
            handle.remove()
    pairs: list[tuple[str, Any, Any]] = [
        (f"output '{name}'", value, own)
        for (name, value), own in zip(expected.outputs.items(), outputs, strict=False)
    ]
    pairs += [
        (f"layer '{n}'", expected.captured[n], found[n]) for n in chosen if n in found
    ]  # fmt: skip
    worst, where = 0.0, ""
    for name, value, own in pairs:
        if not own.is_floating_point():
            continue
        apart = _relative(own.detach().cpu().double().numpy(), np.asarray(value, np.float64))
        if not apart <= worst:
            worst, where = apart, name
    return worst, where


def _keeping(found: dict[str, Tensor], name: str) -> Any:
    def hook(_module: nn.Module, _inputs: Any, result: Any) -> None:
        value = result[0] if isinstance(result, tuple) else result
        found[name] = value.detach().clone()

    return hook


def _relative(own: Any, value: Any) -> float:
    if own.shape != value.shape:
        return float("inf")
    scale = float(np.abs(value).max()) if value.size else 0.0
    difference = float(np.abs(own - value).max()) if value.size else 0.0
    return difference / max(scale, 1e-12) if np.isfinite(difference) else float("inf")


def _as_described(module: nn.Module, runtime: OnnxRuntime) -> TorchRuntime:
    """The twin with what the ONNX runtime says of its layers: one model has one description."""
    twin = TorchRuntime(module, runtime.description, device=runtime.device)

    # not by `layer`, which looks for near names where one is unknown
    sites = {name: runtime.known(name) or info for name, info in twin._probe.sites.items()}
    layers = tuple(info for info in runtime.description.layers if info.name in sites)
    twin._probe = Probe(layers=layers, sites=sites)
    twin._description = msgspec.structs.replace(runtime.description, gradient_problem="")
    return twin


def _sentence(text: str) -> str:
    own = text[:1].lower() + text[1:]
    return own if own.endswith(".") else f"{own}."
