"""The opcodes of a pickle that files of arrays need, with their arguments; every other one is refused by name."""

import codecs
import pickletools
import struct
from collections.abc import Callable, Iterator
from typing import Any


class RefusedError(Exception):
    """A pickle asks for something that is not read from files; the text says what."""


class Cursor:
    """A place in the bytes of a pickle."""

    def __init__(self, content: bytes, at: int = 0) -> None:
        self.content, self.at = content, at

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes, which must be there."""
        end = self.at + count
        if end > len(self.content):
            raise ValueError(f"it ends {end - len(self.content)} bytes too early")
        piece, self.at = self.content[self.at : end], end
        return piece

    def line(self) -> bytes:
        """Up to the next line feed, without it."""
        end = self.content.find(b"\n", self.at)
        if end < 0:
            raise ValueError("it ends in the middle of a line")
        piece, self.at = self.content[self.at : end], end + 1
        return piece


def _number(layout: str) -> Callable[[Cursor], Any]:
    size = struct.calcsize(layout)
    return lambda cursor: struct.unpack(layout, cursor.take(size))[0]


def _counted(layout: str, decode: Callable[[bytes], Any] = bytes) -> Callable[[Cursor], Any]:
    count = _number(layout)
    return lambda cursor: decode(cursor.take(count(cursor)))


def _integer(piece: bytes) -> int:
    return int.from_bytes(piece, "little", signed=True)


def _integer_line(cursor: Cursor) -> int | bool:
    text = cursor.line()
    return {b"00": False, b"01": True}.get(text) if text in (b"00", b"01") else int(text.rstrip(b"L"))  # type: ignore[return-value]


def _string_line(cursor: Cursor) -> str:
    text = cursor.line().strip()
    if text[:1] not in (b"'", b'"') or len(text) < 2 or text[-1:] != text[:1]:
        raise ValueError("a string lacks its quotes")
    return codecs.escape_decode(text[1:-1])[0].decode("latin1")  # type: ignore[attr-defined]  # as Python's own reader


def _latin1(piece: bytes) -> str:
    return piece.decode("latin1")  # what Python 2 wrote as text and as the bytes of arrays


def _unicode(piece: bytes) -> str:
    return piece.decode("utf-8", "surrogatepass")


def _name_lines(cursor: Cursor) -> tuple[str, str]:
    return cursor.line().decode("utf-8"), cursor.line().decode("utf-8")


_ARGUMENTS: dict[str, Callable[[Cursor], Any]] = {
    "PROTO": _number("<B"), "FRAME": _number("<Q"),
    "INT": _integer_line, "LONG": _integer_line, "BININT": _number("<i"), "BININT1": _number("<B"),
    "BININT2": _number("<H"), "LONG1": _counted("<B", _integer), "LONG4": _counted("<I", _integer),
    "FLOAT": lambda cursor: float(cursor.line()), "BINFLOAT": _number(">d"),
    "STRING": _string_line, "BINSTRING": _counted("<I", _latin1), "SHORT_BINSTRING": _counted("<B", _latin1),
    "BINBYTES": _counted("<I"), "SHORT_BINBYTES": _counted("<B"), "BINBYTES8": _counted("<Q"),
    "BYTEARRAY8": _counted("<Q"),
    "UNICODE": lambda cursor: cursor.line().decode("raw-unicode-escape"), "BINUNICODE": _counted("<I", _unicode),
    "SHORT_BINUNICODE": _counted("<B", _unicode), "BINUNICODE8": _counted("<Q", _unicode),
    "GET": _integer_line, "BINGET": _number("<B"), "LONG_BINGET": _number("<I"),
    "PUT": _integer_line, "BINPUT": _number("<B"), "LONG_BINPUT": _number("<I"),
    "GLOBAL": _name_lines,
} | dict.fromkeys(
    "STOP NONE NEWTRUE NEWFALSE MARK EMPTY_LIST APPEND APPENDS LIST EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_DICT "
    "DICT SETITEM SETITEMS EMPTY_SET ADDITEMS FROZENSET MEMOIZE STACK_GLOBAL REDUCE BUILD NEWOBJ BINPERSID".split(),
    lambda cursor: None,
)  # fmt: skip
_BY_CODE = {ord(opcode.code): opcode.name for opcode in pickletools.opcodes}


def opcodes(cursor: Cursor) -> Iterator[tuple[str, Any]]:
    """The opcodes from a place on, to STOP, each as its name and argument; the cursor stands behind the last one.

    Raises:
        RefusedError: an opcode that no file of arrays needs.
        ValueError: the bytes are no pickle, or end too early.
    """
    name = ""
    while name != "STOP":
        code = cursor.take(1)[0]
        if code not in _BY_CODE:
            raise ValueError(f"byte {cursor.at - 1} is no opcode of a pickle")
        name = _BY_CODE[code]
        if name not in _ARGUMENTS:
            raise RefusedError(f"the opcode {name}")
        yield name, _ARGUMENTS[name](cursor)
