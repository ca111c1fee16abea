"""A bank of periodic noise pictures: looked up at random places, they give every image its own patterns."""

import functools

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

SIDE = 256
# Octaves: cycles per picture at which each of the four channels has its energy, coarse to fine.
BANDS = ((1.0, 4.0), (3.0, 12.0), (8.0, 40.0), (30.0, 110.0))


@functools.cache
def bank(device: torch.device) -> Tensor:
    """(1, 4, 256, 256) noise of unit variance, periodic, one frequency band in each channel; always the same."""
    stream = np.random.Generator(np.random.Philox(key=[0, 2**32]))
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None]) * SIDE
    channels = []
    for low, high in BANDS:
        spectrum = np.fft.rfft2(stream.standard_normal((SIDE, SIDE)))
        spectrum *= ((frequency >= low) & (frequency <= high)) / np.maximum(frequency, 1.0)
        channel = np.fft.irfft2(spectrum, (SIDE, SIDE))
        channels.append(channel / channel.std())
    return torch.from_numpy(np.stack(channels)[None].astype(np.float32)).to(device)


def look_up(points: Tensor) -> Tensor:
    """Noise (B, 4, P) at points (B, 2, P) given in pictures, so that 1 is a whole period; bilinear."""
    grid = (points - points.floor()) * 2 - 1  # the seam of a period is one pixel wide and does not show
    expanded = bank(points.device).expand(len(points), -1, -1, -1)
    return F.grid_sample(expanded, grid.mT[:, None], padding_mode="border", align_corners=False)[:, :, 0]
