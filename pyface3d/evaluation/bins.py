"""Yaw bins and the figures that a table of the field prints from them."""

import math

import torch
from torch import Tensor

#: (name, lowest |yaw| exclusive, highest inclusive) in degrees; what lies beyond 90 (seven images of AFLW2000-3D)
#: belongs to the last bin
YAW_BINS = (("[0,30]", -1.0, 30.0), ("(30,60]", 30.0, 60.0), ("(60,90]", 60.0, math.inf))


def bin_of_yaw(yaw: Tensor) -> Tensor:
    """Index of the yaw bin.

    Args:
        yaw: (B,) degrees, of either sign.

    Returns:
        (B,) int64 in 0, 1, 2.

    Raises:
        ValueError: if a yaw is NaN, which would drop the image from the table without a word.

    Example:
        >>> bin_of_yaw(torch.tensor([-30.0, 30.1, 95.0]))
        tensor([0, 1, 2])
    """
    if bool(yaw.isnan().any()):
        raise ValueError("bin_of_yaw: yaw must not be NaN")
    return (yaw.abs() > 30).long() + (yaw.abs() > 60).long()


def summarize(errors: Tensor, yaw: Tensor | None = None) -> dict[str, float]:
    """The figures of a table: mean of each yaw bin, their mean and population standard deviation, and the mean over
    images.

    Papers of this field print the mean of the three bin means as "Mean" and the population standard deviation of the
    three as "Std"; neither is taken over images. ``per_image_mean`` is. An empty bin is NaN and is left out of mean
    and std. Images whose error is NaN (no visible point) are left out and counted as ``skipped``.

    Args:
        errors: (M,) one error per image.
        yaw: (M,) degrees; without it there are no bins.

    Returns:
        ``{"[0,30]": ..., "(30,60]": ..., "(60,90]": ..., "mean": ..., "std": ..., "per_image_mean": ...,
        "per_image_std": ..., "median": ..., "images": ..., "skipped": ...}``.

    Example:
        >>> summarize(torch.tensor([1.0, 3.0, 5.0, 9.0]), torch.tensor([0.0, 10.0, 45.0, 80.0]))["mean"]
        5.333333333333333
    """
    errors = errors.double()
    kept = ~errors.isnan()
    figures: dict[str, float] = {}
    if yaw is not None:
        figures |= _bin_figures(errors[kept], yaw[kept])
    errors = errors[kept]
    some = len(errors) > 0
    figures["per_image_mean"] = errors.mean().item() if some else math.nan
    figures["per_image_std"] = errors.std(correction=0).item() if some else math.nan
    figures["median"] = errors.quantile(0.5).item() if some else math.nan
    figures["images"] = len(errors)
    figures["skipped"] = int((~kept).sum())
    return figures


def _bin_figures(errors: Tensor, yaw: Tensor) -> dict[str, float]:
    index = bin_of_yaw(yaw)
    figures = {name: errors[index == i].mean().item() for i, (name, _, _) in enumerate(YAW_BINS)}
    means = torch.tensor([mean for mean in figures.values() if not math.isnan(mean)], dtype=torch.float64)
    figures["mean"] = means.mean().item() if len(means) else math.nan
    figures["std"] = means.std(correction=0).item() if len(means) else math.nan
    return figures
