"""What promote has to decide on."""

from __future__ import annotations

import dataclasses

from kubepresso import tracking
from kubepresso.config import View
from kubepresso.config.logging import Promotion
from kubepresso.data import PreparedDataset
from kubepresso.models import Bundle
from kubepresso.steps.champion import Token
from kubepresso.tasks.build import build_task

DATASET_TAG = "kubepresso.dataset_digest"
BUNDLE_TAG = "kubepresso.bundle_digest"
METRICS_TAG = "kubepresso.metrics"


@dataclasses.dataclass(frozen=True)
class Case:
    """What is to be decided on.

    Attributes:
        view: Of the modules that promote reads.
        prepared: The data that both models are compared on.
        bundle: The candidate.
        metrics: The candidate's, from evaluate.
        token: Which champion resolve saw.
        registry: Where both are registered.
        name: Of the registered model.
        champion: Who holds the alias now, if anybody does.
    """

    view: View
    prepared: PreparedDataset
    bundle: Bundle
    metrics: dict[str, float]
    token: Token
    registry: tracking.Registry
    name: str
    champion: tracking.Version | None

    @property
    def rules(self) -> Promotion:
        """``logging.promotion``."""
        rules: Promotion = self.view.need("logging").promotion
        return rules

    @property
    def digest(self) -> str:
        """What identifies the candidate."""
        return self.bundle.manifest.digest()

    @property
    def is_champion(self) -> bool:
        """Whether the candidate is the very model that is the champion."""
        return self.champion is not None and self.champion.tags.get(BUNDLE_TAG) == self.digest

    @property
    def metric(self) -> str:
        """Name of the metric that is compared."""
        if self.rules.metric:
            return self.rules.metric
        names = self.view.need("logging").metrics.metric_names
        return build_task(self.bundle.manifest.task, self.prepared.classes, (), names).metrics()[0].name
