"""How often a training saves what it needs to go on, and where."""

from __future__ import annotations

from pydantic import Field

from kubepresso.config.base import Positive, PositiveInt, Section


class Checkpointing(Section):
    """When the state of a training is saved, beside the epochs of `logging.model_save_options`."""

    every_steps: PositiveInt | None = Field(
        None, description="Save after every so many steps of an epoch; null: by time alone."
    )
    every_minutes: Positive | None = Field(10.0, description="Save after so many minutes; null: never.")
    keep: PositiveInt = Field(2, description="Newest states that are kept.")
    place: str | None = Field(
        None,
        min_length=1,
        description="Folder or `s3://` prefix, so that training goes on on another machine; null: "
        "`$KUBEPRESSO_CHECKPOINTS`, else beside the model. Emptied when the model is written.",
    )
    grace_seconds: Positive = Field(
        25.0, description="Seconds from SIGTERM in which the state is saved; must be fewer than the pod has."
    )
