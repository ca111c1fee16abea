"""Coefficients of a face model for vertices that are known."""

import numpy as np
import torch

from pyface3d.morphable import MorphableModel


def fit_shape(model: MorphableModel, vertices: np.ndarray, vertex_ids: np.ndarray, prior: float = 1e-2) -> torch.Tensor:
    """The coefficients whose shape is nearest to vertices in the model's frame: regularized least squares.

    Args:
        model: the face model.
        vertices: (M, 3) in the model's frame and unit.
        vertex_ids: (M,) which vertices of the model they are.
        prior: weight of the squared coefficients in standard deviations, in the model's unit squared.

    Returns:
        (K,) float32 coefficients.

    Raises:
        ValueError: as many ids as vertices are needed, and the vertices must be (M, 3).

    Example:
        >>> model = MorphableModel.default()
        >>> fit_shape(model, model.mean.numpy(), np.arange(model.n_vertices)).abs().max().item() < 1e-6
        True
    """
    if vertices.shape != (len(vertex_ids), 3):
        raise ValueError(f"fit_shape: vertices must be ({len(vertex_ids)}, 3), one for each id; got {vertices.shape}")
    std = model.std.double().numpy()
    basis = model.basis.double().numpy()[vertex_ids].reshape(-1, model.n_coeffs) * std
    offset = (vertices - model.mean.numpy()[vertex_ids]).astype(np.float64).ravel()
    step = np.linalg.solve(basis.T @ basis + prior * np.eye(len(std)), basis.T @ offset)
    return torch.from_numpy((step * std).astype(np.float32))
