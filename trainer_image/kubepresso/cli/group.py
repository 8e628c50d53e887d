"""The group of commands. Each is imported when it is called: none pays for another's libraries."""

from __future__ import annotations

import importlib

import click

#: Name of a command to what it does; ``a-b`` is ``command`` in the module ``kubepresso.cli.a_b``.
COMMANDS = {
    "init": "Write six commented YAML files for a data set.",
    "prepare": "Prepare the data set and try the augmentation, without training.",
    "run": "Run the whole pipeline on this machine.",
    "schema": "Print the JSON Schema of the six modules, for editors.",
    "validate": "Check a configuration and report every problem at once.",
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports them when they run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in order."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None where there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"kubepresso.cli.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands in the help without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kubepresso")
def main() -> None:
    """Train vision models from a six-module YAML on Kubeflow, compress, retrain and promote them."""
