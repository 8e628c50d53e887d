"""The folders of a Pascal VOC devkit, and the lists of its splits."""

from __future__ import annotations

from pathlib import Path

from kubepresso.config.data import DataConfig
from kubepresso.data.formats.naming import SPLIT_ALIASES, named_places
from kubepresso.data.formats.pairing import Folders
from kubepresso.errors import UserError


def devkit(data: DataConfig, root: Path, labels: str) -> Path | None:
    """Return the folder that holds ``JPEGImages`` and the labels: the root, or one or two levels below it.

    Args:
        data: The data module of the configuration.
        root: The source's root.
        labels: Name of the folder of labels.

    Returns:
        None where the configuration names its folders, or where there is none.

    Raises:
        UserError: There are several, for example VOC2007 and VOC2012.
    """
    if named_places(data, root):
        return None
    for depth in ("", "*/", "*/*/"):
        found = sorted(
            folder.parent for folder in root.glob(f"{depth}JPEGImages") if (folder.parent / labels).is_dir()
        )
        if len(found) > 1:
            listed = ", ".join(map(str, found))
            raise UserError(f"{root}: several data sets ({listed}); name one of them in data.path.root")
        if found:
            return found[0]
    return None


def listed_splits(kit: Path, images: Path, labels: Path, lists: tuple[str, ...]) -> dict[str, Folders]:
    """Return the splits that ``ImageSets`` names; all images are train where it names none.

    Args:
        kit: The folder that holds ``ImageSets``.
        images: Folder of the images.
        labels: Folder of the labels.
        lists: Folders below ``ImageSets`` to look in, the first that has a list decides.
    """
    for name in lists:
        folder = kit / "ImageSets" / name
        found = {split: file for split in SPLIT_ALIASES if (file := _list_of(folder, split))}
        if "train" not in found and (folder / "trainval.txt").is_file():
            found["train"] = folder / "trainval.txt"
        if found:
            return {split: Folders(images, labels, _read(file)) for split, file in found.items()}
    return {"train": Folders(images, labels)}


def _list_of(folder: Path, split: str) -> Path | None:
    files = (folder / f"{alias}.txt" for alias in SPLIT_ALIASES[split])
    return next((file for file in files if file.is_file()), None)


def _read(file: Path) -> frozenset[str]:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: cannot be read as UTF-8 ({error})") from error
    # Lists of one class have a second column, 1 or -1, which says whether the class is in the image.
    return frozenset(line.split()[0] for line in lines if line.strip())
