"""A traced graph as data, ONNX, multiply-accumulates and latency. Knows no model by name."""
