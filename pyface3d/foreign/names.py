"""Names of files as text that every output can hold."""

import hashlib
import unicodedata

_LONGEST = 180  # bytes of a file name that leave room for an ending
_UNSEEN = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # turn the direction of text around them


def printable(name: str) -> str:
    r"""A name on one line of valid Unicode: bytes that are not UTF-8, controls and line ends as backslash escapes.

    Example:
        >>> printable("one" + chr(10) + "two.jpg")
        'one\\ntwo.jpg'
    """
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(map(_seen, text))


def _seen(character: str) -> str:
    hidden = character in _UNSEEN or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
    return character.encode("unicode_escape").decode("ascii") if hidden else character


def file_stem(name: str) -> str:
    """One part of a path for an output file: printable, without separators, and never too long for an ending.

    Example:
        >>> len(file_stem("n" * 250)) < 200
        True
    """
    text = printable(name).replace("\\", "_").replace("/", "_").replace(":", "_")
    encoded = text.encode()
    if len(encoded) <= _LONGEST:
        return text
    digest = hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:8]
    return f"{encoded[:_LONGEST].decode(errors='ignore')}~{digest}"
