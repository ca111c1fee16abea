"""Target: 5x a loop-free torch version of 3DDFA's code on its resampled set; the dense closed form no slower."""

import torch

from pyface3d import MorphableModel, ParameterSpace, ops

BATCH, VERTICES, COUNT = 128, 53215, 50


def resampled_in_torch(model, space):
    """3DDFA's loss as its code computes it, with the loop over samples replaced by batched products."""
    mean, basis = model.mean.reshape(-1, 1), model.basis.reshape(-1, COUNT)  # interleaved (3N, 1), (3N, K)

    def loss(pred, target):
        random = torch.randperm(VERTICES)[:132]
        vertices = torch.cat([model.landmarks, random])
        rows = torch.stack([3 * vertices, 3 * vertices + 1, 3 * vertices + 2]).T.reshape(-1)
        few_mean, few = mean[rows], basis[rows]
        p, g = pred * space.std + space.mean, target * space.std + space.mean
        with torch.no_grad():
            delta = (p - g).abs()
            shape = (few_mean + few @ g[:, 12:].T).T.unflatten(1, (-1, 3))  # (B, 200, 3)
            norms = shape.norm(dim=1)
            weights = torch.zeros_like(delta)
            for column in range(3):
                weights[:, column:11:4] = delta[:, column:11:4] * norms[:, column : column + 1]
            weights[:, [3, 7]] = delta[:, [3, 7]] * len(vertices) ** 0.5
            weights[:, 12:] = 5.7339936 * delta[:, 12:] * few.norm(dim=0)
            weights += 1e-6
            weights[:, 11] = 0
            weights /= weights.amax(1, keepdim=True)
        return (weights * (pred - target).square()).mean()

    return loss


def bench_forward_and_backward(bench):
    torch.manual_seed(0)
    basis = 0.3 * torch.randn(VERTICES, 3, COUNT)
    model = MorphableModel(
        5 * torch.randn(VERTICES, 3), basis[..., :40], basis[..., 40:], torch.tensor([[0, 1, 2]]),
        landmarks=torch.randperm(VERTICES)[:68],
    )  # fmt: skip
    space = ParameterSpace()
    pred, target = torch.randn(BATCH, 62, requires_grad=True), torch.randn(BATCH, 62)
    plain, gram = resampled_in_torch(model, space), model.gram()

    def resampled(pred, target):
        vertices = torch.cat([model.landmarks, torch.randint(VERTICES, (132,))])
        return ops.wpdc_loss(pred, target, space, model, vertices).mean()

    functions = {
        "pyface3d": lambda pred, target: ops.wpdc_loss(pred, target, space, gram).mean(),
        "pyface3d, 68 + 132 vertices": resampled,
        "eager, 68 + 132 vertices": plain,
        "compile, 68 + 132 vertices": torch.compile(plain),
    }
    runs = {name: lambda f=f: torch.autograd.grad(f(pred, target), pred) for name, f in functions.items()}
    bench.compare(f"wpdc_loss forward+backward, all {VERTICES} vertices, B={BATCH}", runs)
