"""Compression methods that take a model bundle and give a traced graph for the next one."""

from kubepresso.compression.compress import compress
from kubepresso.compression.report import CompressionReport, LayerChange

__all__ = ["CompressionReport", "LayerChange", "compress"]
