"""Protocols on whole surfaces: dense NME and reconstruction error."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from torch import Tensor
from typing_extensions import override

from pyface3d.camera import crop_to_image
from pyface3d.evaluation.metric import LandmarkError
from pyface3d.evaluation.protocols.base import Batch, Points, PredictionProtocol, box_of, need
from pyface3d.evaluation.reconstruction import ReconstructionError

if TYPE_CHECKING:
    from pyface3d.methods import Reconstruction


@dataclass(frozen=True, kw_only=True)
class DenseProtocol(PredictionProtocol):
    """NME of all vertices of the method's mesh.

    The truth is ``vertices`` of the samples, in pixels of the crop, or the face that their ``params`` stand for.

    Attributes:
        dims: 2 or 3.
        depth: alignment of depth: ``"min"`` (2DASL), ``"mean"`` (SADRNet, PRNet's PyTorch ports) or ``"none"``.
        normalizer: ``"landmarks"``, the box of the 68 true points (2DASL), or ``"vertices"``, the box of all true
            vertices (SADRNet).
    """

    dims: int = 3
    depth: str = "mean"
    normalizer: str = "landmarks"

    @override
    def metric(self, method: Any) -> LandmarkError:
        return LandmarkError(dims=self.dims, depth=self.depth)

    @override
    def update(self, metric: LandmarkError, faces: "Reconstruction", batch: Batch) -> Points:
        truth = true_faces(faces, batch, self.name)
        vertices = vertices_of(truth, faces, batch)
        box = box_of(batch, vertices, faces.size)
        predicted, target = (crop_to_image(v, box, faces.size) for v in (faces.vertices, vertices))
        landmarks = batch["landmarks"] if truth is None else truth.landmarks
        frame = crop_to_image(landmarks, box, faces.size) if self.normalizer == "landmarks" else None
        metric.update(predicted, target, batch.get("yaw"), frame=frame, number=batch.get("number"))
        return faces.landmarks, landmarks


@dataclass(frozen=True, kw_only=True)
class ReconstructionProtocol(PredictionProtocol):
    """Surface error after alignment, :class:`pyface3d.evaluation.ReconstructionError`; the truth as in
    :class:`DenseProtocol`.

    Attributes:
        alignment: ``"icp"`` or ``"procrustes"``.
        normalizer: ``"interocular"`` or ``"box"``.
        scale: let the alignment scale.
        stride: every so many vertices take part.
        absolute: fall of the mean distance at which ICP stops; 0: a ten-thousandth of it.
    """

    alignment: str = "icp"
    normalizer: str = "interocular"
    scale: bool = False
    stride: int = 1
    absolute: float = 0.0

    @override
    def metric(self, method: Any) -> ReconstructionError:
        return ReconstructionError(self.alignment, self.normalizer, self.scale, self.stride, self.absolute)

    @override
    def update(self, metric: ReconstructionError, faces: "Reconstruction", batch: Batch) -> Points:
        truth = true_faces(faces, batch, self.name)
        vertices = vertices_of(truth, faces, batch)
        landmarks = batch["landmarks"] if truth is None else truth.landmarks
        box = box_of(batch, vertices, faces.size)
        predicted, target, points = (crop_to_image(v, box, faces.size) for v in (faces.vertices, vertices, landmarks))
        metric.update(predicted, target, points[:, [36, 45]], batch.get("yaw"), batch.get("number"))
        return faces.landmarks, landmarks


def true_faces(faces: "Reconstruction", batch: Batch, name: str) -> "Reconstruction | None":
    """The reconstruction that the samples' ``params`` stand for; None where they bring their ``vertices``."""
    if "vertices" in batch:
        need(batch, "landmarks", name)
        return None
    params = need(batch, "params", name)
    pose, coeffs = params[:, :12].unflatten(1, (3, 4)), params[:, 12:]
    if coeffs.shape[1] != faces.model.n_coeffs:
        wanted = faces.model.n_coeffs
        raise ValueError(f"{name}: params carry {coeffs.shape[1]} coefficients, the method's face model has {wanted}")
    return replace(faces, params=params, coeffs=coeffs, crop_pose=pose, position_map=None, roi=None)


def vertices_of(truth: "Reconstruction | None", faces: "Reconstruction", batch: Batch) -> Tensor:
    """True vertices (B, N, 3) in pixels of the crop, those that the method predicts."""
    vertices = batch["vertices"] if truth is None else truth.vertices
    if faces.atlas is None or faces.position_map is None or vertices.shape[1] != faces.model.n_vertices:
        return vertices
    return vertices[:, faces.atlas.vertex_ids.to(vertices.device)]  # a chart may leave vertices out
