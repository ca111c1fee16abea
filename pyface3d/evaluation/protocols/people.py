"""Protocols on methods beyond their points: head pose, attributes, the shared feature, speed."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor
from torchmetrics import Metric
from typing_extensions import override

from pyface3d.camera import pose_to_angles
from pyface3d.data import CelebA
from pyface3d.data.mat import BASEL
from pyface3d.evaluation.attributes import AttributeAccuracy, logits_of
from pyface3d.evaluation.head_pose import FRAMES, HeadPoseError, turned_to_basel
from pyface3d.evaluation.protocols.base import (
    Batch,
    PredictionProtocol,
    Protocol,
    Watch,
    device_of,
    fitting,
    input_size,
    need,
)
from pyface3d.evaluation.representation import LinearProbe
from pyface3d.evaluation.speed import Speed, time_predictions
from pyface3d.morphable import MorphableModel

if TYPE_CHECKING:
    from pyface3d.methods import Reconstruction


@dataclass(frozen=True, kw_only=True)
class HeadPoseProtocol(PredictionProtocol):
    """Mean absolute error of head angles; the truth is ``angles`` (degrees) of the samples, or what their ``params``
    say.

    Attributes:
        convention: how the prediction's angles are read: ``"300wlp"`` (exact) or ``"3ddfa"`` (legacy).
        frame: ``"labels"``: a prediction of the embedded face counts as what the Basel face of 300W-LP's labels would
            show in the same picture (:func:`pyface3d.camera.turn_of_face`); ``"own"``: it counts as it is.
    """

    convention: str = "300wlp"
    frame: str = "labels"
    limit: float = 15.0
    columns: tuple[str, ...] = ("pitch_mae", "yaw_mae", "roll_mae", "mae")

    @override
    def metric(self, method: Any) -> HeadPoseError:
        if self.frame not in FRAMES:
            raise ValueError(f"head-pose: frame must be one of {', '.join(FRAMES)}, got {self.frame!r}")
        return HeadPoseError(self.convention)

    @override
    def update(self, metric: HeadPoseError, faces: "Reconstruction", batch: Batch) -> None:
        angles = batch.get("angles")
        if angles is None:
            pose = need(batch, "params", self.name)[:, :12].unflatten(1, (3, 4))
            angles = torch.rad2deg(pose_to_angles(pose))
        pose = turned_to_basel(faces.pose) if self._exchanges(faces, batch) else faces.pose
        metric.update(pose, angles, batch.get("number"))

    def _exchanges(self, faces: "Reconstruction", batch: Batch) -> bool:
        """Whether labels are of the Basel face and predictions of the embedded one."""
        ours = faces.model.name == MorphableModel.default().name
        return self.frame == "labels" and ours and set(batch.get("face_model", ())) == {BASEL}


@dataclass(frozen=True, kw_only=True)
class AttributeProtocol(PredictionProtocol):
    """Accuracy of the 40 attributes of CelebA: plain, corrected for the training prior, balanced."""

    columns: tuple[str, ...] = ("accuracy", "corrected", "balanced")

    @override
    def open(self, path: str | Path) -> CelebA:
        return CelebA.open(path, "test")

    @override
    def metric(self, method: Any) -> AttributeAccuracy:
        return AttributeAccuracy(_names(method, self.name), getattr(method, "pos_weight", None))

    @override
    def update(self, metric: AttributeAccuracy, faces: "Reconstruction", batch: Batch) -> None:
        if faces.attributes is None:
            raise ValueError(f"{self.name}: this method predicts no attributes; the joint one does")
        target = need(batch, "attributes", self.name)
        metric.update(logits_of(faces.attributes[:, : target.shape[1]]), target)


@dataclass(frozen=True, kw_only=True)
class RepresentationProtocol(Protocol):
    """Linear probe of the shared feature on the attributes.

    The feature is ``method.features(images)`` where a method has it, else the mean over positions of
    @@
    """

    columns: tuple[str, ...] = ("accuracy", "balanced", "majority")

    @override
    def open(self, path: str | Path) -> CelebA:
        return CelebA.open(path, "test")

    @override
    def run(self, method: Any, batches: Iterable[Batch], watch: Watch) -> Metric:
        metric = self.metric(method)
        for batch in fitting(batches, method):
            metric.update(features_of(method, need(batch, "image", self.name)), need(batch, "attributes", self.name))
            watch(metric, batch, None)
        return metric

    @override
    def metric(self, method: Any) -> LinearProbe:
        return LinearProbe(_names(method, self.name))


@dataclass(frozen=True, kw_only=True)
class SpeedProtocol(Protocol):
    """Time of ``predict`` with landmarks on random pictures; needs no data.

    Attributes:
        batch_sizes: faces at a time.
        size: side of the pictures where the method does not say.
        runs: timed calls of each; their median counts.
    """

    batch_sizes: tuple[int, ...] = (1, 16)
    size: int = 120
    runs: int = 10
    needs_data: ClassVar[bool] = False
    columns: tuple[str, ...] = ("ms_per_image_b1", "images_per_second_b1", "images_per_second_b16")

    @override
    def run(self, method: Any, batches: Iterable[Batch], watch: Watch) -> Metric:
        metric, device = self.metric(method), device_of(method)
        for batch_size in self.batch_sizes:
            size = input_size(method) or self.size
            metric.update(batch_size, time_predictions(method, size, batch_size, device, self.runs))
        return metric

    @override
    def metric(self, method: Any) -> Speed:
        return Speed()


@torch.no_grad()
def features_of(method: Any, images: Tensor) -> Tensor:
    """(B, D) the method's shared feature of pictures (B, 3, S, S)."""
    normalized = method.preprocess(images)
    if getattr(method, "features", None) is None:
        raise ValueError("representation: the method has no features(images)")
    return method.features(normalized).flatten(1)


def _names(method: Any, protocol: str) -> tuple[str, ...]:
    names = getattr(method, "attribute_names", None)
    if not names:
        raise ValueError(f"{protocol}: this method has no attribute_names; the joint one does")
    return tuple(names)
