"""Class folders: ``train/<class>/*.png``, or ``<class>/*.png`` at the root."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from kubepresso.config.data import DataConfig
from kubepresso.data.findings import Findings
from kubepresso.data.formats.naming import (
    IMAGE_SUFFIXES,
    check_distinct,
    is_hidden,
    list_images,
    named_classes,
    no_such_class,
    read_mapping,
    relative,
    split_folders,
)
from kubepresso.data.formats.registry import register
from kubepresso.data.formats.source import FileSplit, ImageFile, Source, labelled_file
from kubepresso.errors import UserError


@register("class_folders")
class ClassFolders:
    """The folder of an image is its class; ``data.id_mapping`` orders classes, else their names do.

    It is a list of names, a mapping of index to name, or of folder to name. A single folder at the root that
    holds folders alone is entered.
    """

    def open(self, data: DataConfig, root: Path, findings: Findings) -> Source:
        """List the files; see `registry.Format`."""
        mapping = read_mapping(data, root)
        classes = _mapped_folders(mapping)
        folders = _split_folders(data, root, classes or ())
        found = sorted({entry.name for folder in folders.values() for entry in _class_folders(folder)})
        if classes is None:
            classes = {name: name for name in found}
            _check_depth(folders, found)
        elif not classes.keys() & set(found) and isinstance(mapping, dict):
            numbered = _by_key(mapping)  # folders may be called by the numbers
            classes = numbered if numbered.keys() >= set(found) else classes
        if not classes:
            raise UserError(
                f"{root}: no class folders found; expected train/<class>/<image>, or data.path.train.label "
                "with a CSV file of image_id,class"
            )
        return Source(
            list(classes.values()),
            {
                split: FileSplit(_files(folder, root, list(classes), data, findings))
                for split, folder in folders.items()
            },
        )


def _mapped_folders(mapping: Any) -> dict[str, str] | None:
    """Return the class of each folder, in order, that ``data.id_mapping`` names; None where it is absent."""
    if isinstance(mapping, dict) and not any(str(key).isdecimal() for key in mapping):
        classes = _by_key(mapping)
        check_distinct(list(classes.values()))
        return classes
    names = named_classes(mapping)
    return None if names is None else {name: name for name in names}


def _by_key(mapping: Mapping[Any, Any]) -> dict[str, str]:
    return {str(folder): str(name) for folder, name in mapping.items()}


def _split_folders(data: DataConfig, root: Path, names: Collection[str]) -> dict[str, Path]:
    """Return the folder of each split, below a single folder that holds folders alone if there is one."""
    folders = split_folders(data, root)
    inside = [entry for entry in root.iterdir() if not is_hidden(entry.name)]
    wrapped = folders == {"train": root} and len(inside) == 1 and inside[0].is_dir()
    if not wrapped or inside[0].name in names or not _holds_folders_alone(inside[0]):
        return folders
    return split_folders(data, inside[0])


def _holds_folders_alone(folder: Path) -> bool:
    return bool(_class_folders(folder)) and not _images_in(folder)


def _images_in(folder: Path) -> list[Path]:
    files = (entry for entry in folder.iterdir() if not is_hidden(entry.name))
    return sorted(file for file in files if file.suffix.lower() in IMAGE_SUFFIXES and file.is_file())


def _check_depth(folders: Mapping[str, Path], names: Sequence[str]) -> None:
    """Refuse to take one folder of folders for the only class: the classes are below it."""
    for split, folder in folders.items():
        if len(names) == 1 and (folder / names[0]).is_dir() and _holds_folders_alone(folder / names[0]):
            raise UserError(
                f"{folder / names[0]}: the only class, and holds no image itself; where its folders are the "
                f"classes, name it in data.path.{split}.image"
            )


def _class_folders(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not is_hidden(entry.name))


def _files(
    folder: Path, root: Path, named: list[str], data: DataConfig, findings: Findings
) -> list[ImageFile]:
    files = []
    for image in _images_in(folder):
        findings.add("unused_files", relative(image, root), "not in the folder of a class")
    for class_folder in _class_folders(folder):
        images = list_images(class_folder, root, data, findings)
        if class_folder.name in named:
            label = named.index(class_folder.name)
            files += [labelled_file(file, relative(file, root), label) for file in images]
            continue
        message = f"its folder is no class of data.id_mapping: {no_such_class(class_folder.name, named)}"
        for file in images:
            findings.add("invalid_labels", relative(file, root), message)
    return files
