"""Cumulative error distribution (CED): the share of images whose error stays under a bound."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyface3d.atomic import atomic_write


def error_curve(errors: ArrayLike, limit: float, points: int = 501) -> tuple[np.ndarray, np.ndarray]:
    """Points of the CED.

    Args:
        errors: (M,) one error per image; NaN (no prediction) counts as a failure.
        limit: largest error on the axis.
        points: samples of the axis.

    Returns:
        Bounds (points,) from 0 to ``limit`` and the share of images (points,) in [0, 1] at or under each.

    Example:
        >>> error_curve([1.0, 3.0], 4.0, points=3)[1].tolist()
        [0.0, 0.5, 1.0]
    """
    errors = np.sort(np.nan_to_num(np.asarray(errors, dtype=np.float64), nan=np.inf))
    bounds = np.linspace(0, limit, points)
    return bounds, np.searchsorted(errors, bounds, side="right") / max(1, len(errors))


def area_under_curve(errors: ArrayLike, limit: float) -> float:
    """Area under the CED up to ``limit`` over the whole area, in percent: exact, not from samples.

    Each image adds the part of the axis to the right of its error: mean(max(0, 1 - error / limit)).

    Example:
        >>> area_under_curve([0.0, 2.0], 4.0)
        75.0
    """
    errors = np.nan_to_num(np.asarray(errors, dtype=np.float64), nan=np.inf)
    return float(100 * np.clip(1 - errors / limit, 0, None).mean()) if len(errors) else float("nan")


def failure_rate(errors: ArrayLike, limit: float) -> float:
    """Share of images beyond ``limit``, in percent; NaN fails.

    Example:
        >>> failure_rate([1.0, 5.0], 4.0)
        50.0
    """
    errors = np.nan_to_num(np.asarray(errors, dtype=np.float64), nan=np.inf)
    return float(100 * (errors > limit).mean()) if len(errors) else float("nan")


def draw_curves(
    curves: Mapping[str, ArrayLike], path: str | Path, limit: float, *, title: str = "", unit: str = "%"
) -> None:
    """Draws the CED of one or several methods.

    Args:
        curves: name -> (M,) errors.
        path: picture to write; the suffix chooses the format.
        limit: largest error on the axis.
        title: title of the picture.
        unit: unit of the errors.
    """
    figure = new_figure(6, 4.5)
    axes = figure.subplots()
    for name, errors in curves.items():
        bounds, share = error_curve(errors, limit)
        label = f"{name}: AUC {area_under_curve(errors, limit):.1f} %, failures {failure_rate(errors, limit):.1f} %"
        axes.plot(bounds, 100 * share, label=label)
    axes.set(xlim=(0, limit), ylim=(0, 100), xlabel=f"error ({unit})", ylabel="images (%)", title=title)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", fontsize="small")
    save_figure(figure, path)


def new_figure(width: float, height: float) -> Any:
    """An empty matplotlib figure of so many inches, or a sentence."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(f"pictures of results need matplotlib ({error}): pip install 'pyface3d[train]'") from error
    return Figure(figsize=(width, height))


def save_figure(figure: Any, path: str | Path) -> None:
    """Writes a matplotlib figure in the format of the suffix, atomically."""
    path = Path(path)
    with atomic_write(path) as stream:
        figure.savefig(stream, format=path.suffix.lstrip(".") or "png", dpi=150, bbox_inches="tight")
