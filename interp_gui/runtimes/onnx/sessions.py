"""Sessions of ONNX Runtime: made without side effects, kept while they are of use."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from threading import Event, Thread
from typing import Any

import numpy as np

from interp_gui.core.errors import FileProblem, InterpError, InvalidValue, OutOfMemory
from interp_gui.runtimes.onnx.graph import Graph
from interp_gui.runtimes.onnx.providers import provider_sentence, wanted_providers

MOST_SESSIONS = 12
LIMIT_BYTES = 2 << 30
"""Each session lays the weights out anew; so much of that is kept, and three sessions always."""
LEVELS = ("ORT_ENABLE_ALL", "ORT_ENABLE_EXTENDED", "ORT_ENABLE_BASIC", "ORT_DISABLE_ALL")
"""Degrees of optimisation, the fastest first."""

_SHARED_BYTES = 1024
_LOOK_S = 0.02
_MEMORY = ("bad_alloc", "bad allocation", "failed to allocate", "out of memory",
           "not enough memory")  # fmt: skip


class Weights:
    """The weights of a model, held once for all its sessions, and the graph without them."""

    def __init__(self, graph: Graph) -> None:
        import onnx
        import onnxruntime

        own = graph.model.graph
        self._names: list[str] = []
        self._values: list[Any] = []
        self.skeleton = onnx.ModelProto()
        kept: list[Any] = []
        for tensor in own.initializer:
            array = graph.constants[tensor.name]
            if array.nbytes <= _SHARED_BYTES or array.dtype.kind not in "fiu":
                kept.append(tensor)
                continue
            self._names.append(tensor.name)
            self._values.append(
                onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array))
            )
            # with this, the tensor's place is taken by what `share` gives; no file is looked for
            empty = onnx.TensorProto(
                name=tensor.name, data_type=tensor.data_type, dims=tensor.dims, data_location=1
            )
            entries = (("location", "weights"), ("offset", "0"), ("length", str(array.nbytes)))
            for key, value in entries:
                entry = empty.external_data.add()
                entry.key, entry.value = key, value
            kept.append(empty)
        self.size_bytes = sum(array.nbytes for array in graph.constants.values())
        constants = set(graph.constants)
        self.skeleton.ir_version = max(graph.model.ir_version, 8)
        self.skeleton.opset_import.extend(graph.model.opset_import)
        copy = self.skeleton.graph
        copy.name = "graph"
        copy.node.extend(own.node)
        copy.input.extend(port for port in own.input if port.name not in constants)
        copy.output.extend(own.output)
        copy.initializer.extend(kept)

    def share(self, options: Any, model: Any) -> None:
        """Lend the weights that a model names to the session that is about to be made of it."""
        taken = {name for node in model.graph.node for name in node.input}
        pairs = [(n, v) for n, v in zip(self._names, self._values, strict=True) if n in taken]
        if pairs:
            options.add_external_initializers([n for n, _ in pairs], [v for _, v in pairs])


class Sessions:
    """Makes sessions of rewritings of one model, and keeps the latest.

    Parameters
    ----------
    device
        `cpu`, `cuda:0`, `mps`.
    threads
        How many of the processor's threads one run may use; 0 for all.
    """

    def __init__(self, weights: Weights, *, device: str, threads: int) -> None:
        self._weights = weights
        self._threads = threads
        self._providers, self._problem = wanted_providers(device)
        self._kept: OrderedDict[Any, Any] = OrderedDict()
        self.used: tuple[str, ...] = ()
        self.made = 0
        """How many sessions were made so far."""

    @property
    def sentence(self) -> str:
        """What the sessions run on, as they say themselves, and why."""
        return provider_sentence(self.used, self._providers, self._problem)

    def __contains__(self, key: Any) -> bool:
        """Whether something is kept under a key."""
        return key in self._kept

    def get(self, key: Any, make: Callable[[], Any]) -> Any:
        """What is kept under a key; made, and the oldest dropped, if it is not."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        value = make()
        self._kept[key] = value
        room = LIMIT_BYTES // max(self._weights.size_bytes, 1)
        while len(self._kept) > max(3, min(MOST_SESSIONS, room)):
            self._kept.popitem(last=False)
        return value

    def make(self, model: Any, level: str, *, passing: bool = False) -> Any:
        """A new session of a model that was made from the skeleton.

        Parameters
        ----------
        level
            One of `LEVELS`.
        passing
            Whether it is used once and dropped: weights are then not laid out for speed.

        Notes
        -----
        No library of operators, no profile, no file is written or read, and no setting is taken
        from the model.
        """
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as states

        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.enable_profiling = False
        options.log_severity_level = 4
        options.add_session_config_entry("session.load_model_format", "ONNX")
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")
        if passing:
            options.add_session_config_entry("session.disable_prepacking", "1")
        self._weights.share(options, model)
        try:
            session = onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=self._providers,
                enable_fallback=0, read_config_from_model=0,
            )  # fmt: skip
        except (states.NotImplemented, states.InvalidGraph, states.Fail, states.InvalidArgument,
                states.RuntimeException, RuntimeError, ValueError) as problem:  # fmt: skip
            raise _refused(problem) from None
        self.made += 1
        self.used = tuple(session.get_providers())
        return session


def run_session(
    session: Any,
    names: Sequence[str],
    feeds: Mapping[str, Any],
    *,
    check: Callable[[], None] | None = None,
) -> list[Any]:
    """Run a session and return the values of some outputs.

    Parameters
    ----------
    check
        Called in this thread before the run and while it lasts; where it raises, the run is
        stopped at its next operation and the session stays as it was.
    """
    import onnxruntime

    options = onnxruntime.RunOptions()
    options.log_severity_level = 4
    if check is None:
        return _run(session, names, feeds, options)
    check()
    result: list[Any] = []
    problems: list[BaseException] = []
    done = Event()

    def work() -> None:
        try:
            result.extend(_run(session, names, feeds, options))
        except BaseException as problem:  # noqa: BLE001  (raised again in the thread that waits)
            problems.append(problem)
        finally:
            done.set()

    thread = Thread(target=work, name="onnx-run", daemon=True)
    thread.start()
    try:
        while not done.wait(_LOOK_S):
            check()
    except BaseException:
        options.terminate = True
        thread.join()
        raise
    thread.join()
    if problems:
        raise problems[0]
    return result


def _run(session: Any, names: Sequence[str], feeds: Mapping[str, Any], options: Any) -> list[Any]:
    from onnxruntime.capi import onnxruntime_pybind11_state as states

    try:
        return list(session.run(list(names), dict(feeds), options))
    except states.InvalidArgument as problem:
        raise InvalidValue(
            f"The network does not take this input: {_first_line(problem)}.",
            hint="Check the size of its input under Preprocessing.",
        ) from None
    except (states.Fail, states.RuntimeException, states.EPFail, RuntimeError) as problem:
        if _is_memory(problem):
            raise OutOfMemory(
                "There is not enough memory for this computation.",
                hint="Use fewer images at once, a smaller input, or an earlier layer.",
            ) from problem
        raise InvalidValue(
            f"The network cannot be run on this input: {_first_line(problem)}.",
            hint="Check the size of its input under Preprocessing.",
        ) from None
    except MemoryError as problem:
        raise OutOfMemory("There is not enough memory for this computation.") from problem


def _refused(problem: BaseException) -> InterpError:
    if _is_memory(problem):
        return OutOfMemory("There is not enough memory to open this network.")
    return FileProblem(
        f"ONNX Runtime does not take this network: {_first_line(problem)}.",
        hint="Export it again with another opset (17 is understood everywhere), or update "
        "ONNX Runtime.",
    )


def _is_memory(problem: BaseException) -> bool:
    text = str(problem).lower()
    return any(sentence in text for sentence in _MEMORY)


def _first_line(problem: BaseException) -> str:
    text = str(problem).split(" : ", 3)[-1]
    return " ".join(text.split())[:300].rstrip(". ")
