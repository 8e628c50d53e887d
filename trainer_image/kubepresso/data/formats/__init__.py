"""Data formats: one module each, loaded when the data is in that format."""

from kubepresso.data.formats.registry import open_source
from kubepresso.data.formats.source import RawSample, Source, SourceSplit

__all__ = ["RawSample", "Source", "SourceSplit", "open_source"]
