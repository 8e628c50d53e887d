"""The module ``data``: where the images are, what their labels mean, and what a bad image leads to."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, Tag

from kubepresso.config.base import AnyCase, Capitals, Listed, Section, Task, by_kind, null_means


def _check_pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"not a regular expression ({error})") from error
    return value


def _names_as_text(value: Any) -> Any:
    """Let a class be called 0 or 7 without quotes."""

    def as_text(item: Any) -> Any:
        return str(item) if isinstance(item, int) and not isinstance(item, bool) else item

    if isinstance(value, list | tuple):
        return [as_text(item) for item in value]
    if isinstance(value, dict):
        return {as_text(key): as_text(item) for key, item in value.items()}
    return value


Pattern = Annotated[str, AfterValidator(_check_pattern)]
IdMapping = Annotated[
    Annotated[tuple[str, ...], Listed, Field(min_length=1), Tag("list")]
    | Annotated[dict[str, str], Field(min_length=1), Tag("mapping")]
    | Annotated[str, Field(min_length=1), Tag("path")],
    by_kind(
        "must be a list of class names, a mapping of label to name, the path of a JSON file, or null",
        list=(list, tuple),
        mapping=(dict,),
        path=(str,),
    ),
    BeforeValidator(_names_as_text, json_schema_input_type=list[str | int] | dict[str, str | int] | str),
]
Colour = Annotated[tuple[Annotated[int, Field(ge=0, le=255)], ...], Listed, Field(min_length=3, max_length=3)]


class SplitPath(Section):
    """Where one split lies, below ``data.path.root``."""

    image: str | None = Field(
        None,
        description="Folder or Parquet file of the images; null: found by name below the root, else none.",
    )
    label: str | None = Field(
        None, description="CSV file with the header `image_id,class`; null: one folder a class below `image`."
    )


class PathPattern(Section):
    """Which files of the folders belong to the data set."""

    image: Pattern | None = Field(
        None, description="Regular expression that an image's file name must match."
    )
    label: Pattern | None = Field(
        None, description="Accepted for compatibility; labels are in one CSV file a split."
    )


_EMPTY = SplitPath()
_NO_PATTERN = PathPattern()
Split = Annotated[SplitPath, null_means(_EMPTY, SplitPath)]


class DataPath(Section):
    """The places of a data set in the format `local`."""

    root: str = Field(min_length=1, description="Root folder or prefix: a path, `file://` or `s3://`.")
    train: Split = Field(_EMPTY, description="Training split.")
    valid: Split = Field(_EMPTY, description="Validation split; absent: a tenth of train.")
    test: Split = Field(_EMPTY, description="Test split.")
    pattern: Annotated[PathPattern, null_means(_NO_PATTERN, PathPattern)] = Field(
        _NO_PATTERN, description="File name patterns."
    )


class Features(Section):
    """Column names of a Hugging Face data set."""

    image: str = Field("image", description="Column of the images.")
    label: str = Field("label", description="Column of the labels.")


class Metadata(Section):
    """A data set in the format `huggingface`."""

    repo: str = Field(
        min_length=1, description="Name on the hub, or a local folder in a Hugging Face layout."
    )
    subset: str | None = Field(None, description="Configuration of the data set; null: its default.")
    custom_cache_dir: str | None = Field(
        "./data/huggingface", description="Cache folder; null: the library's own."
    )
    features: Features = Field(Features(), description="Column names.")


class DataChecks(Section):
    """What becomes of data that does not hold what it promises."""

    corrupt_images: Annotated[Literal["refuse", "skip"], AnyCase] = Field(
        "refuse", description="An image that cannot be decoded in full."
    )
    duplicates_across_splits: Annotated[Literal["warn", "refuse", "ignore"], AnyCase] = Field(
        "warn", description="The same pixels in two splits."
    )
    empty_classes: Annotated[Literal["refuse", "warn"], AnyCase] = Field(
        "refuse", description="A class without a training image."
    )
    invalid_labels: Annotated[Literal["refuse", "skip"], AnyCase] = Field(
        "refuse", description="A label that is no class."
    )


class DataConfig(Section):
    """Where the images are, what their labels mean, and what a bad image leads to."""

    name: str = Field("dataset", min_length=1, description="Name of the data set in logs and reports.")
    task: Annotated[Task, AnyCase] = Field(description="Task; must be the same as `model.task`.")
    format: Annotated[Literal["local", "huggingface"], AnyCase] = Field(
        "local", description="`local` reads `path`, `huggingface` reads `metadata`."
    )
    path: DataPath | None = Field(None, description="Files and folders, for the format `local`.")
    metadata: Metadata | None = Field(None, description="Repository, for the format `huggingface`.")
    id_mapping: IdMapping | None = Field(
        None,
        description="Class names: a list in label order, a mapping of label to name, or the path of a JSON "
        "file with either, relative to the root; null: from the folders or the data set's own names.",
    )
    label_image_mode: Annotated[Literal["L", "RGB", "P"], Capitals] = Field(
        "L", description="Accepted for compatibility; classification has no label images."
    )
    palette: Annotated[tuple[Colour, ...], Listed] | None = Field(
        None,
        validation_alias=AliasChoices("palette", "pallete"),
        description="Colours `[r, g, b]` of the classes; accepted for compatibility, no report draws them.",
    )
    checks: DataChecks = Field(DataChecks(), description="What bad data leads to.")
