"""The text of a file: its encoding, and the characters in it that no editor shows."""

from __future__ import annotations

import codecs
import re
import unicodedata

from kubepresso.config.problems import Mark

MAX_BYTES = 1 << 20
#: Line breaks as editors count them.
BREAK = re.compile(r"\r\n|\r|\n")
#: Not allowed in YAML, or ends a line for YAML and for few editors.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
#: Looks like a space or like nothing, and is neither to YAML. Scripts that need joiners may have them.
_UNSEEN = re.compile(
    "[\xa0\u1680\u2000-\u200b\u200e\u200f\u202a-\u202f\u205f\u2060\u2066-\u2069\u3000\ufeff]"
)
_MOST = 20


class RefusedError(Exception):
    """A text that is not read further."""

    def __init__(self, text: str, mark: Mark | None = None) -> None:
        self.text = text
        self.mark = mark or Mark("", 1, 1)
        super().__init__(text)


def decode(content: bytes | str) -> str:
    """Return the text without a byte order mark: bytes in UTF-8 or, with that mark, UTF-16.

    Raises:
        RefusedError: Too large, or in another encoding.
    """
    if len(content) > MAX_BYTES:
        raise RefusedError(f"larger than {MAX_BYTES >> 20} MiB; is this the right file?")
    if isinstance(content, str):
        return content.removeprefix("\ufeff")
    content = content.removeprefix(codecs.BOM_UTF8)
    encoding = "utf-16" if content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8"
    if encoding != "utf-16" and b"\0" in content:
        raise RefusedError("not UTF-8 text: it has bytes that are zero; save it as UTF-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        before = content[: error.start].decode(encoding, "replace")
        place = mark_at(before, len(before))
        raise RefusedError(f"not {encoding.upper()} text; save it as UTF-8", place) from None


def blank_forbidden(text: str) -> tuple[str, list[tuple[Mark, str]]]:
    """Put a space in the place of each character that YAML cannot have, so that the rest can be read.

    Returns:
        The text, and what is wrong at which place.
    """
    found = list(_FORBIDDEN.finditer(text))
    told = [(mark_at(text, match.start()), describe(match[0])) for match in found[:_MOST]]
    return (_FORBIDDEN.sub(" ", text) if found else text), told


def find_unseen(text: str) -> tuple[int, str] | None:
    """Return the index of the first character that is seen as a space or not at all, and what it is."""
    match = _UNSEEN.search(text)
    return (match.start(), describe(match[0])) if match else None


def describe(char: str) -> str:
    """Say that an invisible character is in the way."""
    kind = "half of a surrogate pair" if "\ud800" <= char <= "\udfff" else "control character"
    return f"an invisible character, U+{ord(char):04X} ({unicodedata.name(char, kind)}); delete it"


def mark_at(text: str, index: int) -> Mark:
    """Return line and column of a character."""
    *before, last = BREAK.split(text[:index])
    return Mark("", len(before) + 1, len(last) + 1)
