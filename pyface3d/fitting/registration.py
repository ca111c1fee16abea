"""Non-rigid registration of two surfaces: one is bent onto the other, stiff at first and softer with every step."""

import numpy as np
import scipy.sparse as sparse
import torch
from scipy.sparse.linalg import splu
from torch import Tensor

from pyface3d.fitting.closest import Mesh
from pyface3d.morphable import LandmarkSet

STIFFNESS = (0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4)
TURNS = 2  # partners are looked up anew so often at each stiffness
_ALIKE = 0.6  # cosine of the angle between the normals of partners, at least
_RIDGE = 0.02  # of the landmarks' scatter: keeps the affine start from shears that few of them ask for
_REACH = 0.2  # partners are at most this far apart, in sizes of the face, when the surface is as stiff as can be


def similarity(source: Tensor, target: Tensor, scale: float | None = None) -> Tensor:
    """The motion (3, 4) = [s R | t] that carries points (L, 3) nearest to others (Umeyama 1991), of a scale if given.

    Example:
        >>> points = torch.rand(5, 3, dtype=torch.float64)
        >>> similarity(points, 2 * points + 1).diagonal().round(decimals=6).tolist()
        [2.0, 2.0, 2.0]
    """
    middle, goal = source.mean(0), target.mean(0)
    centered = source - middle
    u, stretch, vt = torch.linalg.svd((target - goal).T @ centered)
    sign = torch.ones(3).to(source)
    sign[2] = torch.linalg.det(u @ vt).sign()
    rotation = (u * sign) @ vt
    if scale is None:
        scale = float((stretch * sign).sum() / (centered**2).sum())
    return torch.cat([scale * rotation, (goal - scale * rotation @ middle)[:, None]], 1)


def spread(vertices: Tensor, handles: Tensor, goals: Tensor) -> Tensor:
    """Vertices (N, 3) under the affine map that carries landmarks (L, 3) near their goals, and else changes little."""
    middle = handles.mean(0)
    centered, wanted = handles - middle, goals - handles
    ridge = _RIDGE * float(centered.square().sum()) * torch.eye(3).to(centered)
    linear = torch.linalg.solve(centered.T @ centered + ridge, centered.T @ (wanted - wanted.mean(0)))
    return vertices + (vertices - middle) @ linear + wanted.mean(0)


def bend(
    vertices: Tensor, mesh: Mesh, target: Tensor, target_mesh: Mesh, handles: LandmarkSet, goals: Tensor, size: float
) -> Tensor:
    """The vertices of one surface bent onto another, which lies about it already.

    After an affine map by the landmarks, the displacements minimize
    ``mean_i w_i |v_i + d_i - u_i|^2 + stiffness sum_edges |d_i - d_j|^2`` and the landmarks' distances, u being the
    nearest points of the target; the optimal-step scheme of Amberg, Romdhani and Vetter
    ("Optimal Step Nonrigid ICP Algorithms for Surface Registration", 2007) with displacements in place of affine maps:
    stiffness falls step by step, landmarks count less and less. Partners whose normals differ, that lie on a border or
    far away do not count.

    Args:
        vertices: (N, 3) float64, placed where the target is.
        mesh: its triangles.
        target: (M, 3) float64.
        target_mesh: its triangles.
        handles: L landmarks of the first surface, all present.
        goals: (L, 3) where they lie on the target.
        size: of the face, in the unit of both.

    Returns:
        (N, 3).
    """
    n, edges = len(vertices), mesh.edges.numpy()
    ones, rows = np.ones(len(edges)), np.arange(len(edges))
    incidence = sparse.csr_matrix((np.r_[ones, -ones], (np.r_[rows, rows], edges.T.ravel())), (len(edges), n))
    smooth, grip = incidence.T @ incidence, _grip(handles, n)
    normals = target_mesh.normals(target)
    start = moved = spread(vertices, handles.of(vertices), goals)
    for stiffness in STIFFNESS:
        held = 10 * stiffness / max(len(goals), 1)  # the landmarks' weight fades with the stiffness
        for _ in range(TURNS):
            feet = target_mesh.closest(moved, target)
            alike = (mesh.normals(moved) * feet.of(normals)).sum(1) > _ALIKE
            near = feet.distance < size * max(_REACH * min(1.0, stiffness**0.25), 0.02)
            weight = (alike & near & target_mesh.inner(feet)).double().numpy() / n
            system = sparse.diags(weight + 1e-9) + stiffness * smooth + held * grip.T @ grip
            wanted = (feet.of(target) - start).numpy()
            pull = weight[:, None] * wanted + held * (grip.T @ (goals.numpy() - grip @ start.numpy()))
            moved = start + torch.from_numpy(splu(system.tocsc()).solve(pull))
    return moved


def _grip(handles: LandmarkSet, n: int) -> sparse.csr_matrix:
    """(L, N): each landmark as a mean of vertices."""
    corners, weights = handles.corners.numpy(), handles.weights.double().numpy()
    rows = np.repeat(np.arange(len(corners)), corners.shape[1])
    return sparse.csr_matrix((weights.ravel(), (rows, corners.ravel())), (len(corners), n))
