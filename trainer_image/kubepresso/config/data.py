"""The module ``data``: where the images are, what their labels mean, and what a bad image leads to."""

from __future__ import annotations

import re
import warnings
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Discriminator, Field, Tag

from kubepresso.config.base import AnyCase, Capitals, Listed, Section, Task, null_means


def _check_pattern(value: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of what Python may read otherwise one day
            re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
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


def _empty_is_null(value: Any) -> Any:
    return None if value == "" else value


def _choose_mapping(value: Any) -> str | None:
    if isinstance(value, list | tuple):
        return "keypoints" if any(isinstance(item, dict | Keypoint) for item in value) else "list"
    if isinstance(value, dict):
        return "mapping"
    return "path" if isinstance(value, str) else None


Pattern = Annotated[str, AfterValidator(_check_pattern)]
Colour = Annotated[tuple[Annotated[int, Field(ge=0, le=255)], ...], Listed, Field(min_length=3, max_length=3)]


class Keypoint(Section):
    """One keypoint of a skeleton."""

    name: str = Field(min_length=1, description="Name.")
    swap: Annotated[str | None, BeforeValidator(_empty_is_null)] = Field(
        None, description="The keypoint it changes places with in a mirrored image; null: none."
    )
    color: Colour | None = Field(None, description="Colour `[r, g, b]` in pictures; null: one is chosen.")
    type: str | None = Field(None, description="Group, such as upper or lower; for the reader only.")


IdMapping = Annotated[
    Annotated[tuple[str, ...], Listed, Field(min_length=1), Tag("list")]
    | Annotated[tuple[Keypoint, ...], Listed, Field(min_length=1), Tag("keypoints")]
    | Annotated[dict[str, str], Field(min_length=1), Tag("mapping")]
    | Annotated[str, Field(min_length=1), Tag("path")],
    Discriminator(
        _choose_mapping,
        custom_error_type="kind",
        custom_error_message="must be a list of class names, a list of keypoints, a mapping of label or "
        "colour to name, the path of a JSON file, or null",
    ),
    BeforeValidator(
        _names_as_text,
        json_schema_input_type=list[str | int] | list[Keypoint] | dict[str | int, str | int] | str,
    ),
]
_COLOUR_KEY = re.compile(r"[(\[]?\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*[)\]]?")


def parse_colour(text: str) -> tuple[int, int, int]:
    """Read a colour as it is written as a key of ``id_mapping``: ``(r, g, b)``.

    Args:
        text: The key; spaces do not matter, brackets may be absent.

    Returns:
        Red, green and blue, each from 0 to 255.

    Raises:
        ValueError: The text is no colour.
    """
    found = _COLOUR_KEY.fullmatch(text.strip())
    if found is None or max(map(int, found.groups())) > 255:
        raise ValueError(f'{text!r} is not a colour; write "(r, g, b)" with numbers from 0 to 255')
    red, green, blue = map(int, found.groups())
    return red, green, blue


class SplitPath(Section):
    """Where one split lies, below ``data.path.root``."""

    image: str | None = Field(
        None,
        description="Folder or Parquet file of the images; null: found by name below the root, else none.",
    )
    label: str | None = Field(
        None,
        description="Folder or file of the labels; null: with the images, or found by name below the root.",
    )


class PathPattern(Section):
    """Which files of the folders belong to the data set."""

    image: Pattern | None = Field(
        None, description="Regular expression that an image's file name must match."
    )
    label: Pattern | None = Field(None, description="Regular expression that a label's file name must match.")


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
    """A data set in the format `huggingface`, and the columns of tables in any."""

    repo: str | None = Field(
        None,
        min_length=1,
        description="Name on the hub, or a local folder in a Hugging Face layout; needed for the format "
        "`huggingface`.",
    )
    subset: str | None = Field(None, description="Configuration of the data set; null: its default.")
    custom_cache_dir: str | None = Field(
        "./data/huggingface", description="Cache folder; null: the library's own."
    )
    features: Features = Field(Features(), description="Column names, also of local Parquet files.")


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
        "refuse", description="A label that is no class, or a box, mask or keypoint that cannot be."
    )
    missing_labels: Annotated[Literal["refuse", "skip"], AnyCase] = Field(
        "skip",
        description="An image without its label, or a label without its image; skipped ones are reported.",
    )
    near_duplicates_across_splits: Annotated[Literal["warn", "refuse", "ignore"], AnyCase] = Field(
        "warn", description="Almost the same picture in two splits."
    )
    drift: Annotated[Literal["warn", "refuse", "ignore"], AnyCase] = Field(
        "warn", description="Data that differ from those of the run before."
    )


#: How images and labels lie on disk.
Layout = Literal[
    "class_folders",
    "csv_labels",
    "image_folder",
    "parquet",
    "yolo",
    "coco",
    "voc",
    "masks",
    "keypoints_txt",
    "coco_keypoints",
    "coco_panoptic",
]


class DataConfig(Section):
    """Where the images are, what their labels mean, and what a bad image leads to."""

    name: str = Field("dataset", min_length=1, description="Name of the data set in logs and reports.")
    task: Annotated[Task, AnyCase] = Field(description="Task; must be the same as `model.task`.")
    format: Annotated[Literal["local", "huggingface"], AnyCase] = Field(
        "local", description="`local` reads `path`, `huggingface` reads `metadata`."
    )
    layout: Annotated[Layout, AnyCase] | None = Field(
        None, description="How images and labels lie on disk; null: found by looking at the data."
    )
    path: DataPath | None = Field(None, description="Files and folders, for the format `local`.")
    metadata: Metadata | None = Field(None, description="Repository, for the format `huggingface`.")
    id_mapping: IdMapping | None = Field(
        None,
        description="Class names: a list in label order, a mapping of label (or folder of a class) to name, "
        "or the path of a JSON file with either, relative to the root; null: from the folders or the data "
        "set's own names. "
        "Where labels of a classification are indexes, classes may share a name: crane, crane (2). "
        'Colour masks: a mapping of `"(r, g, b)"` to name. Poses: a list of keypoints with `name`, `swap`, '
        "`color`, `type`.",
    )
    label_image_mode: Annotated[Literal["L", "RGB", "P"], Capitals] = Field(
        "L",
        description="Masks of a segmentation: `L` holds class indexes, `RGB` and `P` hold the colours of "
        "`id_mapping`.",
    )
    palette: Annotated[tuple[Colour, ...], Listed] | None = Field(
        None,
        validation_alias=AliasChoices("palette", "pallete"),
        description="Colours `[r, g, b]` of the classes in pictures; null: chosen.",
    )
    checks: DataChecks = Field(DataChecks(), description="What bad data leads to.")

    @property
    def keypoints(self) -> tuple[Keypoint, ...]:
        """The keypoints that ``id_mapping`` describes; none where it is something else."""
        mapping = self.id_mapping
        if not isinstance(mapping, tuple):
            return ()
        return tuple(item for item in mapping if isinstance(item, Keypoint))

    @property
    def colour_map(self) -> dict[tuple[int, int, int], str] | None:
        """The class name of each colour of ``id_mapping``, in order; None where it maps no colours.

        Raises:
            ValueError: A key is no colour.
        """
        if self.label_image_mode == "L" or not isinstance(self.id_mapping, dict):
            return None
        return {parse_colour(key): name for key, name in self.id_mapping.items()}
