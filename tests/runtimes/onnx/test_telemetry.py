"""ONNX Runtime reports nothing to anybody: it keeps what it would send in the user's cache."""

import os
import subprocess
import sys

import pytest

_RUN = """
import sys
if "ours" in sys.argv:
    import interp_gui
import numpy as np
import onnxruntime
from onnx import TensorProto, helper
port = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1])
graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [port("x")], [port("y")])
opsets = [helper.make_opsetid("", 17)]
made = helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()
session = onnxruntime.InferenceSession(made, providers=["CPUExecutionProvider"])
session.run(None, {"x": np.zeros(1, np.float32)})
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it is kept elsewhere on other systems")
def test_onnx_runtime_keeps_nothing_to_send(tmp_path):
    variables = {k: v for k, v in os.environ.items() if k not in ("ORT_DISABLE_TELEMETRY", "CI")}
    variables |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = [sys.executable, "-c", _RUN, "ours"]
    subprocess.run(command, check=True, env=variables, capture_output=True)
    assert not list(tmp_path.rglob("*onnxruntime*"))
