"""All operators that are known, and why some known ones are refused."""

from collections.abc import Mapping

from interp_gui.runtimes.onnx_torch.activations import ACTIVATIONS
from interp_gui.runtimes.onnx_torch.convolution import CONVOLUTIONS
from interp_gui.runtimes.onnx_torch.elementwise import ELEMENTWISE
from interp_gui.runtimes.onnx_torch.indexing import INDEXING
from interp_gui.runtimes.onnx_torch.linear import LINEAR
from interp_gui.runtimes.onnx_torch.node import Builder
from interp_gui.runtimes.onnx_torch.normalisation import NORMS
from interp_gui.runtimes.onnx_torch.pooling import POOLINGS
from interp_gui.runtimes.onnx_torch.reductions import REDUCTIONS
from interp_gui.runtimes.onnx_torch.resize import RESIZES
from interp_gui.runtimes.onnx_torch.shapes import SHAPES

OPERATORS: Mapping[str, Builder] = {
    **ELEMENTWISE, **ACTIVATIONS, **CONVOLUTIONS, **POOLINGS, **NORMS, **LINEAR, **REDUCTIONS,
    **SHAPES, **INDEXING, **RESIZES,
}  # fmt: skip

QUANTISED = frozenset(
    (
        "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinearConv",
        "QLinearMatMul", "ConvInteger", "MatMulInteger",
    )
)  # fmt: skip
"""Their answer is a staircase: it has no slope to follow."""
