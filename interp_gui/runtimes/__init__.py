"""How a model runs: PyTorch now, ONNX Runtime later."""
