"""The error that a configuration can end in."""

from __future__ import annotations

from kubepresso.errors import UserError


class ConfigError(UserError):
    """All problems of a configuration, a line each: ``file:line:column: key: what is wrong, what is allowed``."""
