"""Gradients for ONNX models: the same graph as a torch module."""
