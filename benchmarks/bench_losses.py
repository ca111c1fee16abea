"""Target: a training step of a small regressor with MARNLoss on the dense model spends under 2 % of it in the loss."""

import statistics
import time

import torch

from pyface3d import MorphableModel, ParameterSpace, losses, nets

VERTICES, COUNT = 53215, 50


def dense_model():
    torch.manual_seed(0)
    basis = 0.3 * torch.randn(VERTICES, 3, COUNT)
    return MorphableModel(
        5 * torch.randn(VERTICES, 3), basis[..., :40], basis[..., 40:], torch.tensor([[0, 1, 2]]),
        landmarks=torch.randperm(VERTICES)[:68],
    )  # fmt: skip


def bench_training_step(bench):
    batch, net = 64, nets.MobileNetV1(62, width=0.5)
    loss_of = losses.MARNLoss(dense_model(), ParameterSpace())
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)
    images, target = torch.randn(batch, 3, 120, 120), torch.randn(batch, 62)
    parts = []  # seconds of each step in the loss

    def step():
        pred = net(images)
        leaf = pred.detach().requires_grad_()
        start = time.perf_counter()
        loss_of(leaf, target).backward()
        parts.append(time.perf_counter() - start)
        optimizer.zero_grad()
        pred.backward(leaf.grad)
        optimizer.step()

    bench.compare(f"training step, MARNLoss on MobileNet-V1 0.5x, B={batch}, N={VERTICES}", {"pyface3d": step})
    part = statistics.median(parts)
    bench.note("MARNLoss in it", loss_ms=1e3 * part, share_percent=100 * part / bench.median)
