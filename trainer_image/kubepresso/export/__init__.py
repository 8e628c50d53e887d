"""A traced graph as data, ONNX, multiply-accumulates and latency. Knows no model by name.

``onnx``, ``latency`` and ``parity`` are imported by their own names: they bring in ONNX and its runtime.
"""

from kubepresso.export.cost import Cost, measure_cost, measure_macs
from kubepresso.export.serialisation import GRAPH_FILE, WEIGHTS_FILE, load_graph, save_graph
from kubepresso.export.trace import trace

__all__ = [
    "GRAPH_FILE",
    "WEIGHTS_FILE",
    "Cost",
    "load_graph",
    "measure_cost",
    "measure_macs",
    "save_graph",
    "trace",
]
