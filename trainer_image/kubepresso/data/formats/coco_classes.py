"""From COCO's categories to classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from kubepresso.config.data import DataConfig
from kubepresso.data.formats.coco_tables import Category, CocoTables
from kubepresso.data.formats.naming import mapped_classes


def category_names(data: DataConfig, root: Path, tables: Iterable[CocoTables]) -> list[str]:
    """Return the classes: those of ``data.id_mapping``, else the categories of all splits by their ids.

    A category without annotations that is only the name of the group of all others, as Roboflow writes, is
    left out.

    Args:
        data: The data module of the configuration.
        root: The source's root.
        tables: Of all splits.
    """
    mapped = mapped_classes(data, root)
    if mapped is not None:
        return mapped
    by_name: dict[str, Category] = {}
    used: set[str] = set()
    for table in tables:
        used |= {table.categories[position].name for position in table.used()}
        for category in table.categories:
            by_name.setdefault(category.name, category)
    kinds = sorted(by_name.values(), key=lambda category: (isinstance(category.key, str), category.key))
    return [kind.name for kind in kinds if kind.name in used or not _is_group(kind, kinds)]


def class_indexes(categories: Sequence[Category], names: Sequence[str]) -> np.ndarray:
    """Return the class index of each category, int64, -1 where it is no class."""
    by_name = {name: index for index, name in enumerate(names)}
    return np.array([by_name.get(category.name, -1) for category in categories], np.int64)


def _is_group(kind: Category, kinds: Sequence[Category]) -> bool:
    others = [other for other in kinds if other is not kind]
    return bool(others) and all(other.supercategory == kind.name for other in others)
