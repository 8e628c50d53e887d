"""HTML reports: one look for all steps, charts as inline SVG, one file that needs nothing beside it."""

from kubepresso.reporting.page import image_uri, write_page

__all__ = ["image_uri", "write_page"]
