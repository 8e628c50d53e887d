"""Numbers of a data set, collected while it streams by. Imports no torch.

Everything is counted in whole numbers, in bins that are fixed beforehand: memory does not grow with the data,
and neither the order of the samples nor how they are batched changes a number.
"""

from kubepresso.data.statistics.collector import THUMBNAIL_SIDE, DatasetStatistics
from kubepresso.data.statistics.colours import Colours, colours_of
from kubepresso.data.statistics.fingerprint import FINGERPRINT_FORMAT, flat_numbers, read_fingerprint

__all__ = [
    "FINGERPRINT_FORMAT",
    "THUMBNAIL_SIDE",
    "Colours",
    "DatasetStatistics",
    "colours_of",
    "flat_numbers",
    "read_fingerprint",
]
