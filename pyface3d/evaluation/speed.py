"""How fast a method is on this machine, and how large."""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat


class Speed(Metric):
    """Median time of a call by batch size; over several processes the calls of all count.

    Example:
        >>> speed = Speed()
        >>> speed.update(16, torch.tensor([0.2, 0.1, 0.4]))
        >>> round(speed.compute()["images_per_second_b16"], 2)
        80.0
    """

    full_state_update = False
    unit = "ms"
    batch_sizes: list[Tensor]
    seconds: list[Tensor]

    def __init__(self, **options) -> None:
        super().__init__(**options)
        self.add_state("batch_sizes", default=[], dist_reduce_fx="cat")
        self.add_state("seconds", default=[], dist_reduce_fx="cat")

    def update(self, batch_size: int, seconds: Tensor) -> None:
        """Adds calls on ``batch_size`` faces that took ``seconds`` (R,)."""
        self.batch_sizes.append(torch.full_like(seconds, batch_size, dtype=torch.int64))
        self.seconds.append(seconds.double())

    def compute(self) -> dict[str, float]:
        """``ms_per_image_b<B>`` and ``images_per_second_b<B>`` for each batch size."""
        batch_sizes, seconds = dim_zero_cat(self.batch_sizes), dim_zero_cat(self.seconds)
        figures = {}
        for batch in batch_sizes.unique().tolist():
            median = seconds[batch_sizes == batch].quantile(0.5).item()
            figures[f"ms_per_image_b{batch}"] = 1e3 * median / batch
            figures[f"images_per_second_b{batch}"] = batch / median
        return figures


def time_predictions(method: Any, size: int, batch_size: int, device: torch.device, runs: int = 10) -> Tensor:
    """Seconds (runs,) of ``method.predict`` with landmarks on random pictures, after two calls that are not timed.

    Args:
        method: a method.
        size: side of the pictures in pixels.
        batch_size: faces at a time.
        device: where the method lies.
        runs: timed calls.
    """
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (batch_size, 3, size, size), dtype=torch.uint8, generator=generator).to(device)

    def call() -> float:
        return _seconds(lambda: method.predict(images).landmarks, device)

    call(), call()
    return torch.tensor([call() for _ in range(runs)], dtype=torch.float64)


def _seconds(run: Callable[[], object], device: torch.device) -> float:
    _wait(device)
    start = time.perf_counter()
    run()
    _wait(device)
    return time.perf_counter() - start


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
