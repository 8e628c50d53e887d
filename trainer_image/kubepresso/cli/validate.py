"""``kubepresso validate``."""

from __future__ import annotations

import click

from kubepresso.config import MODULES, digest, load_config
from kubepresso.errors import exit_on_user_error


@click.command(name="validate")
@click.argument("uri")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
def command(uri: str, overrides: tuple[str, ...]) -> None:
    """Check the configuration at URI: a folder or prefix with six files, or one file.

    What is valid, yet cannot be trained yet, is listed; the status is 0.

    URI is a path, file:// or s3://. Overrides are dotted: training.epochs=3. Prints every problem at once and
    ends with status 1 if there is one.
    """
    with exit_on_user_error(f"{uri} is not valid"):
        config = load_config(uri, overrides)
    for line in config.warnings:
        click.echo(f"warning: {line}", err=True)
    click.echo(f"{uri}: ok")
    click.echo(f"  modules  {', '.join(MODULES)}")
    click.echo(f"  task     {config.data.task}")
    click.echo(f"  model    {config.model.name}")
    click.echo(f"  digest   {digest(config.to_yaml())}")
    if config.untrainable:
        click.echo("cannot be trained yet:")
    for line in config.untrainable:
        click.echo(f"  {line}")
