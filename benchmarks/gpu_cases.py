"""What gpu.py runs: every op at the sizes of a training on a GPU, from the records where random arguments will do."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from pyface3d import UVAtlas, ops
from pyface3d.morphable import MorphableModel, build_incidence
from pyface3d.ops import reference
from pyface3d.testing import RECORDS
from pyface3d.testing.running import run

# op: sizes, and FLOPs of a forward pass in multiples of B N 3 K where products count
RECORDED = {
    "synthesize_shape": ({"B": 128, "N": 53215, "K": 50}, 2),
    "project_weak_perspective": ({"B": 128, "N": 53215}, 0),
    "project_perspective": ({"B": 128, "N": 53215}, 0),
    "skin_vertices": ({"B": 128, "N": 5023, "J": 5}, 0),
    "wing_vertex_loss": ({"B": 128, "N": 53215, "K": 50}, 4),
    "wing_loss": ({"B": 128, "N": 159645}, 0),
    "vertex_distance": ({"B": 128, "N": 2000, "K": 50}, 0),
    "wpdc_loss": ({"B": 128, "N": 2000, "K": 50}, 0),
    "wpdc_loss_resampled": ({"B": 128, "N": 53215, "K": 50, "L": 200}, 0),
    "attribute_loss": ({"B": 128, "M": 40}, 0),
    "position_map_loss": ({"B": 64, "U": 256, "V": 256}, 0),
    "sample_position_map": ({"B": 128, "U": 256, "V": 256, "N": 53215}, 0),
}


@dataclass
class Case:
    name: str
    ours: Callable[[], Any]
    eager: Callable[[], Any] | None  # plain torch, to be timed
    expected: Callable[[], Any] | None  # right values: plain torch, or our own kernels on the CPU
    bytes_moved: float = 0.0
    flops: float = 0.0
    tolerance: float = 1e-3
    compiled: bool = True


def bytes_of(arguments) -> int:
    return sum(a.nbytes for a in arguments if isinstance(a, torch.Tensor))


def results(function, arguments):
    outputs, gradients = run(function, arguments)
    return tuple(x.detach() for x in (*outputs, *gradients) if x is not None)


def record_cases(device, small) -> Iterator[Case]:
    """Forward, and forward with backward by the arguments that are trained."""
    for name, record in RECORDS.items():
        if name not in RECORDED and not small:
            continue
        sizes, products = RECORDED.get(name, ({}, 0))
        plain = record.sample(torch.float32, device, {} if small else sizes)
        outputs = bytes_of(results(record.op, plain))
        work = products * sizes.get("B", 0) * sizes.get("N", 0) * 3 * sizes.get("K", 0)
        for trained, label in (((), ""), (record.differentiable, " forward + backward")):
            if label and not trained:
                continue
            wanted = [a for a in trained if a not in ("mean", "basis", "target", "target_coeffs", "target_pose")]
            given = record.wanting(plain, wanted or trained)
            ours, eager = (lambda f=f, g=given: results(f, g) for f in (record.op, record.reference))
            moved = (bytes_of(given) + outputs) * (2 if label else 1)
            yield Case(
                name + label, ours, eager, eager, moved, work * (3 if label else 1), compiled=not label and not small
            )


def mesh_cases(device, small) -> Iterator[Case]:
    """The ops of meshes and maps on the embedded face: random triangles are nothing like a surface."""
    side, batch = (24, 2) if small else (256, 32)
    model = MorphableModel.default().to(device)
    triangles, scale = model.triangles, side / 20
    coeffs = model.sample(batch, torch.Generator(device=device).manual_seed(0))
    vertices = model.synthesize(coeffs) * torch.tensor([scale, -scale, scale], device=device) + side / 2
    vertices = vertices.detach().requires_grad_()
    ids, barycentrics, _ = (x.detach() for x in ops.rasterize(vertices, triangles, side, side))
    picture = 4 * batch * side * side
    host = vertices.detach().cpu(), triangles.cpu()
    on_cpu = None if device.type == "cpu" else lambda: ops.rasterize(*host, side, side)
    yield Case(
        "rasterize", lambda: ops.rasterize(vertices.detach(), triangles, side, side), None, on_cpu,
        5 * picture + vertices.nbytes,
    )  # fmt: skip
    yield from both(
        "rasterize", lambda v: ops.rasterize(v, triangles, side, side)[1:], None, (vertices,),
        10 * picture + 2 * vertices.nbytes,
    )  # fmt: skip
    atlas = UVAtlas.from_model(MorphableModel.default(), size=side).to(device)
    for name, arguments, moved in (
        ("interpolate", (ids, barycentrics, triangles), 7 * picture),
        ("vertex_normals", (triangles, build_incidence(triangles, vertices.shape[1])), vertices.nbytes),
        ("render_position_map", (atlas,), 3 * picture),
    ):
        op, slow = (lambda v, m=module, n=name, a=arguments: getattr(m, n)(v, *a) for module in (ops, reference))
        yield from both(name, op, slow, (vertices,), moved + vertices.nbytes, forward=True)
    light = torch.tensor([0.0, 0.0, 1.0, 0.4, 0.5, 0.1, 20.0], device=device)
    normals = ops.vertex_normals(vertices.detach(), triangles)
    albedo = torch.rand(batch, side, side, 3, device=device)
    yield Case(
        "shade_surface", lambda: ops.shade_surface(normals, ids, barycentrics, triangles, albedo, None, light),
        None, None, 5 * picture + 2 * normals.nbytes,
    )  # fmt: skip
    baked = atlas.bake(MorphableModel.default()).to(device)
    yield Case(
        "synthesize_position_map", lambda: ops.synthesize_position_map(baked, coeffs),
        None, lambda: atlas.render(model.synthesize(coeffs)), 3 * picture + baked.basis.nbytes,
    )  # fmt: skip


def both(name, op, slow, inputs, moved, forward=False) -> Iterator[Case]:
    """A case forward, where asked for, and one with gradients of the inputs."""
    if forward:
        plain = [x.detach() for x in inputs]
        eager = None if slow is None else lambda: slow(*plain)
        yield Case(name, lambda: op(*plain), eager, eager, moved)
    eager = None if slow is None else lambda: results(slow, inputs)
    yield Case(f"{name} forward + backward", lambda: results(op, inputs), eager, eager, 2 * moved, compiled=False)


def basis_cases(device, small) -> Iterator[Case]:
    """Gradients of the face model itself, and a few vertices of many."""
    record, sizes = RECORDS["synthesize_shape"], {} if small else {"B": 128, "N": 53215, "K": 50, "L": 68}
    given = record.wanting(record.sample(torch.float32, device, sizes), ("mean", "basis"))
    ours, eager = (lambda f=f: results(f, given) for f in (record.op, record.reference))
    yield Case("synthesize_shape grad_basis", ours, eager, eager, 2 * bytes_of(given), compiled=False)
    picked = record.sample(torch.float32, device, sizes, {"picked": True})
    ours, eager = (lambda f=f: results(f, picked) for f in (record.op, record.reference))
    yield Case("synthesize_shape of indices", ours, eager, eager, compiled=False)


def portrait_cases(device, small) -> Iterator[Case]:
    """Labeled portraits, where what reads and writes pictures is installed: not captured, their triangles vary."""
    try:
        if device.type == "cpu":
            import cv2  # noqa: F401  # compresses there

        from pyface3d.data.synthetic import SyntheticFaces
    except ImportError:
        return
    faces, count = SyntheticFaces(seed=0, device=device), 4 if small else 1024
    yield Case(f"{count} portraits", lambda: faces.render(range(count))["image"], None, None)


def cases(device, small) -> Iterator[Case]:
    """All of them."""
    torch.manual_seed(0)
    yield from record_cases(device, small)
    yield from basis_cases(device, small)
    yield from mesh_cases(device, small)
    yield from portrait_cases(device, small)
