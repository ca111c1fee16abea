"""Confidence intervals of table figures by resampling images."""

import torch
from torch import Tensor

from pyface3d.evaluation.bins import YAW_BINS, bin_of_yaw


def bootstrap_intervals(
    errors: Tensor, yaws: Tensor | None = None, *, level: float = 0.95, draws: int = 1000, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """Percentile bootstrap of the mean over images, of each yaw bin and of their mean.

    Images are drawn with replacement, within each bin: the sizes of the bins belong to the protocol, not to chance.

    Args:
        errors: (M,) one error per image; NaN is left out.
        yaws: (M,) degrees; without them there is only ``per_image_mean``.
        level: of the interval.
        draws: resamples.
        seed: same seed, same interval.

    Returns:
        Name of the figure -> (low, high).

    Example:
        >>> bootstrap_intervals(torch.full((10,), 2.0))["per_image_mean"]
        (2.0, 2.0)
    """
    kept = ~errors.isnan()
    errors = errors[kept].double().cpu()
    generator = torch.Generator().manual_seed(seed)
    groups = {"": errors}
    if yaws is not None:
        index = bin_of_yaw(yaws[kept].cpu())
        groups = {name: errors[index == i] for i, (name, _, _) in enumerate(YAW_BINS) if bool((index == i).any())}
    means = {name: _resampled_means(group, draws, generator) for name, group in groups.items() if len(group)}
    if not means:
        return {}
    counts = torch.tensor([len(groups[name]) for name in means], dtype=torch.float64)
    stacked = torch.stack(list(means.values()))  # (bins, draws)
    samples = {name: values for name, values in means.items() if name}
    if yaws is not None:
        samples["mean"] = stacked.mean(0)
    samples["per_image_mean"] = (stacked * counts[:, None]).sum(0) / counts.sum()
    tails = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    return {name: tuple(values.quantile(tails).tolist()) for name, values in samples.items()}


def _resampled_means(errors: Tensor, draws: int, generator: torch.Generator) -> Tensor:
    return torch.stack(
        [errors[torch.randint(len(errors), errors.shape, generator=generator)].mean() for _ in range(draws)]
    )
