"""Networks that a Python file of the user defines: run only with consent to its very bytes."""

import ast
import hashlib
import inspect
import sys
import types
from pathlib import Path
from typing import Any

from torch import nn

from interp_gui.checkpoints.match import Tensors
from interp_gui.core.errors import FileProblem, UnknownArchitecture, unknown_name
from interp_gui.core.opening import KeyReport, OpenChoice, OpenQuestion, ReshapedKey
from interp_gui.core.paths import open_regular

LIBRARY = "file"
"""What the description names as library of such a network."""

_LARGEST_BYTES = 2_000_000
_MODULE_PREFIX = "interp_gui_network_"


def build_from_code(
    choice: OpenChoice, tensors: Tensors, *, question: OpenQuestion
) -> tuple[nn.Module, str]:
    """Run the file that the user agreed to, make its network, and give it the weights.

    The file runs with the rights of this process; nothing confines it. That is why its path and
    hash are shown first, and why a file that has changed since is not run.

    Parameters
    ----------
    choice
        `code`, `code_sha256` of what was agreed to, and `code_class`.
    question
        What is asked further if the weights do not fit.

    Returns
    -------
    The network in evaluation mode, frozen, and the name of what made it.

    Raises
    ------
    FileProblem
        The file cannot be read, has changed, fails, or defines no network.
    UnknownArchitecture
        The weights do not fit its network; the question says what differs.
    """
    path = Path(choice.code)
    source = _agreed_source(path, choice.code_sha256)
    module = _run(path, source, choice.code_sha256)
    maker, name = _maker(module, choice.code_class, path.name)
    network = _made(maker, name, path.name)
    tensors = _prefixed(network, tensors)
    report = _report(network, tensors, name)
    if report.missing or report.unexpected or report.reshaped:
        raise UnknownArchitecture(
            f"The weights in '{question.file}' do not fit '{name}' of '{path.name}'.",
            hint="Check that it is the class, with the settings, that the weights were saved from.",
            question=_with_report(question, report),
        )
    network.load_state_dict(tensors, strict=False)
    return network.float().eval().requires_grad_(False), name


def _agreed_source(path: Path, agreed_sha256: str) -> bytes:
    try:
        with open_regular(path) as file:
            source = file.read(_LARGEST_BYTES + 1)
    except OSError as problem:
        raise FileProblem(f"'{path.name}' cannot be read: {problem.strerror}.") from None
    if len(source) > _LARGEST_BYTES:
        raise FileProblem(f"'{path.name}' is too large to be a network's definition.")
    if not agreed_sha256:
        raise FileProblem(
            f"'{path.name}' was not run, because nobody agreed to it.",
            hint="Read it. Where you trust it, agree in the dialog, or give "
            f"--trust-code {hashlib.sha256(source).hexdigest()}.",
        )
    if hashlib.sha256(source).hexdigest() != agreed_sha256.lower():
        raise FileProblem(
            f"'{path.name}' was not run, because it is another file than was agreed to.",
            hint=f"Look at it again. Its SHA-256 is {hashlib.sha256(source).hexdigest()}.",
        )
    return source


def _run(path: Path, source: bytes, sha256: str) -> types.ModuleType:
    # classes are found by this name again when the network is copied
    name = f"{_MODULE_PREFIX}{sha256[:16]}"
    module = types.ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    try:
        code = compile(source, str(path), "exec", dont_inherit=True)
        exec(code, module.__dict__)
    except Exception as problem:
        sys.modules.pop(name, None)
        raise FileProblem(
            f"'{path.name}' failed: {_said(problem)}.",
            hint="It has to define the network and do nothing else.",
        ) from problem
    finally:
        if folder in sys.path:
            sys.path.remove(folder)
    return module


def _maker(module: types.ModuleType, wanted: str, file_name: str) -> tuple[Any, str]:
    """The class or function that makes the network: the one that is wanted, or the only one."""
    found = {name: value for name, value in vars(module).items() if _makes(value, module)}
    if wanted:
        if wanted not in found:
            raise unknown_name("class or function", wanted, found)
        return found[wanted], wanted
    functions = [name for name, value in found.items() if inspect.isfunction(value)]
    outermost = functions or _outermost(module, found)
    if len(outermost) == 1:
        return found[outermost[0]], outermost[0]
    if not found:
        raise FileProblem(
            f"'{file_name}' defines no network.",
            hint="It needs a class of torch.nn.Module, or a function without arguments that "
            "makes one.",
        )
    raise FileProblem(
        f"'{file_name}' defines several networks: {', '.join(outermost)}.",
        hint="Say which one it is.",
    )


def _makes(value: Any, module: types.ModuleType) -> bool:
    if getattr(value, "__module__", None) != module.__name__:
        return False
    if inspect.isclass(value):
        return issubclass(value, nn.Module)
    public = inspect.isfunction(value) and not value.__name__.startswith("_")
    return public and not _required(value)


def _required(value: Any) -> list[str]:
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [
        name
        for name, each in inspect.signature(value).parameters.items()
        if each.default is inspect.Parameter.empty and each.kind not in kinds
    ]


def _outermost(module: types.ModuleType, found: dict[str, Any]) -> list[str]:
    """Classes that no other class of the file is made with."""
    path = getattr(module, "__file__", "") or ""
    try:
        with open_regular(path) as file:
            tree = ast.parse(file.read(_LARGEST_BYTES))
    except (OSError, SyntaxError, ValueError):
        return list(found)
    used: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
            used |= names - {node.name}
    return [name for name in found if name not in used] or list(found)


def _made(maker: Any, name: str, file_name: str) -> nn.Module:
    needed = _required(maker)
    if needed:
        raise FileProblem(
            f"'{name}' in '{file_name}' needs {', '.join(needed)}.",
            hint="Add a function without arguments to the file that makes the network, for "
            f"example: def build(): return {name}(…)",
        )
    try:
        network = maker()
    except Exception as problem:
        raise FileProblem(f"'{name}' in '{file_name}' failed: {_said(problem)}.") from problem
    if not isinstance(network, nn.Module):
        raise FileProblem(f"'{name}' in '{file_name}' makes no torch.nn.Module.")
    return network


def _prefixed(network: nn.Module, tensors: Tensors) -> Tensors:
    """The tensors under names with the prefix that was taken off, where the network has it."""
    own = network.state_dict()
    first = next(iter(own), "")
    parts = first.split(".")
    if any(key in own for key in tensors):
        return tensors
    for depth in range(1, len(parts)):
        prefix = ".".join(parts[:depth]) + "."
        if all(prefix + key in own for key in tensors):
            return {prefix + key: value for key, value in tensors.items()}
    return tensors


def _report(network: nn.Module, tensors: Tensors, name: str) -> KeyReport:
    own = network.state_dict()
    counters = {key for key in own if key.endswith("num_batches_tracked")}
    missing = [key for key in own if key not in tensors and key not in counters]
    unexpected = [key for key in tensors if key not in own]
    reshaped = [
        ReshapedKey(key=key, found=tuple(tensors[key].shape), expected=tuple(value.shape))
        for key, value in own.items()
        if key in tensors and tensors[key].shape != value.shape
    ]
    agreeing = sum(key in tensors for key in own) - len(reshaped)
    return KeyReport(
        architecture=name, library=LIBRARY, missing=tuple(missing), unexpected=tuple(unexpected),
        reshaped=tuple(reshaped), likeness=agreeing / max(1, len(own.keys() | tensors.keys())),
    )  # fmt: skip


def _with_report(question: OpenQuestion, report: KeyReport) -> OpenQuestion:
    import msgspec

    return msgspec.structs.replace(question, candidates=(), nearest=(report,), code=True)


def _said(problem: BaseException) -> str:
    text = " ".join(str(problem).split())[:200].rstrip(". ")
    return f"{type(problem).__name__}: {text}" if text else type(problem).__name__
