"""COCO's JSON, read into compact arrays.

A file of 118,000 images has 860,000 annotations, which as dictionaries take gigabytes. Here each is turned
into numbers as soon as its closing brace is parsed; only the text and the arrays are ever there as a whole.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kubepresso.data.formats.coco_tables import Annotations, Category, CocoTables, Images
from kubepresso.errors import UserError

_FORM = "COCO's JSON has lists images, annotations and categories"
_NAN = float("nan")
Item = dict[str, Any]


def read_coco(file: Path, detail: Callable[[Item], Any] | None = None) -> CocoTables:
    """Read a file.

    Args:
        file: The JSON file.
        detail: Picks what else to keep of an annotation, as compact as it can be; None for nothing.

    Returns:
        Its tables. Annotations whose fields are not what they should be are marked, not refused.

    Raises:
        UserError: It cannot be read, is not JSON, or not COCO's.
    """
    collector = _Collector(detail)
    content = load_json(file, collector)
    missing = [
        key
        for key in ("images", "annotations", "categories")
        if not isinstance(content, dict) or not isinstance(content.get(key), list)
    ]
    if missing:
        raise UserError(f"{file}: no list {', '.join(missing)}; {_FORM}")
    return collector.tables(file, content["categories"])


def load_json(file: Path, hook: Callable[[Item], Any] | None = None) -> Any:
    """Parse a JSON file.

    Args:
        file: The file.
        hook: Called with each object once it is parsed; what it returns stands for the object.

    Raises:
        UserError: It cannot be read, is not UTF-8, or not JSON; with the line.
    """
    try:
        return json.loads(file.read_text(encoding="utf-8-sig"), object_hook=hook)
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror}); check its mode and owner") from error
    except json.JSONDecodeError as error:
        raise UserError(f"{file}:{error.lineno}: not JSON ({error.msg}, column {error.colno})") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{file}: not UTF-8 (byte {error.start})") from error
    except RecursionError as error:
        raise UserError(f"{file}: nested too deeply to be COCO's") from error
    except ValueError as error:  # a number of thousands of digits
        raise UserError(f"{file}: not JSON that can be read ({error})") from error


class _Collector:
    """Takes objects as the parser closes them: annotations have an ``image_id``, images a ``file_name``."""

    def __init__(self, detail: Callable[[Item], Any] | None) -> None:
        self._detail = detail
        self._image_ids: list[Any] = []
        self._names: list[Any] = []
        self._sizes = array("q")
        self._ids: list[Any] = []
        self._images_of: list[Any] = []
        self._categories: list[Any] = []
        self._boxes = array("d")
        self._crowd = bytearray()
        self._details: list[Any] = []

    def __call__(self, item: Item) -> Item | None:
        if "image_id" in item:
            self._add_annotation(item)
        elif "file_name" in item and "id" in item:
            self._add_image(item)
        else:
            return item
        return None

    def _add_image(self, item: Item) -> None:
        self._image_ids.append(_key(item["id"]))
        self._names.append(item["file_name"])
        self._sizes.extend((_size(item.get("width")), _size(item.get("height"))))

    def _add_annotation(self, item: Item) -> None:
        self._ids.append(item.get("id"))
        self._images_of.append(_key(item["image_id"]))
        self._categories.append(_key(item.get("category_id")))
        self._boxes.extend(_box(item.get("bbox")))
        self._crowd.append(item.get("iscrowd") in (1, True))
        if self._detail is not None:
            self._details.append(self._detail(item))

    def tables(self, file: Path, categories: list[Any]) -> CocoTables:
        rows = {key: row for row, key in enumerate(self._image_ids)}
        if len(rows) != len(self._image_ids):
            doubled = len(self._image_ids) - len(rows)
            raise UserError(f"{file}: {doubled} images share an id with another; {_FORM}")
        kinds = [_category(file, item) for item in categories]
        positions = {kind.key: index for index, kind in enumerate(kinds)}
        if len(positions) != len(kinds) or len({kind.name for kind in kinds}) != len(kinds):
            raise UserError(f"{file}: two categories have the same id or the same name; {_FORM}")
        names = [name if isinstance(name, str) else "" for name in self._names]
        images = Images(names, np.array(self._sizes, np.int64).reshape(-1, 2))
        annotations = Annotations(
            np.array([rows.get(key, -1) for key in self._images_of], np.int32),
            np.array([positions.get(key, -1) for key in self._categories], np.int32),
            np.array(self._boxes, np.float64).reshape(-1, 4),
            np.frombuffer(bytes(self._crowd), np.bool_),
            self._ids,
            self._details,
        )
        return CocoTables(kinds, images, annotations)


def _key(value: Any) -> Any:
    """Return an id as what a dictionary can hold; ids are whole numbers or text."""
    return value if isinstance(value, int | str) else None


def _size(value: Any) -> int:
    return value if isinstance(value, int) and 0 < value < 1 << 31 else 0


def _box(value: Any) -> tuple[float, ...] | list[float]:
    if isinstance(value, list) and len(value) == 4:
        try:
            return [float(number) for number in value]
        except (TypeError, ValueError, OverflowError):
            pass
    return (_NAN,) * 4


def _category(file: Path, item: Any) -> Category:
    if not isinstance(item, dict) or _key(item.get("id")) is None or not isinstance(item.get("name"), str):
        raise UserError(f"{file}: a category without an id and a name ({str(item)[:80]}); {_FORM}")
    return Category(
        item["id"],
        item["name"],
        str(item.get("supercategory") or ""),
        item.get("keypoints"),
        item.get("isthing", 1) in (1, True),
    )
