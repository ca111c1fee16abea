"""Targets at B=128: forward 3x eager (N, 3), 2x the better of eager (3, N) and compiled; backward 2x eager autograd."""

import pytest
import torch

from pyface3d import ops
from pyface3d.ops import reference

VERTICES, COUNT = 53215, 50


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return torch.randn(VERTICES, 3), torch.randn(VERTICES, 3, COUNT)


def planar(mean, basis):
    """The other layout people use: (3, N, K) basis, one matrix product and one batched product."""
    flat = basis.permute(1, 0, 2).reshape(-1, COUNT).T.contiguous()  # (K, 3 N)
    start = mean.T.reshape(1, -1).contiguous()  # (1, 3 N)

    def run(coeffs, pose):
        shape = torch.addmm(start, coeffs, flat).view(-1, 3, VERTICES)
        return torch.baddbmm(pose[..., 3:], pose[..., :3], shape)  # (B, 3, N)

    return run


@pytest.mark.parametrize("batch", [1, 16, 128])
def bench_forward(bench, model, batch):
    mean, basis = model
    coeffs, pose = torch.randn(batch, COUNT), torch.randn(batch, 3, 4)
    other = planar(mean, basis)
    compiled = torch.compile(reference.synthesize_shape)
    bench.compare(
        f"synthesize_shape forward B={batch}",
        {
            "pyface3d": lambda: ops.synthesize_shape(mean, basis, coeffs, pose),
            "eager": lambda: reference.synthesize_shape(mean, basis, coeffs, pose),
            "eager (3, N)": lambda: other(coeffs, pose),
            "compile": lambda: compiled(mean, basis, coeffs, pose),
        },
        flops=2 * batch * VERTICES * 3 * COUNT,
        bytes_moved=4 * VERTICES * 3 * (batch + COUNT + 1),
    )


def bench_indices(bench, model):
    mean, basis = model
    coeffs, pose = torch.randn(128, COUNT), torch.randn(128, 3, 4)
    landmarks = torch.randperm(VERTICES)[:68]
    bench.compare(
        "synthesize_shape 68 of 53215 B=128",
        {
            "pyface3d": lambda: ops.synthesize_shape(mean, basis, coeffs, pose, landmarks),
            "dense, then indexed": lambda: ops.synthesize_shape(mean, basis, coeffs, pose)[:, landmarks],
            "eager": lambda: reference.synthesize_shape(mean, basis, coeffs, pose, landmarks),
        },
    )


def bench_backward(bench, model):
    mean, basis = model
    coeffs, pose = torch.randn(128, COUNT, requires_grad=True), torch.randn(128, 3, 4, requires_grad=True)
    grad = torch.randn(128, VERTICES, 3)
    ours, eager = (f(mean, basis, coeffs, pose) for f in (ops.synthesize_shape, reference.synthesize_shape))
    runs = {
        "pyface3d": lambda: torch.autograd.grad(ours, (coeffs, pose), grad, retain_graph=True),
        "eager": lambda: torch.autograd.grad(eager, (coeffs, pose), grad, retain_graph=True),
    }
    flops, bytes_moved = 4 * 128 * VERTICES * 3 * COUNT, 4 * 128 * VERTICES * 3
    bench.compare("synthesize_shape backward B=128", runs, flops=flops, bytes_moved=bytes_moved)
    bench.memory("synthesize_shape backward B=128, peak extra memory", runs)
