"""The command line: one module a command, imported when that command runs."""

from kubepresso.cli.group import main

__all__ = ["main"]
