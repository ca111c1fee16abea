"""Errors against 3-D scans: Florence (VRN, PRNet), MICC (Deep3D, MGCNet) and NoW."""

import numpy as np
import torch
from torch import Tensor
from torchmetrics.utilities import dim_zero_cat

from pyface3d.camera import decompose_pose, unflip_y
from pyface3d.evaluation.icp import icp, procrustes
from pyface3d.evaluation.metric import ImageMetric
from pyface3d.evaluation.scans import NAMED_POINTS, Scan, View
from pyface3d.evaluation.surface import point_to_mesh, point_to_plane
from pyface3d.ops import vertex_normals

FIVE_POINTS = ("outer_eye_right", "outer_eye_left", "nose_tip", "mouth_right", "mouth_left")
SEVEN_POINTS = (
    "outer_eye_right",
    "inner_eye_right",
    "inner_eye_left",
    "outer_eye_left",
    "nose_bottom",
    "mouth_right",
    "mouth_left",
)


class FlorenceError(ImageMetric):
    """Florence protocol of VRN and PRNet: mean distance of the scan to the prediction over the interocular distance,
    in percent.

    The prediction is carried from the picture back to the scan's millimeters by the known camera, moved so that the
    nose tips meet (a picture shows no depth), and aligned by rigid ICP without scale; then the mean distance of the
    scan's points within ``radius`` of the nose tip to their nearest predicted vertices, over the 3-D distance of the
    outer corners of the eyes.

    Args:
        radius: millimeters around the nose tip that count.
        options: of :class:`torchmetrics.Metric`.
    """

    def __init__(self, radius: float = 95.0, **options) -> None:
        super().__init__(**options)
        self.radius = radius

    def update(self, vertices: Tensor, landmarks: Tensor, view: View, number: int = -1) -> None:
        """Adds one face.

        Args:
            vertices: (N, 3) prediction in pixels of the view, y down.
            landmarks: (68, 3) its landmarks.
            view: what the method saw.
            number: of the view in its set.
        """
        nose = view.scan.points(["nose_tip"])[0]
        predicted = _in_scan_frame(vertices, view)
        predicted = predicted + nose - _in_scan_frame(landmarks[[NAMED_POINTS["nose_tip"]]], view)[0]
        found = icp(view.scan.region(nose, self.radius), predicted)
        eyes = view.scan.points(["outer_eye_right", "outer_eye_left"])
        error = 100 * found.errors[-1] / np.linalg.norm(eyes[0] - eyes[1])
        self.record(_one(error, self), _one(view.yaw, self), torch.tensor([number], device=self.device))

    def compute(self) -> dict[str, float]:
        """Figures by yaw bin and over all views, and ``yaw <degrees>``: the error-by-yaw curve."""
        figures = super().compute()
        if not len(self.errors):
            return figures
        errors, yaws = dim_zero_cat(self.errors)[self.kept()], dim_zero_cat(self.yaws)[self.kept()]
        return figures | {f"yaw {yaw:+.0f}": errors[yaws == yaw].mean().item() for yaw in yaws.unique().tolist()}


class MiccError(ImageMetric):
    """MICC protocol of Deep3D and MGCNet: point-to-plane root mean square error of the scan in millimeters.

    Five landmarks give a similarity, the scan is cropped to ``radius`` around its nose tip, ICP with isotropic scale
    refines, and the distance of each scan point to the tangent plane of its nearest predicted vertex counts. No
    public code of the original exists; its description is followed. "Std" of a table is the deviation over faces,
    ``per_image_std``.

    Args:
        radius: millimeters around the nose tip that count.
        options: of :class:`torchmetrics.Metric`.
    """

    unit = "mm"

    def __init__(self, radius: float = 95.0, **options) -> None:
        super().__init__(**options)
        self.radius = radius

    def update(self, vertices: Tensor, triangles: Tensor, landmarks: Tensor, scan: Scan, number: int = -1) -> None:
        """Adds one face: prediction (N, 3), its triangles (F, 3) and landmarks (68, 3) in pixels, y down, and the
        scan.
        """
        predicted = _upright(vertices)
        start = procrustes(_named(landmarks, FIVE_POINTS), scan.points(FIVE_POINTS), scale=True)
        predicted = start(predicted)
        region = scan.region(scan.points(["nose_tip"])[0], self.radius)
        motion = icp(region, predicted, scale=True).motion
        distance = point_to_plane(motion(region), predicted, _normals(predicted, triangles)) / motion.scale
        error = float(np.sqrt((distance**2).mean()))
        self.record(_one(error, self), number=torch.tensor([number], device=self.device))


class NowError(ImageMetric):
    """NoW-style scan-to-mesh error in millimeters: median, mean and standard deviation over all scan points.

    Seven landmarks give a similarity, rigid ICP of the scan's face refines it, and the distance of each scan point to
    the predicted surface counts. The face is a ball about nose_bottom + 0.3 (bridge - nose_bottom), bridge the middle
    of the inner eye corners, of radius 1.4 (outer eye distance + |bridge - nose_bottom|) / 2, as ``now_evaluation``
    masks it.
    """

    unit = "mm"
    distances: list[Tensor]

    def __init__(self, **options) -> None:
        super().__init__(**options)
        self.add_list("distances", torch.empty(0, dtype=torch.float64))

    def update(self, vertices: Tensor, triangles: Tensor, landmarks: Tensor, scan: Scan, number: int = -1) -> None:
        """Adds one face: prediction (N, 3), its triangles (F, 3) and landmarks (68, 3) in pixels, y down, and the
        scan.
        """
        start = procrustes(_named(landmarks, SEVEN_POINTS), scan.points(SEVEN_POINTS), scale=True)
        predicted = start(_upright(vertices))
        region = now_region(scan)
        moved = icp(region, predicted).motion(region)
        distance = torch.from_numpy(point_to_mesh(moved, predicted, triangles.cpu().numpy())).to(self.device)
        self.distances.append(distance)
        self.record(distance.median()[None], number=torch.tensor([number], device=self.device))

    def compute(self) -> dict[str, float]:
        """``median``, ``mean`` and ``std`` over all points of all scans; per-image figures of the median of each scan
        beside.
        """
        figures = super().compute()
        if not len(self.distances):
            return figures
        distances = dim_zero_cat(self.distances)
        median = float(np.median(distances.cpu().numpy()))
        over_points = {"median": median, "mean": distances.mean().item(), "std": distances.std(correction=0).item()}
        return figures | over_points


def now_region(scan: Scan) -> np.ndarray:
    """(R, 3) the points of a scan that NoW counts."""
    outer_right, inner_right, inner_left, outer_left, nose_bottom = scan.points(SEVEN_POINTS[:5])
    bridge = (inner_right + inner_left) / 2
    nose = np.linalg.norm(bridge - nose_bottom)
    radius = 1.4 * (np.linalg.norm(outer_right - outer_left) + nose) / 2
    return scan.region(nose_bottom + 0.3 * (bridge - nose_bottom), float(radius))


def _upright(points: Tensor) -> np.ndarray:
    """Pixels, y down, to a right-handed y-up frame."""
    return points.detach().cpu().double().numpy() * [1.0, -1.0, 1.0]


def _named(landmarks: Tensor, names: tuple[str, ...]) -> np.ndarray:
    return _upright(landmarks)[[NAMED_POINTS[name] for name in names]]


def _in_scan_frame(points: Tensor, view: View) -> np.ndarray:
    """Pixels of a view to the scan's millimeters; depth is free, as weak perspective leaves it."""
    size = view.image.shape[-1]
    up = unflip_y(points.detach().cpu().double(), size, "face3d")
    scale, rotation, translation = decompose_pose(view.pose.double())
    return (((up - translation) / scale) @ rotation).numpy()


def _normals(vertices: np.ndarray, triangles: Tensor) -> np.ndarray:
    return vertex_normals(torch.from_numpy(vertices)[None], triangles.cpu())[0].numpy()


def _one(value: float, metric: ImageMetric) -> Tensor:
    return torch.tensor([value], dtype=torch.float64, device=metric.device)
