"""Named blendshapes behind an expression basis: weights in [0, 1] to coefficients and back."""

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor


class Blendshapes:
    """M named blendshapes and the K_e directions of an expression basis spanned by them.

    With D (3N, M) the blendshapes' displacements, the expression basis is D @ directions. The directions are
    orthonormal eigenvectors of D^T D, so that ``weights @ directions`` is the projection of a blendshape face on the
    expression basis, exact in the least-squares sense over all vertices.

    Args:
        names: M blendshape names.
        directions: (M, K_e) blendshape weights of each expression direction, columns orthonormal.
        gram: (M, M) D^T D, the inner products of the blendshapes' displacements.
    """

    def __init__(self, names: list[str], directions: ArrayLike, gram: ArrayLike):
        self.names = list(names)
        self.directions = np.asarray(directions, np.float64)  # (M, K_e)
        self.gram = np.asarray(gram, np.float64)  # (M, M)
        m = len(self.names)
        if self.directions.ndim != 2 or len(self.directions) != m:
            raise ValueError(f"Blendshapes: directions must be ({m}, K), got {self.directions.shape}")
        if self.gram.shape != (m, m):
            raise ValueError(f"Blendshapes: gram must be ({m}, {m}), got {self.gram.shape}")

    def to_coeffs(self, weights: Tensor) -> Tensor:
        """Expression coefficients (B, K_e) of the blendshape weights (B, M); differentiable."""
        self._check(weights, "weights", len(self.names))
        return weights @ torch.as_tensor(self.directions, dtype=weights.dtype, device=weights.device)

    def to_weights(self, coeffs: Tensor) -> Tensor:
        """Blendshape weights (B, M) in [0, 1] that come nearest to the faces of the coefficients (B, K_e).

        Nearest over all vertices: bounded least squares on |D w - D directions c|. Not differentiable.
        """
        self._check(coeffs, "coeffs", self.directions.shape[1])
        from scipy.optimize import lsq_linear  # here: it takes as long to import as the face to load

        factor = np.linalg.cholesky(self.gram).T  # |factor v| = |D v|
        targets = coeffs.detach().cpu().numpy().astype(np.float64) @ self.directions.T @ factor.T  # (B, M)
        if not np.isfinite(targets).all():
            raise ValueError("blendshapes_from_expression: coeffs must be finite, got NaN or infinity")
        weights = [lsq_linear(factor, target, (0.0, 1.0), method="bvls").x for target in targets]
        solved = np.stack(weights) if weights else np.zeros((0, len(self.names)))
        return torch.as_tensor(solved, dtype=coeffs.dtype, device=coeffs.device)

    def truncated(self, n_expression: int) -> "Blendshapes":
        """The same blendshapes with the first ``n_expression`` directions."""
        return Blendshapes(self.names, self.directions[:, :n_expression], self.gram)

    @staticmethod
    def _check(tensor: Tensor, argument: str, width: int) -> None:
        if tensor.ndim != 2 or tensor.shape[1] != width:
            raise ValueError(f"Blendshapes: {argument} must be (B, {width}), got {tuple(tensor.shape)}")
