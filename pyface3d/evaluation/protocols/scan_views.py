"""Protocols against 3-D scans: each scan is drawn, reconstructed, and compared with itself."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchmetrics import Metric
from typing_extensions import override

from pyface3d.evaluation.protocols.base import Protocol, Watch, device_of, input_size
from pyface3d.evaluation.scan_error import FlorenceError, MiccError, NowError
from pyface3d.evaluation.scans import Scan, View, draw_view, load_scans

if TYPE_CHECKING:
    from pyface3d.methods import Reconstruction


@dataclass(frozen=True, kw_only=True)
class ScanProtocol(Protocol):
    """Draws every scan from several sides, reconstructs the pictures and measures against the scan.

    Attributes:
        pitches: degrees.
        yaws: degrees; every pitch is combined with every yaw.
        radius: millimeters around the nose tip that count (Florence, MICC).
        size: side of the pictures in pixels where the method does not say.
    """

    pitches: tuple[float, ...] = (0.0,)
    yaws: tuple[float, ...] = (0.0,)
    radius: float = 95.0
    size: int = 256
    columns: tuple[str, ...] = ("per_image_mean", "per_image_std", "median")

    def open(self, path: str | Path) -> list[Scan]:
        """The scans of a folder (:func:`pyface3d.evaluation.scans.load_scans`)."""
        return load_scans(path)

    @override
    def run(self, method: Any, batches: Iterable[Any], watch: Watch) -> Metric:
        metric, number = self.metric(method), 0
        device, size = device_of(method), input_size(method) or self.size
        for scan in batches:
            for pitch in self.pitches:
                for yaw in self.yaws:
                    view = draw_view(scan, pitch, yaw, size, radius=self.radius)
                    faces = method.predict(view.image[None].to(device))
                    self.measure(metric, faces, view, number)
                    name = f"{scan.name} {pitch:+.0f} {yaw:+.0f}"
                    watch(
                        metric, {"image": view.image[None], "name": [name]}, (faces.landmarks, faces.landmarks[:, :0])
                    )
                    number += 1
        return metric

    def measure(self, metric: Any, faces: "Reconstruction", view: View, number: int) -> None:
        """Feeds one view to the metric."""
        metric.update(faces.vertices[0], faces.triangles, faces.landmarks[0], view.scan, number)


@dataclass(frozen=True, kw_only=True)
class FlorenceProtocol(ScanProtocol):
    """Florence, as VRN and PRNet evaluate it, with the error-by-yaw curve.

    The papers name pitches -15, 20 and 25 degrees, five yaws from -80 to 80 and twenty views; three by five are
    fifteen, so the level view is taken as the fourth pitch.
    """

    pitches: tuple[float, ...] = (-15.0, 0.0, 20.0, 25.0)
    yaws: tuple[float, ...] = (-80.0, -40.0, 0.0, 40.0, 80.0)
    limit: float = 10.0
    columns: tuple[str, ...] = ("[0,30]", "(30,60]", "(60,90]", "mean", "std", "per_image_mean")

    @override
    def metric(self, method: Any) -> FlorenceError:
        return FlorenceError(self.radius)

    @override
    def measure(self, metric: FlorenceError, faces: "Reconstruction", view: View, number: int) -> None:
        metric.update(faces.vertices[0], faces.landmarks[0], view, number)


@dataclass(frozen=True, kw_only=True)
class MiccProtocol(ScanProtocol):
    """MICC RMSE in millimeters on frontal views."""

    limit: float = 5.0

    @override
    def metric(self, method: Any) -> MiccError:
        return MiccError(self.radius)


@dataclass(frozen=True, kw_only=True)
class NowProtocol(ScanProtocol):
    """NoW-style median, mean and deviation in millimeters on frontal views."""

    limit: float = 5.0
    columns: tuple[str, ...] = ("median", "mean", "std")

    @override
    def metric(self, method: Any) -> NowError:
        return NowError()
