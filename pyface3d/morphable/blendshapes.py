"""Named blendshapes behind an expression basis: weights in [0, 1] to coefficients and back."""

from functools import cached_property

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from pyface3d.morphable.arkit import ARKIT_NAMES, from_arkit_matrix

# Both eyes look the same way: in with the one is out with the other.
_GAZE = {"eyeLookIn_L": "right", "eyeLookOut_R": "right", "eyeLookIn_R": "left", "eyeLookOut_L": "left"}


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
        return self._nearest(coeffs, np.eye(len(self.names)))

    def _nearest(self, coeffs: Tensor, combinations: np.ndarray) -> Tensor:
        """Weights (B, J) in [0, 1] of combinations (J, M) of the blendshapes."""
        self._check(coeffs, "coeffs", self.directions.shape[1])
        factor = self._factor
        targets = coeffs.detach().cpu().numpy().astype(np.float64) @ self.directions.T @ factor.T  # (B, M)
        if not np.isfinite(targets).all():
            raise ValueError("blendshapes_from_expression: coeffs must be finite, got NaN or infinity")
        columns = factor @ combinations.T
        weights = [_bounded(columns, target) for target in targets]
        solved = np.stack(weights) if weights else np.zeros((0, len(combinations)))
        return torch.as_tensor(solved, dtype=coeffs.dtype, device=coeffs.device)

    @cached_property
    def _factor(self) -> np.ndarray:
        """(M, M) with |factor v| = |D v|."""
        return np.linalg.cholesky(self.gram).T

    @cached_property
    def _from_arkit(self) -> np.ndarray:
        """(52, M) ARKit's weights to the blendshapes'."""
        return from_arkit_matrix(self.names)

    def to_arkit(self, coeffs: Tensor) -> Tensor:
        """ARKit's 52 weights (B, 52) in [0, 1], in the order of ``ARKIT_NAMES``, nearest to the coefficients (B, K_e).

        The same bounded least squares with ARKit's expressions as unknowns; those that the model lacks are zero.
        """
        expand = self._from_arkit
        present = np.flatnonzero(expand.any(1))
        found = torch.zeros(len(coeffs), len(ARKIT_NAMES), dtype=coeffs.dtype, device=coeffs.device)
        if not len(present):
            return found
        weights = self._nearest(coeffs, expand[present])
        found[:, torch.from_numpy(present).to(coeffs.device)] = weights
        return found

    def from_arkit(self, weights: Tensor) -> Tensor:
        """Expression coefficients (B, K_e) of ARKit's weights (B, 52); differentiable."""
        self._check(weights, "weights", len(ARKIT_NAMES))
        return self.to_coeffs(weights @ torch.as_tensor(self._from_arkit).to(weights))

    def sample(self, batch: int, generator: torch.Generator | None = None) -> Tensor:
        """Weights (batch, M) float32 of random expressions.

        One shape in four is active, by a uniform amount in [0, 1]; left and right go together, differing by up to a
        fifth, but one side in eight stays still; the lips close (``mouthClose``) no further than the jaw opens. Unlike
        independent normals on the coefficients, such weights look like expressions.
        """
        device = generator.device if generator else None
        draw = lambda *size: torch.rand(*size, generator=generator, device=device)  # noqa: E731
        groups = [_GAZE.get(name, name.removesuffix("_L").removesuffix("_R")) for name in self.names]
        order = {group: k for k, group in enumerate(dict.fromkeys(groups))}
        amounts = draw(batch, len(order)) * (draw(batch, len(order)) < 0.25)  # (B, groups)
        member = torch.tensor([order[group] for group in groups], device=device)
        paired = torch.tensor([name not in _GAZE for name in self.names], device=device)
        still = (draw(batch, len(groups)) < 0.125) & paired
        weights = amounts[:, member] * (1 - 0.2 * draw(batch, len(groups))) * ~still  # (B, M)
        if "mouthClose" in order and "jawOpen" in order:
            close, jaw = self.names.index("mouthClose"), self.names.index("jawOpen")
            weights[:, close] = weights[:, close].minimum(weights[:, jaw])
        return weights

    def truncated(self, n_expression: int) -> "Blendshapes":
        """The same blendshapes with the first ``n_expression`` directions."""
        return Blendshapes(self.names, self.directions[:, :n_expression], self.gram)

    @staticmethod
    def _check(tensor: Tensor, argument: str, width: int) -> None:
        if tensor.ndim != 2 or tensor.shape[1] != width:
            raise ValueError(f"Blendshapes: {argument} must be (B, {width}), got {tuple(tensor.shape)}")


def _bounded(columns: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The x in [0, 1] that minimizes |columns x - target|."""
    from scipy.optimize import lsq_linear, nnls  # here: they take as long to import as the face to load

    found = nnls(columns, target)[0]
    if found.max(initial=0.0) <= 1:  # the upper bound does not matter: this is the solution, in a tenth of the time
        return found
    return lsq_linear(columns, target, (0.0, 1.0), method="bvls").x
