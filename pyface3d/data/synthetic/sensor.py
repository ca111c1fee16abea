"""From light to a photograph: exposure, color, blur, noise, borders and JPEG."""

import functools

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pyface3d.data.synthetic.draws import Draws
from pyface3d.data.synthetic.jpeg import compress

GRAIN_SIDE, BLUR_REACH = 512, 4


def photograph(draws: Draws, light: Tensor, face: Tensor) -> Tensor:
    """Pictures uint8 (B, 3, S, S) of linear light (B, 3, S, S); the exposure is metered on ``face`` (B, S, S) bool."""
    metered = (light.mean(1) * face).sum((1, 2)) / face.sum((1, 2)).clamp_min(1)
    gain = draws.log_uniform(0.07, 0.6) / metered.clamp_min(1e-4)
    balance = (draws.normal(0.1, 3) + torch.log(gain)[:, None]).exp()
    gamma = draws.log_uniform(0.75, 1.3)[:, None, None, None] / 2.2
    display = (light * balance[..., None, None]).clamp_(1e-4, 1.0) ** gamma  # (B, 3, S, S)
    display = _saturate(draws, display)
    contrast = draws.log_uniform(0.75, 1.3)[:, None, None, None]
    display = (display - 0.5) * contrast + 0.5 + draws.normal(0.04)[:, None, None, None]
    picture = _blur(draws, display)
    picture = picture + _grain(draws, light.shape[-1]) * draws.log_uniform(0.002, 0.03)[:, None, None, None]
    picture = _frame(draws, picture).clamp_(0, 1)
    return _jpeg(draws, (picture * 255).round_().to(torch.uint8))


def _saturate(draws: Draws, display: Tensor) -> Tensor:
    gray = (torch.tensor([0.299, 0.587, 0.114]) @ display.flatten(2)).view_as(display[:, :1])  # (B, 1, S, S)
    colorless = draws.chance(0.22)
    amount = torch.where(colorless, 0.0, draws.uniform(0.5, 1.6))[:, None, None, None]
    toned = draws.normal(0.06, 3)[..., None, None] * (colorless & draws.chance(0.3))[:, None, None, None]
    return torch.lerp(gray, display, amount) * (1 + toned)


def _blur(draws: Draws, picture: Tensor) -> Tensor:
    """A Gaussian of its own for each picture (B, 3, S, S)."""
    batch, _, size, _ = picture.shape
    sigma = draws.log_uniform(0.35, 1.4)[:, None]
    offset = torch.arange(-BLUR_REACH, BLUR_REACH + 1)
    kernel = torch.exp(-0.5 * (offset / sigma) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(3, 0)  # (3 B, taps)
    planes = F.pad(picture.view(1, 3 * batch, size, size), [BLUR_REACH] * 4, mode="replicate")
    planes = F.conv2d(planes, kernel[:, None, None], groups=3 * batch)
    return F.conv2d(planes, kernel[:, None, :, None], groups=3 * batch).view(batch, 3, size, size)


@functools.cache
def _grain_bank(size: int, device: torch.device) -> Tensor:
    """(G, G, S, S) all windows of a periodic picture of white noise."""
    stream = np.random.Generator(np.random.Philox(key=[1, 2**32]))
    noise = stream.standard_normal((GRAIN_SIDE, GRAIN_SIDE), dtype=np.float32)
    wrapped = torch.from_numpy(np.pad(noise, (0, size), mode="wrap")[:-1, :-1]).to(device)
    return wrapped.unfold(0, size, 1).unfold(1, size, 1)


def _grain(draws: Draws, size: int) -> Tensor:
    """(B, 3, S, S) white noise cut from one bank; gray for half of the pictures."""
    corner = draws.uniform(0, GRAIN_SIDE, 6).long().view(-1, 3, 2)
    corner = torch.where(draws.chance(0.5)[:, None, None], corner[:, :1], corner)
    return _grain_bank(size, corner.device)[corner[..., 0], corner[..., 1]]


def _frame(draws: Draws, picture: Tensor) -> Tensor:
    """Makes some of the pictures (B, 3, S, S) black where a crop reaches beyond its photo, in place."""
    size = picture.shape[-1]
    side, depth = draws.pick((0.92, 0.02, 0.02, 0.02, 0.02)), draws.uniform(0.02, 0.22)
    near = (torch.arange(size) + 0.5) / size > depth[:, None]  # (B, S)
    whole = torch.ones_like(near)
    first, last, left, right = ((side == k)[:, None] for k in range(1, 5))
    rows = torch.where(first, near, torch.where(last, near.flip(1), whole))
    columns = torch.where(left, near, torch.where(right, near.flip(1), whole))
    cut = side.nonzero()[:, 0]
    return picture.index_copy_(0, cut, picture[cut] * (rows[cut, :, None] & columns[cut, None])[:, None])


def _jpeg(draws: Draws, pictures: Tensor) -> Tensor:
    """Some of the pictures uint8 (B, 3, S, S) encoded and decoded, in place."""
    chosen, quality = draws.chance(0.5), draws.uniform(30, 95).int()
    rows = chosen.nonzero()[:, 0]
    if pictures.device.type != "cpu":
        return pictures.index_copy_(0, rows, compress(pictures[rows], quality[rows]))
    import cv2  # not on every machine with a GPU

    for k, q in zip(rows.tolist(), quality[rows].tolist()):
        pixels = np.ascontiguousarray(pictures[k].permute(1, 2, 0).numpy())
        code = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, q])[1]
        pictures[k] = torch.from_numpy(cv2.imdecode(code, cv2.IMREAD_COLOR)).permute(2, 0, 1)
    return pictures
