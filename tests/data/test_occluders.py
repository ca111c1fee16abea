import pytest
import torch

from pyface3d.data.appearance import occlude


def one_by_one(images, probability, generator):
    """The occluders of the docstring, picture after picture, as they were drawn first."""
    count, size = len(images), images.shape[-1]
    chosen = torch.rand(count, generator=generator) < probability
    center = torch.rand(count, 2, generator=generator) * size
    radius = (0.05 + 0.17 * torch.rand(count, 2, generator=generator)) * size
    box, kind = torch.rand(count, generator=generator) < 0.5, torch.rand(count, generator=generator)
    color = torch.rand(count, 3, generator=generator) * 255
    for k in chosen.nonzero()[:, 0].tolist():
        x0, y0 = (center[k] - radius[k]).long().clamp(0, size - 1).tolist()
        x1, y1 = (center[k] + radius[k]).ceil().long().clamp(1, size).tolist()
        across = (torch.arange(x0, x1) - center[k, 0]) / radius[k, 0]
        down = (torch.arange(y0, y1)[:, None] - center[k, 1]) / radius[k, 1]
        mask = (across.square() + down.square() <= 1) | box[k]
        fill = color[k, :, None, None]
        if 1 / 3 <= kind[k] < 2 / 3:
            fill = 0.5 * (torch.rand(3, *mask.shape, generator=generator) * 255) + 0.5 * fill
        elif kind[k] >= 2 / 3:
            fill = images[k - 1, :, y0:y1, x0:x1].clone()
        images[k, :, y0:y1, x0:x1] = torch.where(mask, fill, images[k, :, y0:y1, x0:x1])
    return images


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("count", [1, 2, 32])
def test_all_at_once_as_one_by_one(count, probability):
    for seed in range(6):
        first, second = (torch.Generator().manual_seed(seed) for _ in range(2))
        images = torch.rand(count, 3, 60, 60) * 255
        expected = one_by_one(images.clone(), probability, first)
        assert torch.equal(occlude(images, probability, second), expected), seed
        assert torch.equal(first.get_state(), second.get_state())
