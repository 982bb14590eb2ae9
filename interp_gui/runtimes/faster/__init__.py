"""Forward passes of a PyTorch network on ONNX Runtime, where that agrees and is faster here."""
