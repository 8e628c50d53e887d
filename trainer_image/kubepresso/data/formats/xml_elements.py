"""XML from untrusted files, with the line of each element."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from xml.parsers import expat

from kubepresso.data.targets import LabelProblemError

_LARGEST = 32 << 20


@dataclasses.dataclass(slots=True)
class Element:
    """An element of a document.

    Args:
        tag: Its name.
        line: Where it begins, from 1.
        text: Its text, without spaces around it.
        children: In order.
    """

    tag: str
    line: int
    text: str = ""
    children: list[Element] = dataclasses.field(default_factory=list)

    def all(self, tag: str) -> Iterator[Element]:
        """Yield the children of a name."""
        return (child for child in self.children if child.tag == tag)

    def find(self, tag: str) -> Element | None:
        """Return the first child of a name, None where there is none."""
        return next(self.all(tag), None)


def parse_xml(file: Path, place: str) -> Element:
    """Read a document without a DTD: entities that expand, or name files, cannot be declared then.

    Args:
        file: The file.
        place: Its name in messages.

    Raises:
        LabelProblemError: It cannot be read, is no XML, has a DTD, or is larger than 32 MiB.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise LabelProblemError(f"cannot be read ({error.strerror})", place) from error
    if len(content) > _LARGEST:
        raise LabelProblemError(f"too large for an annotation ({len(content) >> 20} MiB)", place)
    builder = _Builder(place)
    try:
        builder.parser.Parse(content, True)
    except LabelProblemError:
        raise
    except (expat.ExpatError, ValueError, LookupError) as error:  # the latter two from odd encodings
        line = builder.parser.CurrentLineNumber
        raise LabelProblemError(f"not XML ({error})", f"{place}:{line}") from error
    return builder.root


class _Builder:
    def __init__(self, place: str) -> None:
        self.place = place
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self._open = [Element("", 0)]

    @property
    def root(self) -> Element:
        return self._open[0].children[0]

    def _refuse(self, *_: object) -> None:
        raise LabelProblemError(
            "has a document type declaration, which is refused as it may expand without end; remove it",
            f"{self.place}:{self.parser.CurrentLineNumber}",
        )

    def _start(self, tag: str, _: object) -> None:
        element = Element(tag, self.parser.CurrentLineNumber)
        self._open[-1].children.append(element)
        self._open.append(element)

    def _end(self, _: str) -> None:
        element = self._open.pop()
        element.text = element.text.strip()

    def _text(self, text: str) -> None:
        self._open[-1].text += text
