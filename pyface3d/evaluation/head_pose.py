"""Head-pose error: mean absolute error of pitch, yaw and roll in degrees."""

import torch
from torch import Tensor
from torchmetrics.utilities import dim_zero_cat

from pyface3d.camera import pose_to_angles, turn_of_face
from pyface3d.evaluation.metric import ImageMetric

ANGLES = ("pitch", "yaw", "roll")
FRAMES = ("labels", "own")
# From the embedded mean face's 68 landmarks to the Basel mean face's, both made symmetric, about their centers, least
# squares, scale left out. The Basel face is a quarter deeper for its width: one picture shows it turned less.
TO_BASEL = ((0.9259, 0.0, 0.0), (0.0, 0.9192, 0.0471), (0.0, 0.0657, 1.1784))


def turned_to_basel(pose: Tensor) -> Tensor:
    """(B, 3, 3) rotations of the Basel face where the embedded face has poses (B, 3, 4)."""
    return turn_of_face(pose, torch.tensor(TO_BASEL))


class HeadPoseError(ImageMetric):
    """Mean absolute error of the head's angles, as FSA-Net and SynergyNet report it on AFLW2000-3D.

    Images with any true angle beyond 99 degrees are left out, which keeps 1969 of the 2000. The predicted angles are
    read from the pose matrix exactly (``"300wlp"``) or by 3DDFA's formula (``"3ddfa"``,
    :func:`pyface3d.camera.pose_to_angles`), which is wrong off the axes and which some published figures contain.

    Args:
        convention: ``"300wlp"`` or ``"3ddfa"``.
        limit: degrees beyond which an image is left out.
        options: of :class:`torchmetrics.Metric`.
    """

    unit = "degrees"
    gaps: list[Tensor]

    def __init__(self, convention: str = "300wlp", limit: float = 99.0, **options) -> None:
        super().__init__(**options)
        pose_to_angles(torch.eye(3, 4), convention)  # refuses an unknown name now, not at the first batch
        self.convention, self.limit = convention, limit
        self.add_list("gaps", torch.empty(0, 3, dtype=torch.float64))

    def update(self, pose: Tensor, angles: Tensor, number: Tensor | None = None) -> None:
        """Adds a batch.

        Args:
            pose: (B, 3, 4) predicted pose.
            angles: (B, 3) true pitch, yaw and roll in degrees, of 300W-LP's convention (``Pose_Para``).
            number: (B,) number of each image in its set.
        """
        predicted = torch.rad2deg(pose_to_angles(pose.double(), self.convention))
        gaps = (predicted - angles.double()).abs()
        gaps = torch.minimum(gaps, 360 - gaps).masked_fill((angles.abs() > self.limit).any(-1, keepdim=True), torch.nan)
        self.gaps.append(gaps)
        self.record(gaps.mean(-1), angles[:, 1].clamp(-180, 180), number)

    def compute(self) -> dict[str, float]:
        """Mean absolute error of each angle, their mean (MAE), and the figures by yaw of the three angles' mean."""
        figures = super().compute()
        mean = dim_zero_cat(self.gaps)[self.kept()].nanmean(0)
        named = {f"{name}_mae": value for name, value in zip(ANGLES, mean.tolist())}
        return {**named, "mae": mean.mean().item(), **figures}
