"""Augmentation of a training batch, and what of a training step's time it is."""

import torch

from pyface3d import MorphableModel, ParameterSpace
from pyface3d.data import Augment


def bench_augment(bench):
    generator = torch.Generator().manual_seed(0)
    augment = Augment(ParameterSpace(n_identity=40, n_expression=10), MorphableModel.default())
    batch = {
        "image": torch.randint(0, 255, (128, 3, 120, 120), generator=generator, dtype=torch.uint8),
        "params": torch.randn(128, 62, generator=generator),
        "landmarks": torch.rand(128, 68, 3, generator=generator) * 120,
        "visible": torch.ones(128, 68, dtype=torch.bool),
        "yaw": torch.zeros(128),
    }
    trunk = torch.nn.Conv2d(3, 32, 3, 2, 1)
    image = batch["image"].float()
    bench.compare(
        "augment 128 x 120 x 120",
        {"pyface3d": lambda: augment(batch, generator), "one 3x3 convolution to 32 channels": lambda: trunk(image)},
        bytes_moved=2 * batch["image"].numel(),
    )
