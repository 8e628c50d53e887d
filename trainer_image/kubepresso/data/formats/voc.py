"""Pascal VOC: an XML file of boxes for each image.

Coordinates of VOC are numbers of pixels, counted from 1, and ``xmax`` is the last pixel inside: the box of
the single pixel in the upper left corner is 1, 1, 1, 1. Here it is 0, 0, 1, 1. Some tools count from 0; their
boxes come out one pixel larger to the left and above, which is clipped at the edge.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from kubepresso.config.data import DataConfig
from kubepresso.data.findings import Findings
from kubepresso.data.formats.boxes import as_objects, check_boxes
from kubepresso.data.formats.choosing import report_unchosen
from kubepresso.data.formats.naming import mapped_classes
from kubepresso.data.formats.orientation import needs_turn, turn_boxes
from kubepresso.data.formats.pairing import Folders, pair_splits, paired_splits
from kubepresso.data.formats.places import paired_folders
from kubepresso.data.formats.problems import LabelProblems
from kubepresso.data.formats.registry import register
from kubepresso.data.formats.source import Source
from kubepresso.data.formats.voc_lists import devkit, listed_splits
from kubepresso.data.formats.xml_elements import Element, parse_xml
from kubepresso.data.targets import Geometry, LabelProblemError, Objects
from kubepresso.errors import UserError

_CORNERS = ("xmin", "ymin", "xmax", "ymax")
LABEL_FOLDERS = ("Annotations", "annotations", "labels", "xml")


@register("voc")
class Voc:
    """Object ``difficult`` is crowd: not trained on, no miss. Classes are those of ``data.id_mapping``, which
    chooses among the names found, else all these, sorted."""

    def open(self, data: DataConfig, root: Path, findings: Findings) -> Source:
        """Pair the files; see `registry.Format`."""
        folders = {split: [place] for split, place in voc_folders(data, root).items()}
        pairs = pair_splits(folders, root, data, findings, lambda file: file.suffix.lower() == ".xml")
        found = _names_in([pair.label for group in pairs.values() for pair in group])
        names = mapped_classes(data, root)
        if names is None:
            names = sorted(found)
        else:
            report_unchosen(found, names, "the Pascal VOC files", findings)
        if not names:
            raise UserError(f"{root}: no object in any Pascal VOC file; expected Annotations/<image>.xml")
        indexes = {name: index for index, name in enumerate(names)}
        return Source(names, paired_splits(pairs, root, lambda file, path: VocLabel(file, path, indexes)))


def voc_folders(data: DataConfig, root: Path) -> dict[str, Folders]:
    """Return the folders of each split: named ones, those of a devkit with its lists, or common names."""
    kit = devkit(data, root, "Annotations")
    if kit is None:
        return paired_folders(data, root, LABEL_FOLDERS)
    return listed_splits(kit, kit / "JPEGImages", kit / "Annotations", ("Main", ""))


@dataclasses.dataclass(frozen=True, slots=True)
class VocLabel:
    """One XML file.

    Args:
        file: Where it is now.
        path: Its name inside the source.
        indexes: Class index by name.
    """

    file: Path
    path: str
    indexes: Mapping[str, int]

    def __call__(self, geometry: Geometry) -> Objects:
        """Read the objects."""
        document = parse_xml(self.file, self.path)
        if document.tag != "annotation":
            raise LabelProblemError(
                f"<{document.tag}> is not <annotation> of Pascal VOC", f"{self.path}:{document.line}"
            )
        problems = LabelProblems()
        rows: list[tuple[list[float], int, bool]] = []
        places: list[str] = []
        for element in document.all("object"):
            place = f"{self.path}:{element.line}"
            row = self._object(element, place, problems)
            if row is not None:
                rows.append(row)
                places.append(place)
        boxes = np.array([box for box, _, _ in rows], np.float64).reshape(-1, 4) - (1, 1, 0, 0)
        stated = _stated_size(document)
        if needs_turn(stated, geometry, "<size>"):
            boxes = turn_boxes(boxes, geometry)
        boxes = check_boxes(boxes, geometry, places, problems)
        problems.check()
        return as_objects(boxes, [label for _, label, _ in rows], [crowd for _, _, crowd in rows])

    def classes(self) -> Sequence[int]:
        """Return the classes of its objects, unchecked."""
        try:
            document = parse_xml(self.file, self.path)
        except LabelProblemError:
            return ()
        names = (_text(element, "name") for element in document.all("object"))
        return sorted({self.indexes[name] for name in names if name in self.indexes})

    def _object(
        self, element: Element, place: str, problems: LabelProblems
    ) -> tuple[list[float], int, bool] | None:
        name = _text(element, "name")
        if not name:
            problems.add(place, "<object> without a <name>")
        if name not in self.indexes:
            return None
        box = element.find("bndbox")
        if box is None:
            problems.add(place, "<object> without a <bndbox>")
            return None
        try:
            corners = [float(_text(box, corner)) for corner in _CORNERS]
        except ValueError:
            found = ", ".join(_text(box, corner) or "nothing" for corner in _CORNERS)
            problems.add(place, f"<bndbox> needs the numbers xmin, ymin, xmax, ymax, got {found}")
            return None
        if corners[:2] == corners[2:]:
            written = ", ".join(f"{corner:g}" for corner in corners)
            problems.add(place, f"box ({written}) is a single pixel: a click, not an object")
            return None
        return corners, self.indexes[name], _text(element, "difficult") == "1"


def _names_in(files: Sequence[Path]) -> Counter[str]:
    names: Counter[str] = Counter()
    for file in files:
        try:
            document = parse_xml(file, file.name)
        except LabelProblemError:
            continue  # reported when its sample is read
        names.update(_text(element, "name") for element in document.all("object"))
    del names[""]
    return names


def _stated_size(document: Element) -> tuple[int, int] | None:
    """Return the size that the file gives; many leave it out or write 0."""
    size = document.find("size")
    try:
        width, height = (int(float(_text(size, side))) for side in ("width", "height"))
    except (ValueError, OverflowError):
        return None
    return (width, height) if width > 0 and height > 0 else None


def _text(element: Element | None, tag: str) -> str:
    child = element.find(tag) if element is not None else None
    return child.text if child is not None else ""
