"""Data: formats in, one prepared layout out, and the data set over it.

Importing this package loads no torch; `kubepresso.data.dataset` does.
"""

from kubepresso.data.prepared import PreparedDataset, Sample, SplitReader

__all__ = ["PreparedDataset", "Sample", "SplitReader"]
