"""Skinning alone, and FLAME's size (5,023 vertices, 5 joints) against dense eager blend skinning: 3x at B=128."""

import pytest
import torch

from pyface3d import MorphableModel, ops
from pyface3d.morphable import ArticulatedModel
from pyface3d.morphable.articulated import rotations_from_axis_angle
from pyface3d.ops import reference

VERTICES, PARENTS = 5023, (-1, 0, 1, 1, 1)
JOINTS = len(PARENTS)


def rig(identity, expression):
    """Random numbers of FLAME's shapes, and the same as plain tensors."""
    torch.manual_seed(0)
    model = MorphableModel(
        torch.randn(VERTICES, 3), torch.randn(VERTICES, 3, identity), torch.randn(VERTICES, 3, expression),
        torch.randint(VERTICES, (9976, 3)),
    )  # fmt: skip
    regressor, weights = torch.rand(JOINTS, VERTICES).softmax(1), torch.rand(JOINTS, VERTICES).softmax(0)
    correctives = torch.randn(VERTICES, 3, 9 * (JOINTS - 1))
    return ArticulatedModel(model, regressor, PARENTS, weights, correctives), regressor, weights.T, correctives


def dense(model, regressor, weights, correctives, coeffs, turns):
    """FLAME's equations with a 4 x 4 matrix for every vertex of every face."""
    batch = len(coeffs)
    shaped = model.mean + torch.einsum("bk,ndk->bnd", coeffs, model.basis)
    joints = torch.einsum("jn,bnd->bjd", regressor, shaped)
    rotations = rotations_from_axis_angle(turns)
    bent = (rotations[:, 1:] - torch.eye(3)).view(batch, -1)
    shaped = shaped + (bent @ correctives.view(-1, bent.shape[1]).T).view(batch, VERTICES, 3)
    bones = joints.clone()
    bones[:, 1:] -= joints[:, PARENTS[1:]]
    local = torch.cat([torch.cat([rotations, bones[..., None]], 3), torch.eye(4)[3].expand(batch, JOINTS, 1, 4)], 2)
    chain = [local[:, 0]]
    for j in range(1, JOINTS):
        chain.append(chain[PARENTS[j]] @ local[:, j])
    world = torch.stack(chain, 1)  # (B, J, 4, 4)
    back = world @ torch.cat([joints, torch.zeros(batch, JOINTS, 1)], 2)[..., None]
    relative = world - torch.nn.functional.pad(back, (3, 0))
    blended = (weights.expand(batch, -1, -1) @ relative.view(batch, JOINTS, 16)).view(batch, VERTICES, 4, 4)
    ones = torch.ones(batch, VERTICES, 1)
    return (blended @ torch.cat([shaped, ones], 2)[..., None])[:, :, :3, 0]


@pytest.mark.parametrize("trained", [False, True])
def bench_skinning_alone(bench, trained):
    vertices, weights = torch.randn(128, VERTICES, 3), torch.rand(JOINTS, VERTICES).softmax(0)
    transforms = torch.randn(128, JOINTS, 3, 4)
    wanted = [a.requires_grad_(trained) for a in (vertices, transforms)]
    functions = {
        "pyface3d": ops.skin_vertices,
        "eager": reference.skin_vertices,
        "compile": torch.compile(reference.skin_vertices),
    }
    grad = torch.randn_like(vertices)

    def call(function):
        out = function(vertices, weights, transforms)
        return torch.autograd.grad(out, wanted, grad) if trained else out

    runs = {name: lambda f=f: call(f) for name, f in functions.items()}
    label = "forward+backward" if trained else "forward"
    bench.compare(f"skin_vertices {label} B=128", runs, bytes_moved=4 * 128 * VERTICES * 3 * (5 if trained else 2))


@pytest.mark.parametrize("columns", [(10, 10), (100, 50), (300, 100)])
@pytest.mark.parametrize("trained", [False, True])
def bench_flame(bench, columns, trained):
    model, *arrays = rig(*columns)
    coeffs, turns = torch.randn(128, sum(columns)), 0.2 * torch.randn(128, JOINTS, 3)
    wanted = [a.requires_grad_(trained) for a in (coeffs, turns)]
    grad = torch.randn(128, VERTICES, 3)

    def call(vertices):
        return torch.autograd.grad(vertices, wanted, grad) if trained else vertices

    torch.testing.assert_close(
        model.synthesize(coeffs, turns), dense(model.model, *arrays, coeffs, turns), atol=1e-3, rtol=1e-3
    )
    runs = {
        "pyface3d": lambda: call(model.synthesize(coeffs, turns)),
        "eager": lambda: call(dense(model.model, *arrays, coeffs, turns)),
    }
    label = "forward+backward" if trained else "forward"
    bench.compare(f"FLAME's size, {columns[0]} + {columns[1]} coefficients, {label} B=128", runs)
