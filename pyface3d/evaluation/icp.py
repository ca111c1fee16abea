"""Procrustes alignment and the iterative closest point algorithm (Besl and McKay, 1992), on NumPy arrays and a k-d
tree.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree


@dataclass(frozen=True)
class Similarity:
    """x -> scale * rotation @ x + translation."""

    scale: float
    rotation: np.ndarray  # (3, 3)
    translation: np.ndarray  # (3,)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Points (N, 3) carried over."""
        return self.scale * points @ self.rotation.T + self.translation


@dataclass(frozen=True)
class Icp:
    """What :func:`icp` found.

    Attributes:
        motion: carries the source onto the target.
        errors: mean distance after each iteration; the last one belongs to ``motion``.
    """

    motion: Similarity
    errors: tuple[float, ...]


def procrustes(source: np.ndarray, target: np.ndarray, scale: bool = False) -> Similarity:
    """The rigid motion, or similarity, that takes points to their partners with the least squared error (Umeyama,
    1991).

    Args:
        source: (N, 3), N >= 3.
        target: (N, 3), row by row the partners of ``source``.
        scale: fit an isotropic scale too.

    Returns:
        A proper motion: reflections are excluded.

    Raises:
        ValueError: if the shapes differ or there are fewer than three points.

    Example:
        >>> points = np.random.default_rng(0).normal(size=(5, 3))
        >>> round(procrustes(points, 2 * points, scale=True).scale, 6)
        2.0
    """
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 3 or len(source) < 3:
        got = f"{source.shape} and {target.shape}"
        raise ValueError(f"procrustes: source and target must both be (N, 3) with N >= 3, got {got}")
    source_center, target_center = source.mean(0), target.mean(0)
    centered = source - source_center
    u, stretch, vt = np.linalg.svd((target - target_center).T @ centered)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * sign) @ vt
    factor = float((stretch * sign).sum() / (centered**2).sum()) if scale else 1.0
    return Similarity(factor, rotation, target_center - factor * rotation @ source_center)


def icp(
    source: np.ndarray,
    target: np.ndarray,
    *,
    scale: bool = False,
    iterations: int = 50,
    tolerance: float = 1e-4,
    absolute: float = 0.0,
    start: Similarity | None = None,
) -> Icp:
    """Moves ``source`` onto ``target``: nearest partners in the target, then :func:`procrustes`, by turns.

    Args:
        source: (N, 3) points to move; every one of them looks for a partner.
        target: (M, 3) points that stay.
        scale: fit an isotropic scale too.
        iterations: turns at most.
        tolerance: stops when the mean distance falls by less than this fraction,
        absolute: or by less than this length.
        start: motion to start from; identity where left out.

    Returns:
        The motion and the mean distance after each turn, which never rises in the mean square.

    Example:
        >>> points = np.random.default_rng(0).normal(size=(200, 3))
        >>> found = icp(points, points + 0.01)
        >>> bool(found.errors[-1] < 1e-6)
        True
    """
    tree = cKDTree(target)
    motion = start or Similarity(1.0, np.eye(3), np.zeros(3))
    distance, partner = tree.query(motion(source))
    errors = [float(distance.mean())]
    for _ in range(iterations):
        motion = procrustes(source, target[partner], scale)
        distance, partner = tree.query(motion(source))
        errors.append(float(distance.mean()))
        if errors[-2] - errors[-1] <= max(tolerance * errors[-2], absolute):
            break
    return Icp(motion, tuple(errors))
