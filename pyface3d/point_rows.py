"""Rows of numbers to landmarks: a header, or the number of points of a known scheme, tells which belong to a point."""

import re
from collections.abc import Sequence

import numpy as np

#: numbers of points of the schemes that the library knows; two or three coordinates of each make a width of its own
SCHEMES = (5, 21, 68, 81, 98, 106)
LAYOUTS = {"xy": 2, "xyz": 3}
_COLUMN = re.compile(r"([xyz])_?(\d+)|(\d+)_?([xyz])|([xyz])", re.IGNORECASE)


def points_of_rows(rows: np.ndarray, header: Sequence[str] = (), layout: str | None = None) -> np.ndarray:
    """Faces of a table with all coordinates of a face in one row.

    Args:
        rows: (n, W) numbers.
        header: W names of columns, such as ``x0, y0, z0, x1``, ``x0, x1, ..., y0``; empty where there are none.
        layout: "xy" or "xyz", where neither header nor scheme tell.

    Returns:
        (n, L, 2 or 3).

    Raises:
        ValueError: an unknown layout, or a width that could be points of two and of three coordinates.

    Example:
        >>> points_of_rows(np.zeros((3, 136))).shape
        (3, 68, 2)
    """
    count, width = rows.shape
    if layout is not None and layout not in LAYOUTS:
        raise ValueError(f"layout must be one of {', '.join(LAYOUTS)}, got {layout!r}")
    axes = _axes(header, width)
    size = LAYOUTS[layout] if layout else len(set(axes)) or _size(width)
    if width % size or (layout and axes and len(set(axes)) != size):
        raise ValueError(f"a row of {width} numbers is no row of points with {size} coordinates")
    if axes and axes[0] == axes[min(1, width - 1)]:  # all x, then all y
        return rows.reshape(count, size, width // size).swapaxes(1, 2)
    return rows.reshape(count, width // size, size)


def _axes(header: Sequence[str], width: int) -> list[str]:
    """The axis of each column, or nothing where the header does not name axes."""
    found = [_COLUMN.fullmatch(name.strip().strip('"')) for name in header]
    if len(found) != width or not all(found):
        return []
    axes = [
        next(group for group in match.groups() if group and group.lower() in "xyz").lower() for match in found if match
    ]
    return axes if sorted(set(axes)) in (["x", "y"], ["x", "y", "z"]) else []


def _size(width: int) -> int:
    known = [size for size in (2, 3) if width % size == 0 and width // size in SCHEMES]
    possible = known or [size for size in (2, 3) if width % size == 0]
    if len(possible) != 1:
        raise ValueError(
            f"a row of {width} numbers may be points of 2 or of 3 coordinates, or none: name the columns in a header "
            "line (x0,y0,z0,x1,...) or the layout (xy or xyz)"
        )
    return possible[0]


def points_of_array(values: np.ndarray, layout: str | None = None) -> np.ndarray:
    """Faces of an array of any usual arrangement.

    Args:
        values: (L, 2 or 3) and (2 or 3, L) for one face, (B, L, 2 or 3) and (B, 2 or 3, L), or (B, W) rows.
        layout: as for :func:`points_of_rows`.

    Returns:
        (B, L, 2 or 3).

    Raises:
        ValueError: another arrangement.

    Example:
        >>> points_of_array(np.zeros((2, 68))).shape, points_of_array(np.zeros((2, 136))).shape
        ((1, 68, 2), (2, 68, 2))
    """
    if values.ndim == 2 and values.shape[1] > 3:
        in_columns = values.shape[0] in (2, 3) and values.shape[1] in SCHEMES and layout is None
        return values.T[None] if in_columns else points_of_rows(values, layout=layout)
    if values.ndim == 2:
        values = values[None]
    if values.ndim == 3 and values.shape[2] not in (2, 3) and values.shape[1] in (2, 3):
        values = values.swapaxes(1, 2)
    if values.ndim != 3 or values.shape[2] not in (2, 3):
        raise ValueError(f"points must be (B, L, 2), got {values.shape}")
    return values
