"""What an ONNX model must not hold, checked before anything else is given its bytes.

ONNX Runtime has readers of its own for parts that the format's checker never sees, so whatever is
not known to be harmless is refused here: subgraphs, foreign operators, sparse tensors, strings.
"""

import math
import unicodedata
from collections.abc import Iterator
from typing import Any

from interp_gui.core.errors import FileProblem, UnsafeCheckpoint

MOST_NODES = 200_000
MOST_TENSORS = 200_000
LONGEST_NAME = 4096
LONGEST_LIST = 1 << 20
"""Numbers in one attribute that is a list; weights are tensors."""
_PLAIN_DOMAINS = ("", "ai.onnx")
_TABLES = "ai.onnx.ml"
_SUBGRAPHS = ("If", "Loop", "Scan", "SequenceMap")
_RANDOM = ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli",
           "Multinomial")  # fmt: skip
_TEXT = ("StringNormalizer", "StringConcat", "StringSplit", "RegexFullMatch", "TfIdfVectorizer",
         "ImageDecoder")  # fmt: skip
EXPORT_HINT = "Export it again with torch.onnx.export(model.eval(), example, 'model.onnx')."
_CUSTOM_HINT = (
    "Export it again with standard operators only, and without ONNX Runtime's own optimisation."
)
_QUANTISED_HINT = (
    "Quantise it with QuantFormat.QDQ, which needs standard operators only, or open the network "
    "that it was made of."
)

_ITEM_BITS = {
    1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 14: 64,
    15: 128, 16: 16, 17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4, 24: 8, 25: 2, 26: 2,
}  # fmt: skip
"""Bits of one number by `TensorProto.DataType`; what is missing here is no number."""
_FIELD_OF = {
    1: "float_data", 10: "int32_data", 16: "int32_data", 11: "double_data", 6: "int32_data",
    7: "int64_data", 12: "uint64_data", 13: "uint64_data",
}  # fmt: skip


def check_structure(model: Any, name: str) -> None:
    """Raise unless a model is made of plain operators and dense tensors, within bounds.

    Parameters
    ----------
    model
        A parsed `onnx.ModelProto`; external data has not been read.
    name
        The file's name, for messages.

    Raises
    ------
    UnsafeCheckpoint
        It holds what could reach beyond itself: foreign operators, sparse external data.
    FileProblem
        It holds what is not supported: subgraphs, strings, training, absurd sizes.
    """
    if not model.ir_version or not model.graph.node:
        raise FileProblem(f"'{name}' is no ONNX model, or an empty one.", hint=EXPORT_HINT)
    if model.training_info:
        raise FileProblem(f"'{name}' holds a training run; only networks open.", hint=EXPORT_HINT)
    if model.graph.sparse_initializer:
        raise _sparse(name)
    functions = {(f.domain, f.name) for f in model.functions}
    nodes = list(model.graph.node)
    for function in model.functions:
        nodes += function.node
    if len(nodes) > MOST_NODES or len(model.graph.initializer) > MOST_TENSORS:
        raise FileProblem(f"'{name}' has more operations than any network known, and is refused.")
    for node in nodes:
        _check_node(node, functions, name)
    _check_names(model, name)
    for tensor in tensors_of(model):
        check_tensor(tensor, name)


def tensors_of(model: Any) -> Iterator[Any]:
    """Every tensor of a model: initialisers, and those in attributes of nodes and functions."""
    yield from model.graph.initializer
    for nodes in (model.graph.node, *(f.node for f in model.functions)):
        for node in nodes:
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    yield attribute.t
                yield from attribute.tensors


def expanded_nodes(model: Any) -> int:
    """How many nodes there are once functions are written out; huge for functions in a ring."""
    bodies = {(f.domain, f.name): f.node for f in model.functions}
    sizes: dict[tuple[str, str], int] = {}

    def size(key: tuple[str, str], above: frozenset[tuple[str, str]]) -> int:
        if key in above or len(above) > 64:
            return MOST_NODES + 1
        if key not in sizes:
            sizes[key] = counted(bodies[key], above | {key})
        return sizes[key]

    def counted(nodes: Any, above: frozenset[tuple[str, str]]) -> int:
        total = 0
        for node in nodes:
            key = (node.domain, node.op_type)
            total += size(key, above) if key in bodies else 1
            if total > MOST_NODES:
                return MOST_NODES + 1
        return total

    return counted(model.graph.node, frozenset())


def _check_node(node: Any, functions: set[tuple[str, str]], name: str) -> None:
    if node.domain == _TABLES:
        raise FileProblem(
            f"'{name}' is a model of tables ({node.op_type[:80]}), as scikit-learn's are, and no "
            "network that sees images.",
            hint=EXPORT_HINT,
        )
    if (node.domain, node.op_type) not in functions and node.domain not in _PLAIN_DOMAINS:
        raise UnsafeCheckpoint(
            f"'{name}' uses operators that are not part of ONNX: "
            f"{node.domain[:80]}.{node.op_type[:80]}.",
            hint=_QUANTISED_HINT if node.op_type.startswith("QLinear") else _CUSTOM_HINT,
            names=(f"{node.domain}.{node.op_type}",),
        )
    if node.op_type in _SUBGRAPHS:
        raise FileProblem(
            f"'{name}' branches or loops ({node.op_type}), which is not supported.",
            hint="Export it for a fixed input size, so that nothing is left to decide.",
        )
    if node.op_type in _RANDOM:
        raise FileProblem(
            f"'{name}' draws random numbers ({node.op_type}), so its answers cannot be repeated.",
            hint=EXPORT_HINT,
        )
    if node.op_type in _TEXT:
        raise FileProblem(f"'{name}' reads text or files ({node.op_type}), not only images.")
    for attribute in node.attribute:
        if attribute.HasField("g") or attribute.graphs:
            raise FileProblem(f"'{name}' holds graphs within its graph, which is not supported.")
        if attribute.HasField("sparse_tensor") or attribute.sparse_tensors:
            raise _sparse(name)
        if attribute.name in ("sparse_value", "value_string", "value_strings"):
            raise _sparse(name)
        longest = max(len(attribute.ints), len(attribute.floats), len(attribute.strings))
        if longest > LONGEST_LIST or len(attribute.s) > LONGEST_LIST:
            raise FileProblem(f"'{name}' holds an absurdly long setting ({attribute.name[:80]}).")


def _check_names(model: Any, name: str) -> None:
    texts = [tensor.name for tensor in tensors_of(model)]
    texts += [port.name for port in (*model.graph.input, *model.graph.output)]
    for nodes in (model.graph.node, *(f.node for f in model.functions)):
        for node in nodes:
            texts += (node.name, node.op_type, node.domain, *node.input, *node.output)
    for text in texts:
        if len(text) > LONGEST_NAME:
            raise FileProblem(f"'{name}' holds names of absurd length.")
        if not (text.isascii() and text.isprintable()) and any(map(_commands, text)):
            raise FileProblem(f"'{name}' holds names with letters that cannot be shown.")


def _commands(letter: str) -> bool:
    """Whether a letter commands a terminal, breaks a line or turns the direction of writing."""
    return not letter.isprintable() and unicodedata.category(letter) != "Zs"


def check_tensor(tensor: Any, name: str) -> None:
    """Raise unless a tensor is dense, of numbers, and as long as its shape says."""
    bits = _ITEM_BITS.get(tensor.data_type)
    if bits is None or tensor.string_data:
        raise FileProblem(
            f"'{name}' holds a tensor of text or of an unknown kind ('{tensor.name[:80]}')."
        )
    if len(tensor.dims) > 16 or any(extent < 0 for extent in tensor.dims):
        raise _misshapen(tensor, name)
    if tensor.HasField("segment"):
        raise FileProblem(f"'{name}' holds a tensor in segments, which is not supported.")
    if tensor.data_location or tensor.external_data:
        return  # its extent is checked where it is read
    count = math.prod(tensor.dims)
    if tensor.HasField("raw_data"):
        good = len(tensor.raw_data) == -(-count * bits // 8)
    else:
        length = len(getattr(tensor, _FIELD_OF.get(tensor.data_type, "int32_data")))
        if tensor.data_type in (14, 15):
            length = max(len(tensor.float_data), len(tensor.double_data)) // 2
        packed = -(-count * bits // 8) if bits < 8 else count
        good = length in (count, packed)
    if not good:
        raise _misshapen(tensor, name)


def item_bits(data_type: int) -> int:
    """Bits of one number of a `TensorProto.DataType`."""
    return _ITEM_BITS[data_type]


def _misshapen(tensor: Any, name: str) -> FileProblem:
    return FileProblem(
        f"'{name}' is damaged: tensor '{tensor.name[:80]}' is not as long as its shape says.",
        hint="Copy or download the file again.",
    )


def _sparse(name: str) -> UnsafeCheckpoint:
    return UnsafeCheckpoint(
        f"'{name}' holds sparse tensors or text, which can lead to other files; it is refused.",
        hint=EXPORT_HINT,
    )
