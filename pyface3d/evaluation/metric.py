"""The base of all metrics here: one error per image, kept with its yaw, gathered over processes."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from pyface3d.evaluation.bins import summarize
from pyface3d.evaluation.nme import align_depth, box_size, normalized_mean_error, outer_interocular


class ImageMetric(Metric):
    """Keeps one error per image; :meth:`compute` gives the figures of a table
    (:func:`pyface3d.evaluation.summarize`).

    Errors, yaws and image numbers are list states that torchmetrics concatenates over processes. Images that carry a
    number are counted once, however often a distributed sampler repeats them to fill its last batch.

    Subclasses implement ``update`` and end it with :meth:`record`.
    """

    full_state_update = False
    higher_is_better = False
    unit = "%"

    errors: list[Tensor]
    yaws: list[Tensor]
    numbers: list[Tensor]

    def __init__(self, **options) -> None:
        super().__init__(**options)
        self._nothing: dict[str, Tensor] = {}
        self.add_list("errors", torch.empty(0, dtype=torch.float64))
        self.add_list("yaws", torch.empty(0, dtype=torch.float64))
        self.add_list("numbers", torch.empty(0, dtype=torch.int64))

    def add_list(self, name: str, nothing: Tensor) -> None:
        """Adds a state that grows by tensors; ``nothing`` is what a process without images contributes."""
        self.add_state(name, default=[], dist_reduce_fx="cat")
        self._nothing[name] = nothing

    def sync(self, *arguments: Any, **options: Any) -> None:
        """Gathers the states of all processes, those without images included (torchmetrics alone would wait for
        ever).
        """
        for name, nothing in self._nothing.items():
            if not len(getattr(self, name)):
                setattr(self, name, [nothing.to(self.device)])
        super().sync(*arguments, **options)

    def record(self, errors: Tensor, yaw: Tensor | None = None, number: Tensor | None = None) -> None:
        """Adds the errors of a batch.

        Args:
            errors: (B,).
            yaw: (B,) degrees; give it always or never.
            number: (B,) int64 number of each image in its set; images with the same number are counted once.
        """
        count, device = errors.shape[0], errors.device
        self.errors.append(errors.detach().double())
        self.yaws.append(
            torch.full((count,), torch.nan, dtype=torch.float64, device=device) if yaw is None else yaw.double()
        )
        self.numbers.append(torch.full((count,), -1, device=device) if number is None else number.long())

    def kept(self) -> Tensor:
        """(M,) positions in the states of the images that count, in the order of their numbers, repeats left out."""
        if not len(self.numbers):
            return torch.empty(0, dtype=torch.int64)
        numbers = dim_zero_cat(self.numbers)
        order = numbers.argsort(stable=True)
        numbers = numbers[order]
        first = torch.ones_like(numbers, dtype=torch.bool)
        first[1:] = (numbers[1:] != numbers[:-1]) | (numbers[1:] < 0)
        return order[first]

    def per_image(self) -> dict[str, Tensor]:
        """What is kept, over all processes: ``errors`` (M,), ``yaws`` (M,; NaN: not given) and ``numbers`` (M,; -1:
        not given).
        """
        with self.sync_context(should_sync=self._to_sync, should_unsync=True):
            kept = self.kept()
            states = {"errors": self.errors, "yaws": self.yaws, "numbers": self.numbers}
            return {name: dim_zero_cat(state)[kept] if len(state) else kept.double() for name, state in states.items()}

    def compute(self) -> dict[str, float]:
        """The figures of the table, over all processes."""
        if not len(self.errors):
            return summarize(torch.empty(0))
        kept = self.kept()
        errors, yaws = dim_zero_cat(self.errors)[kept], dim_zero_cat(self.yaws)[kept]
        return summarize(errors, None if bool(yaws.isnan().all()) else yaws)


class LandmarkError(ImageMetric):
    """NME of points with known correspondence: sparse or dense, 2-D or 3-D.

    Args:
        dims: 2 for x and y alone, 3 for all.
        depth: alignment of depth before a 3-D error, ``"none"``, ``"min"`` or ``"mean"``
            (:func:`pyface3d.evaluation.align_depth`).
        normalizer: ``"box"`` divides by sqrt(width * height) of the true points' box, ``"interocular"`` by the
            distance of the outer eye corners of 68 true points.
        options: of :class:`torchmetrics.Metric`.

    Example:
        >>> metric = LandmarkError()
        >>> target = torch.tensor([[[0.0, 0.0], [10.0, 10.0]]])
        >>> metric.update(target + torch.tensor([3.0, 4.0]), target, yaw=torch.tensor([10.0]))
        >>> metric.compute()["[0,30]"]
        50.0
    """

    def __init__(self, dims: int = 2, depth: str = "none", normalizer: str = "box", **options) -> None:
        super().__init__(**options)
        if dims not in (2, 3):
            raise ValueError(f"LandmarkError: dims must be 2 or 3, got {dims}")
        if normalizer not in ("box", "interocular"):
            raise ValueError(f"LandmarkError: normalizer must be 'box' or 'interocular', got {normalizer!r}")
        self.dims, self.depth, self.normalizer = dims, depth, normalizer

    def update(
        self,
        predicted: Tensor,
        target: Tensor,
        yaw: Tensor | None = None,
        visible: Tensor | None = None,
        frame: Tensor | None = None,
        number: Tensor | None = None,
    ) -> None:
        """Adds a batch.

        Args:
            predicted: (B, N, 2) or (B, N, 3) in pixels of the original image.
            target: the true points, likewise.
            yaw: (B,) degrees.
            visible: (B, N) bool; only these points count.
            frame: (B, L, 2|3) true points that the normalizer is taken from; ``target`` where left out. AFLW's 21
                points and dense meshes are normalized by the 68.
            number: (B,) number of each image in its set.
        """
        predicted, target = predicted.double(), target.double()
        frame, frame_visible = (target, visible) if frame is None else (frame.double(), None)
        size = box_size(frame, frame_visible) if self.normalizer == "box" else outer_interocular(frame)
        if self.dims == 3:
            predicted, target = align_depth(predicted, self.depth), align_depth(target, self.depth)
        errors = normalized_mean_error(predicted[..., : self.dims], target[..., : self.dims], size, visible)
        self.record(errors, yaw, number)
