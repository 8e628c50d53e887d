"""``kubepresso schema``."""

from __future__ import annotations

import json

import click

from kubepresso.config import MODULES
from kubepresso.config.reference import markdown
from kubepresso.config.schema import json_schema


@click.command(name="schema")
@click.option("--module", type=click.Choice(MODULES), help="For a file with this module alone.")
@click.option("--markdown", "as_markdown", is_flag=True, help="The reference of all keys instead.")
def command(module: str | None, as_markdown: bool) -> None:
    """Print the JSON Schema (draft 2020-12) of a configuration file, for editors."""
    if as_markdown:
        click.echo(markdown(), nl=False)
    else:
        click.echo(json.dumps(json_schema(module), indent=2, ensure_ascii=False))  # type: ignore[arg-type]
