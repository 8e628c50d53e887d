"""The module ``environment``: seed, loader, devices and processes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, Tag

from kubepresso.config.base import AnyCase, NaturalInt, PositiveInt, Section, by_kind, null_means

GpuIds = Annotated[
    Annotated[NaturalInt, Tag("index")]
    | Annotated[str, StringConstraints(pattern=r"^\s*\d+(\s*,\s*\d+)*\s*$"), Tag("indices")],
    by_kind('must be an index or a list in quotes, for example 0 or "0, 1"', index=(int,), indices=(str,)),
]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]


class Distributed(Section):
    """How many training processes run, and where."""

    launcher: Annotated[Literal["auto", "local"], AnyCase] = Field(
        "auto", description="`local`: torchrun on this machine; `auto`: chosen from the surrounding."
    )
    nodes: PositiveInt = Field(1, description="Machines.")
    processes_per_node: PositiveInt | None = Field(
        None, description="Processes on each machine; null: one a GPU of `environment.gpus`, else one."
    )
    timeout_seconds: PositiveInt = Field(
        1800, description="Seconds after which a collective operation without an answer fails."
    )


class EnvironmentConfig(Section):
    """Seed, loader, devices and processes."""

    seed: Annotated[Seed, null_means(1, Seed)] = Field(1, description="Seed of all randomness; null: 1.")
    num_workers: NaturalInt = Field(4, description="Loader processes for each training process; 0: none.")
    gpus: GpuIds = Field(0, description='Index of the GPU, or indices as text: `"0, 1"`.')
    batch_size: PositiveInt = Field(8, description="Images of a batch in each training process.")
    cache_data: bool = Field(
        False, description="Accepted for compatibility; prepared images are memory-mapped."
    )
    distributed: Distributed = Field(Distributed(), description="Number and place of the processes.")

    @property
    def gpu_ids(self) -> tuple[int, ...]:
        """The indices of ``gpus``."""
        return tuple(int(part) for part in str(self.gpus).split(","))
