"""Targets: 500x dense eager, forward and backward; relative error 1e-12 (float64), 1e-6 (float32) near convergence."""

import pytest
import torch

from pyface3d import MorphableModel, ops
from pyface3d.ops import reference

BATCH, VERTICES, COUNT = 128, 53215, 50


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    basis = 0.3 * torch.randn(VERTICES, 3, COUNT)
    return MorphableModel(5 * torch.randn(VERTICES, 3), basis[..., :40], basis[..., 40:], torch.tensor([[0, 1, 2]]))


def faces(batch, error, dtype=torch.float32):
    """Coefficients and poses (in the hundreds of pixels per meter) of predictions and targets."""
    generator = torch.Generator().manual_seed(1)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
    target_coeffs, target_pose = draw(batch, COUNT), 5 * draw(batch, 3, 4)
    coeffs, pose = target_coeffs + error * draw(batch, COUNT), target_pose + error * draw(batch, 3, 4)
    args = [x.to(dtype) for x in (coeffs, pose, target_coeffs, target_pose)]
    return [args[0].requires_grad_(), args[1].requires_grad_(), *args[2:]]


def bench_forward_and_backward(bench, model):
    gram, args = model.gram(), faces(BATCH, 1.0)
    step = lambda loss: torch.autograd.grad(loss.sum(), args[:2])  # noqa: E731
    runs = {
        "pyface3d": lambda: step(ops.vertex_distance(gram, *args)),
        "eager": lambda: step(reference.vertex_distance(model.mean, model.basis, *args)),
    }
    columns = 3 * (COUNT + 1)
    bench.compare(f"vertex_distance forward+backward B={BATCH}", runs, flops=2 * BATCH * 3 * columns**2)
    bench.memory("vertex_distance, peak extra memory", runs)


@pytest.mark.parametrize("error", [1.0, 1e-3])
def bench_accuracy(bench, model, error):
    args = [x.detach() for x in faces(8, error)]
    wide, wide_gram, gram = [x.double() for x in args], double(model).gram(), model.gram()
    exact = reference.vertex_distance(model.mean.double(), model.basis.double(), *wide)
    runs = {
        "pyface3d": lambda: ops.vertex_distance(gram, *args),
        "closed, float64": lambda: ops.vertex_distance(wide_gram, *wide),
        "dense": lambda: reference.vertex_distance(model.mean, model.basis, *args),
    }
    title = f"vertex_distance forward B=8, whitened error {error:g}"
    bench.compare(title, runs)
    worst = {key: ((run().double() - exact) / exact).abs().max().item() for key, run in runs.items()}
    bench.note(f"{title}, relative error", **worst)


def double(model):
    """The model in float64, the original left as it is."""
    return MorphableModel(
        model.mean.double(), model.identity_basis.double(), model.expression_basis.double(), model.triangles
    )
