"""Render a room's own Jinja template on the common base into a single self-contained HTML file."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from kubepresso.storage.atomic import atomic_file


def write_page(target: Path, package: str, template: str, **context: Any) -> None:
    """Write one report.

    Args:
        target: The HTML file to write.
        package: The package whose ``templates`` folder holds ``template``, for example ``kubepresso.data``.
        template: A template that extends ``base.html.j2`` and may import ``charts.html.j2``.
        **context: What the template reads. Text is escaped.
    """
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("kubepresso.reporting")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    with atomic_file(target) as path:
        path.write_text(environment.get_template(template).render(**context), encoding="utf-8")


def image_uri(encoded: bytes, mime: str = "image/png") -> str:
    """Return a ``data:`` URI for an encoded image, for an ``img`` element that needs no second file."""
    return f"data:{mime};base64,{base64.b64encode(encoded).decode('ascii')}"
