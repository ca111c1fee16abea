import torch

from pyface3d import ops


def arguments(rows=3, batch=2, vertices=7):
    generator = torch.Generator().manual_seed(1)
    v = torch.rand(batch, vertices, 3, generator=generator, requires_grad=True)
    return v, torch.rand(batch, rows, 4, generator=generator, requires_grad=True)


def test_nan_stays_in_its_face():
    v, pose = arguments()
    with torch.no_grad():
        v[0, 0, 0] = float("nan")
    out = ops.project_weak_perspective(v, pose)
    assert out[0, 0].isnan().all() and not out[1].isnan().any()
