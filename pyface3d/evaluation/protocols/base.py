"""What evaluation protocols share: feeding a metric with a method's predictions on batches of samples."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torchmetrics import Metric

from pyface3d.camera import crop_to_image, params_to_crop, roi_from_landmarks
from pyface3d.data import MatFaces
from pyface3d.data.resizing import moved as move
from pyface3d.evaluation.benchmarks import open_benchmark

if TYPE_CHECKING:
    from pyface3d.methods import Reconstruction

Batch = Mapping[str, Any]
Points = tuple[Tensor, Tensor]
Watch = Callable[[Metric, Batch, Points | None], None]

_IN_CROP = ("landmarks", "reannotated", "frame68", "vertices")


@dataclass(frozen=True, kw_only=True)
class Protocol(ABC):
    """A named way to measure a method.

    Attributes:
        name: in the registry.
        title: one line for the head of a report.
        limit: largest error on the axis of the CED, and the bound of the failure rate.
        columns: figures that a table prints, in order.
        points: landmarks of its labels.
        needs_data: False for what is measured without samples.
    """

    name: str
    title: str = ""
    limit: float = 8.0
    columns: tuple[str, ...] = ("[0,30]", "(30,60]", "(60,90]", "mean", "std", "per_image_mean")
    points: ClassVar[int] = 68
    needs_data: ClassVar[bool] = True

    def open(self, path: str | Path) -> Any:
        """The samples at a path: a benchmark (:func:`pyface3d.evaluation.open_benchmark`), or images with ``.mat``
        labels.
        """
        try:
            return open_benchmark(path, self.points)
        except FileNotFoundError as error:
            try:
                return MatFaces(path)
            except (ValueError, OSError):
                raise error from None

    @abstractmethod
    def run(self, method: Any, batches: Iterable[Any], watch: Watch) -> Metric:
        """Measures ``method`` on batches of samples; ``watch`` sees each batch after it was counted."""

    @abstractmethod
    def metric(self, method: Any) -> Metric:
        """A fresh metric for this method."""


class PredictionProtocol(Protocol):
    """A protocol that scores what ``predict`` makes of each batch."""

    def run(self, method: Any, batches: Iterable[Batch], watch: Watch) -> Metric:
        """See :meth:`Protocol.run`."""
        metric = self.metric(method).to(device_of(method))
        for batch in fitting(batches, method):
            points = self.update(metric, method.predict(need(batch, "image", self.name)), batch)
            watch(metric, batch, points)
        return metric

    @abstractmethod
    def update(self, metric: Any, faces: "Reconstruction", batch: Batch) -> Points | None:
        """Feeds a batch to the metric.

        Returns:
            Predicted and true points in pixels of the crop, (B, L, 2|3) each, for the contact sheet; None: nothing to
            draw.
        """


def device_of(method: Any) -> torch.device:
    """Where the method's parameters lie."""
    parameter = next(iter(method.parameters()), None) if hasattr(method, "parameters") else None
    return torch.device("cpu") if parameter is None else parameter.device


def input_size(method: Any) -> int | None:
    """Side of the crops that a method wants, or None where it takes any."""
    return getattr(method, "size", None)


def fitting(batches: Iterable[Batch], method: Any) -> Iterator[Batch]:
    """The batches on the method's device, their crops at the size that it wants."""
    device = device_of(method)
    for batch in batches:
        moved = {key: value.to(device) if isinstance(value, Tensor) else value for key, value in batch.items()}
        yield resized(moved, method)


def resized(batch: Batch, method: Any) -> Batch:
    """The batch with its crops at the size that the method wants; box and labels in pixels of the crop follow.

    Pixel centers are whole numbers: pixel j of the new crop lies at ``before + j old / size`` of the old one.
    """
    image, size = batch.get("image"), input_size(method)
    if image is None or size is None or image.shape[-1] == size:
        return batch
    old = image.shape[-1]
    larger = interpolate(image.float(), (size, size), mode="bilinear", antialias=size < old, align_corners=False)
    before = (old / size - 1) / 2
    moved = {key: move(batch[key], size / old) for key in _IN_CROP if key in batch}
    if "box" in batch:
        box = batch["box"]
        moved["box"] = box + before / old * (box[:, 2:3] - box[:, :1])
    if "params" in batch:
        whole = image.new_tensor([[before, before, before + old, before + old]], dtype=torch.float32)
        space = getattr(method, "space", None)
        flip = "face3d" if space is None else space.flip
        moved["params"] = params_to_crop(batch["params"], whole, size, old, flip)
    return {**batch, **moved, "image": larger.round().to(torch.uint8)}


def need(batch: Batch, key: str, name: str) -> Tensor:
    """``batch[key]``, or a sentence about what the samples lack."""
    if key not in batch:
        raise ValueError(f"{name}: the samples must have {key!r}, got {', '.join(sorted(batch))}")
    present = batch.get(f"has_{key}")  # a batch of different sets fills up with zeros
    if present is not None and not bool(present.all()):
        raise ValueError(
            f"{name}: all samples must have {key!r}, got {int(present.sum())} of {len(present)} in a batch"
        )
    return batch[key]


def box_of(batch: Batch, like: Tensor, size: int) -> Tensor:
    """(B, 4) place of each crop in its image; the crop itself where the samples do not say."""
    box = batch.get("box")
    return like.new_tensor([0.0, 0.0, size, size]).expand(len(like), 4) if box is None else box.to(like)


def whole_box(landmarks: Tensor, box: Tensor, size: int) -> Tensor:
    """(B, 4) the square that the crop really shows, where the published box was clipped to the image."""
    return roi_from_landmarks(crop_to_image(landmarks, box, size), rounding="matlab")
