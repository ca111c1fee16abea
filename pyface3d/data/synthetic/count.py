"""Rendered portraits by name: ``synthetic`` and ``synthetic:COUNT``."""

import os


def portrait_count(source: str | os.PathLike, caller: str) -> int | None:
    """COUNT of ``synthetic:COUNT``, 0 of ``synthetic`` alone, None of anything else.

    Raises:
        ValueError: COUNT is no number.
    """
    kind, _, count = os.fspath(source).partition(":")
    if kind == "synthetic" and count and not count.isdecimal():
        raise ValueError(f"{caller}: synthetic:COUNT wants a number, got {count!r}")
    return int(count or 0) if kind == "synthetic" else None
