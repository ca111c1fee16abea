"""3-D reconstruction error of faces whose true vertices are known."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pyface3d.evaluation.icp import Similarity, icp, procrustes
from pyface3d.evaluation.metric import ImageMetric
from pyface3d.landmarks import box_size

ALIGNMENTS = ("icp", "procrustes")
NORMALIZERS = ("interocular", "box")


class ReconstructionError(ImageMetric):
    """Mean distance of the true surface to the predicted one after alignment, over the size of the face, in percent.

    Three published protocols are settings of this one:

    * ``reconstruction/icp-interocular`` (VRN, PRNet): rigid ICP for correspondence, mean distance over the 3-D
      distance of the outer corners of the eyes.
    * ``reconstruction/icp-bbox`` (2DASL's ``nme_for_3DReconstruction.m``): every 50th vertex of both meshes, rigid
      ICP until the error moves by no more than 0.01, over sqrt(width * height) of the box of the true mesh.
    * ``reconstruction/procrustes`` (SADRNet): known correspondence, similarity Procrustes, over the interocular
      distance.

    Args:
        alignment: ``"icp"`` or ``"procrustes"``.
        normalizer: ``"interocular"`` or ``"box"``.
        scale: let the alignment scale the prediction.
        stride: every so many vertices of both meshes take part.
        absolute: fall of the mean distance, in the unit of the points, at which ICP stops; 0: a ten-thousandth of it.
        options: of :class:`torchmetrics.Metric`.

    Raises:
        ValueError: for an unknown alignment or normalizer.
    """

    def __init__(
        self,
        alignment: str = "icp",
        normalizer: str = "interocular",
        scale: bool = False,
        stride: int = 1,
        absolute: float = 0.0,
        **options,
    ) -> None:
        super().__init__(**options)
        if alignment not in ALIGNMENTS or normalizer not in NORMALIZERS:
            wanted = f"alignment one of {ALIGNMENTS}, normalizer of {NORMALIZERS}"
            got = f"{alignment!r} and {normalizer!r}"
            raise ValueError(f"ReconstructionError: wants {wanted}, got {got}")
        self.alignment, self.normalizer = alignment, normalizer
        self.scale, self.stride, self.absolute = scale, stride, absolute

    def update(
        self,
        predicted: Tensor | Sequence[Tensor],
        target: Tensor | Sequence[Tensor],
        eyes: Tensor | None = None,
        yaw: Tensor | None = None,
        number: Tensor | None = None,
    ) -> None:
        """Adds a batch.

        Args:
            predicted: (B, N, 3), or a sequence of (N, 3), in pixels of the image or any unit shared with ``target``.
            target: (B, M, 3), or a sequence of (M, 3); with ``"procrustes"`` M = N, vertex by vertex.
            eyes: (B, 2, 3) true outer corners of the eyes, needed by the interocular normalizer.
            yaw: (B,) degrees.
            number: (B,) number of each image in its set.
        """
        sizes = self._sizes(target, eyes)
        pairs = zip(predicted, target)
        distances = [self._distance(_array(face), _array(truth)) for face, truth in pairs]
        errors = 100 * torch.tensor(distances, dtype=torch.float64, device=self.device) / sizes.to(self.device)
        self.record(errors, yaw, number)

    def _sizes(self, target: Tensor | Sequence[Tensor], eyes: Tensor | None) -> Tensor:
        if self.normalizer == "box":
            return torch.cat([box_size(truth[None]) for truth in target]).double()
        if eyes is None:
            raise ValueError("ReconstructionError.update: the interocular normalizer needs eyes (B, 2, 3), got None")
        return (eyes[:, 0] - eyes[:, 1]).double().norm(dim=-1)

    def _distance(self, predicted: np.ndarray, target: np.ndarray) -> float:
        predicted, target = predicted[:: self.stride], target[:: self.stride]
        if self.alignment == "procrustes":
            aligned = procrustes(predicted, target, self.scale)(predicted)
            return float(np.linalg.norm(aligned - target, axis=1).mean())
        factor = _radius(predicted) / _radius(target) if self.scale else 1.0
        start = Similarity(factor, np.eye(3), predicted.mean(0) - factor * target.mean(0))
        tolerance = 0 if self.absolute else 1e-4
        found = icp(target, predicted, scale=self.scale, tolerance=tolerance, absolute=self.absolute, start=start)
        return found.errors[-1] / found.motion.scale  # the truth was moved; lengths count in its own unit


def _array(points: Tensor) -> np.ndarray:
    return points.detach().cpu().double().numpy()


def _radius(vertices: np.ndarray) -> float:
    return float(np.sqrt(((vertices - vertices.mean(0)) ** 2).sum(1).mean()))
