"""Landmark protocols: AFLW2000-3D's 68 points and AFLW's 21."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from typing_extensions import override

from pyface3d.camera import crop_to_image
from pyface3d.evaluation.metric import LandmarkError
from pyface3d.evaluation.protocols.base import Batch, Points, PredictionProtocol, box_of, need, whole_box
from pyface3d.landmarks import aflw21_from_68

if TYPE_CHECKING:
    from pyface3d.methods import Reconstruction


@dataclass(frozen=True, kw_only=True)
class LandmarkProtocol(PredictionProtocol):
    """NME of 68 landmarks.

    Attributes:
        dims: 2 or 3.
        depth: alignment of depth before a 3-D error: ``"none"``, ``"min"`` (2DASL) or ``"mean"`` (SADRNet).
        normalizer: ``"box"`` or ``"interocular"``.
        labels: ``"original"`` or ``"reannotated"`` (LS3D-W; 2-D).
        yaw: ``"fitted"`` bins (3DDFA's default list, 1312/383/305) or ``"label"`` bins (its "-new" list,
            1306/462/232).
        legacy_roi: map predictions back with the published boxes, some of them clipped to the image though the crops
            are whole, as the published numbers do; False maps with the whole square.
    """

    dims: int = 2
    depth: str = "none"
    normalizer: str = "box"
    labels: str = "original"
    yaw: str = "fitted"
    legacy_roi: bool = True

    def __post_init__(self) -> None:
        if self.labels not in ("original", "reannotated") or self.yaw not in ("fitted", "label"):
            got = f"{self.labels!r} and {self.yaw!r}"
            raise ValueError(
                f"{self.name}: labels must be 'original' or 'reannotated' and yaw 'fitted' or 'label', got {got}"
            )

    @override
    def metric(self, method: Any) -> LandmarkError:
        return LandmarkError(dims=self.dims, depth=self.depth, normalizer=self.normalizer)

    @override
    def update(self, metric: LandmarkError, faces: "Reconstruction", batch: Batch) -> Points:
        truth = need(batch, "landmarks" if self.labels == "original" else "reannotated", self.name)
        box = box_of(batch, truth, faces.size)
        roi = box if self.legacy_roi else whole_box(need(batch, "landmarks", self.name), box, faces.size)
        predicted = crop_to_image(faces.landmarks, roi, faces.size)
        target = crop_to_image(truth, box, faces.size)
        yaw = batch.get("yaw" if self.yaw == "fitted" else "yaw_label")
        metric.update(predicted, target, yaw, batch.get("visible"), number=batch.get("number"))
        return faces.landmarks, truth


@dataclass(frozen=True, kw_only=True)
class Aflw21Protocol(PredictionProtocol):
    """NME of AFLW's 21 points, visible ones only, over the box of the 68 fitted points.

    Attributes:
        normalizer: ``"frame68"``, the published one, needs the fitted points (``AFLW_GT_pts68.npy``); ``"crop"``
            takes the side of the tight square that the crop was cut around (its box over sqrt 2), which exceeds
            sqrt(width * height) of the 68 points by 4 % on average of AFLW2000-3D, so that errors come out lower by
            that; ``"auto"``: the first where the samples have it.
        mapping: ``"means"``, the published one, takes the 21 points as means of the predicted 68; ``"set"`` takes the
            face model's own landmark set ``"aflw21"``, which a model calibrated by AFLW's labels has more exactly.
    """

    normalizer: str = "auto"
    mapping: str = "means"
    points: ClassVar[int] = 21

    def __post_init__(self) -> None:
        if self.mapping not in ("means", "set"):
            raise ValueError(f"{self.name}: mapping must be 'means' or 'set', got {self.mapping!r}")

    @override
    def metric(self, method: Any) -> LandmarkError:
        return LandmarkError()

    @override
    def update(self, metric: LandmarkError, faces: "Reconstruction", batch: Batch) -> Points:
        truth = need(batch, "landmarks", self.name)[..., :2]
        if truth.shape[1] != 21:
            raise ValueError(f"{self.name}: landmarks must be (B, 21, 2), got {tuple(truth.shape)}")
        box = box_of(batch, truth, faces.size)
        if self.mapping == "set":
            points = faces.landmark_points("aflw21")
        else:
            points = aflw21_from_68(faces.landmarks)
        predicted, target = (crop_to_image(p[..., :2], box, faces.size) for p in (points, truth))
        if self.normalizer == "frame68" or (self.normalizer == "auto" and "frame68" in batch):
            frame = crop_to_image(need(batch, "frame68", self.name)[..., :2], box, faces.size)
        else:
            side = (box[:, 2:] - box[:, :2]).amax(1) / 2**0.5
            frame = torch.stack([torch.zeros_like(side), side], 1)[..., None].expand(-1, -1, 2)  # corners of a square
        metric.update(predicted, target, batch.get("yaw"), batch.get("visible"), frame, batch.get("number"))
        return points, truth
