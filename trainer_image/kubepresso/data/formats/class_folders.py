"""Class folders: ``train/<class>/*.png``, or ``<class>/*.png`` at the root."""

from __future__ import annotations

from pathlib import Path

from kubepresso.config.data import DataConfig
from kubepresso.data.findings import Findings
from kubepresso.data.formats.naming import is_hidden, list_images, mapped_classes, relative, split_folders
from kubepresso.data.formats.registry import register
from kubepresso.data.formats.source import FileSplit, ImageFile, Source, labelled_file
from kubepresso.errors import UserError


@register("class_folders")
class ClassFolders:
    """The folder of an image is its class; ``data.id_mapping`` orders classes, else their names do."""

    def open(self, data: DataConfig, root: Path, findings: Findings) -> Source:
        """List the files; see `registry.Format`."""
        folders = split_folders(data, root)
        names = mapped_classes(data, root)
        if names is None:
            names = sorted({entry.name for folder in folders.values() for entry in _class_folders(folder)})
        if not names:
            raise UserError(
                f"{root}: no class folders found; expected train/<class>/<image>, or data.path.train.label "
                "with a CSV file of image_id,class"
            )
        return Source(
            names,
            {
                split: FileSplit(_files(folder, root, names, data, findings))
                for split, folder in folders.items()
            },
        )


def _class_folders(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not is_hidden(entry.name))


def _files(
    folder: Path, root: Path, names: list[str], data: DataConfig, findings: Findings
) -> list[ImageFile]:
    files = []
    for class_folder in _class_folders(folder):
        images = list_images(class_folder, root, data, findings)
        if class_folder.name in names:
            label = names.index(class_folder.name)
            files += [labelled_file(file, relative(file, root), label) for file in images]
            continue
        for file in images:
            message = f"folder {class_folder.name!r} is not a class of data.id_mapping ({', '.join(names)})"
            findings.add("invalid_labels", relative(file, root), message)
    return files
