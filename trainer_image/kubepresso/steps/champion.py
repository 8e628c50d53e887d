"""The champion as resolve hands it to promote: a text that stays the same while promote's answer does."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from kubepresso.config import LoggingConfig, ModelConfig
from kubepresso.config.logging import check_name
from kubepresso.errors import UserError
from kubepresso.tracking import Registry, Version

UNREACHABLE = "unreachable"
UNDECIDED = "undecided"
CONFIG_TAG = "kubepresso.config_digest"
DATA_TAG = "kubepresso.data_digest"
TOKEN_TAG = "kubepresso.token"  # noqa: S105 - a tag's name, no secret
JUDGED_TAG = "kubepresso.judged_at"
HOLDER_TAG = "kubepresso.champion_after"


@dataclass(frozen=True)
class Token:
    """Which champion a run is compared with, and what makes that a new question.

    Attributes:
        champion: ``name/version``; empty for none, ``unreachable`` where the registry did not answer.
        registry: Identity of the registry, see `Registry.identity`.
        after: When this configuration and data were judged last, if the champion has changed since; empty
            where they were not. A champion that is set back is not the one of before: it has to be judged
            against again.
        config_digest: Digest of the run's configuration.
        data_digest: Digest of the run's source data.
    """

    champion: str
    registry: str = ""
    after: str = ""
    config_digest: str = ""
    data_digest: str = ""

    def __str__(self) -> str:
        # The digest of the data is last: alone it can hold any character.
        return "|".join((self.champion, self.registry, self.after, self.config_digest, self.data_digest))

    @classmethod
    def parse(cls, text: str) -> Token:
        """Read what ``str`` wrote, or a bare ``name/version``."""
        parts = text.split("|", 4)
        return cls(*parts) if len(parts) == 5 else cls(text)

    @classmethod
    def unreachable(cls, config_digest: str, data_digest: str) -> Token:
        """Return a token like no other: what is not known cannot be the same as before."""
        return cls(UNREACHABLE, "", uuid.uuid4().hex, config_digest, data_digest)

    def made(self, version: Version) -> bool:
        """Tell whether a version came from this run's configuration and data."""
        mine = (self.config_digest, self.data_digest)
        return any(mine) and mine == (version.tags.get(CONFIG_TAG), version.tags.get(DATA_TAG))


def registered_model(model: ModelConfig, logging: LoggingConfig) -> str:
    """Return the name under which a model is registered.

    Raises:
        UserError: It is made of ``model.name``, and that is no name for a registry.
    """
    if named := logging.promotion.registered_model or logging.project_id:
        return named
    try:
        return check_name(f"{model.task}_{model.name}")
    except ValueError as error:
        raise UserError(
            f"model.name: {model.name!r} names the registered model, which {error}; change it, or set "
            "logging.project_id or logging.promotion.registered_model"
        ) from error


def look_up(registry: Registry, name: str, config_digest: str, data_digest: str) -> Token:
    """Find the champion that promote has to compare with.

    Where the champion is still the one that promote left when it judged this very configuration and data,
    the token of that judgement is returned: a run with nothing changed asks promote what it asked before,
    and hits the cache.

    Raises:
        UserError: The registry cannot be reached.
    """
    identity = registry.identity(name)
    champion = str(registry.champion(name) or "")
    token = Token(champion, identity, "", config_digest, data_digest)
    last = _last_judged(registry, name, token)
    if last is None:
        return token
    asked = Token.parse(last.tags.get(TOKEN_TAG, ""))
    if asked.registry == identity and last.tags.get(HOLDER_TAG) == champion:
        return asked
    return Token(champion, identity, last.tags[JUDGED_TAG], config_digest, data_digest)


def _last_judged(registry: Registry, name: str, token: Token) -> Version | None:
    """Find the version of this configuration and data that promote judged last."""
    found = registry.find_all(name, CONFIG_TAG, token.config_digest) if token.config_digest else []
    judged = [version for version in found if token.made(version) and version.tags.get(JUDGED_TAG)]
    return max(judged, key=lambda version: version.tags[JUDGED_TAG], default=None)
