"""The champion as resolve hands it to promote: a text that stays the same while promote's answer does."""

from __future__ import annotations

from dataclasses import dataclass

from kubepresso.config import LoggingConfig, ModelConfig
from kubepresso.tracking import Registry, Version

UNREACHABLE = "unreachable"
CONFIG_TAG = "kubepresso.config_digest"
DATA_TAG = "kubepresso.data_digest"
TOKEN_TAG = "kubepresso.compared_with"  # noqa: S105 - a tag's name, no secret


@dataclass(frozen=True)
class Token:
    """Which champion a run is compared with.

    Attributes:
        champion: ``name/version``; empty for none, ``unreachable`` where the registry did not answer.
        config_digest: Digest of the run's configuration.
        data_digest: Digest of the run's source data.
    """

    champion: str
    config_digest: str = ""
    data_digest: str = ""

    def __str__(self) -> str:
        return "@".join((self.champion, self.config_digest, self.data_digest))

    @classmethod
    def parse(cls, text: str) -> Token:
        """Read what ``str`` wrote, or a bare ``name/version``."""
        parts = text.rsplit("@", 2)
        return cls(*parts) if len(parts) == 3 else cls(text)

    def made(self, version: Version) -> bool:
        """Tell whether a version came from this run's configuration and data."""
        mine = (self.config_digest, self.data_digest)
        return any(mine) and mine == (version.tags.get(CONFIG_TAG), version.tags.get(DATA_TAG))


def registered_model(model: ModelConfig, logging: LoggingConfig) -> str:
    """Return the name under which a model is registered."""
    return logging.promotion.registered_model or logging.project_id or f"{model.task}_{model.name}"


def look_up(registry: Registry, name: str, config_digest: str, data_digest: str) -> Token:
    """Find the champion that promote has to compare with.

    A champion that came from this very configuration and data was compared with another one when it was
    promoted. That one is returned, so that a run with nothing changed asks promote what it asked before, and
    hits the cache.

    Raises:
        UserError: The registry cannot be reached.
    """
    champion = registry.champion(name)
    token = Token(str(champion or ""), config_digest, data_digest)
    if champion and token.made(champion):
        return Token(champion.tags.get(TOKEN_TAG, ""), config_digest, data_digest)
    return token
