"""How ONNX models run: on ONNX Runtime, read and changed by rewriting their graphs."""
