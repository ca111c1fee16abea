"""Checks and times every op on a GPU: values against plain torch, equal bits twice, then CUDA events.

Each row: pyface3d warm and cold (second-level cache flushed before every run), eager torch, torch.compile, and the
floor: the larger of bytes over the device's copy rate and FLOPs over its matrix rate, both measured here.
``python benchmarks/gpu.py --device cpu --small --check`` runs the same checks without a GPU.
"""

import argparse
import json
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from pyface3d import UVAtlas, ops
from pyface3d.morphable import MorphableModel
from pyface3d.ops import reference


@dataclass
class Case:
    name: str
    ours: object  # called without arguments
    eager: object
    bytes_moved: float = 0.0
    flops: float = 0.0
    tolerance: float = 1e-4
    compiled: bool = True


def with_backward(function, inputs):
    """Forward, then gradients of the sum of all floating outputs."""

    def run():
        outputs = function()
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        total = sum(o.sum() for o in outputs if o.is_floating_point())
        return (*[o.detach() for o in outputs], *torch.autograd.grad(total, inputs))

    return run


def cases(device, small):
    torch.manual_seed(0)
    vertices, count, batch, side = (300, 7, 3, 24) if small else (53215, 50, 128, 256)
    mean, basis = torch.randn(vertices, 3, device=device), torch.randn(vertices, 3, count, device=device)

    def draw(*shape):
        return torch.randn(*shape, device=device).requires_grad_()

    coeffs, pose = draw(batch, count), draw(batch, 3, 4)
    target, target_pose = draw(batch, count).detach(), draw(batch, 3, 4).detach()
    parameters = coeffs, pose
    faces, work = 4 * batch * vertices * 3, 2 * batch * vertices * 3 * count
    model_bytes = 4 * vertices * 3 * (count + 1)
    synthesize = (mean, basis, coeffs, pose)
    yield Case(
        "synthesize_shape",
        lambda: ops.synthesize_shape(*synthesize).detach(),
        lambda: reference.synthesize_shape(*synthesize).detach(),
        model_bytes + faces,
        work,
    )
    yield Case(
        "synthesize_shape forward + backward",
        with_backward(lambda: ops.synthesize_shape(*synthesize), parameters),
        with_backward(lambda: reference.synthesize_shape(*synthesize), parameters),
        2 * model_bytes + 2 * faces,
        4 * work,
        compiled=False,
    )
    arguments = (mean, basis, coeffs, pose, target, target_pose, 10.0, 2.0)
    yield Case(
        "wing_vertex_loss forward + backward",
        with_backward(lambda: ops.wing_vertex_loss(*arguments), parameters),
        with_backward(lambda: reference.wing_vertex_loss(*arguments), parameters),
        model_bytes,
        3 * work,
        tolerance=1e-3,
    )
    yield from distance_case(device, small, batch)
    yield from mesh_cases(device, small, side)


def distance_case(device, small, batch):
    model = MorphableModel.default().to(device)
    gram = model.gram()
    coeffs, target = (torch.randn(batch, model.n_coeffs, device=device).requires_grad_() for _ in range(2))
    pose, target_pose = (torch.randn(batch, 3, 4, device=device).requires_grad_() for _ in range(2))

    def dense():
        return (model.synthesize(coeffs, pose) - model.synthesize(target, target_pose)).square().sum((1, 2))

    yield Case(
        "vertex_distance forward + backward",
        with_backward(lambda: ops.vertex_distance(gram, coeffs, pose, target, target_pose), (coeffs, pose)),
        with_backward(dense, (coeffs, pose)),
        tolerance=1e-3,
        compiled=False,
    )


def mesh_cases(device, small, side):
    model = MorphableModel.default().to(device)
    batch = 2 if small else 32
    scale = side / 20
    vertices = model.synthesize(model.sample(batch, torch.Generator(device=device).manual_seed(0)))
    vertices = vertices * torch.tensor([scale, -scale, scale], device=device) + side / 2
    vertices = vertices.detach().requires_grad_()
    triangles = model.triangles
    ids, barycentrics, _ = (x.detach() for x in ops.rasterize(vertices, triangles, side, side))
    picture = 4 * batch * side * side
    yield Case(
        "rasterize",
        lambda: ops.rasterize(vertices.detach(), triangles, side, side),
        None,
        6 * picture + vertices.nbytes,
    )
    yield Case(
        "interpolate",
        lambda: ops.interpolate(vertices.detach(), ids, barycentrics, triangles),
        lambda: reference.interpolate(vertices.detach(), ids, barycentrics, triangles),
        7 * picture + vertices.nbytes,
    )
    yield Case(
        "vertex_normals",
        lambda: ops.vertex_normals(vertices.detach(), triangles),
        lambda: reference.vertex_normals(vertices.detach(), triangles),
        2 * vertices.nbytes,
    )
    atlas = UVAtlas.from_model(MorphableModel.default(), size=side).to(device)
    yield Case(
        "render_position_map forward + backward",
        with_backward(lambda: ops.render_position_map(vertices, atlas), (vertices,)),
        with_backward(lambda: reference.render_position_map(vertices, atlas), (vertices,)),
        6 * picture + 2 * vertices.nbytes,
        tolerance=1e-3,
        compiled=False,
    )
    maps, uv = torch.rand(batch, 3, side, side, device=device), torch.rand(vertices.shape[1], 2, device=device)
    yield Case(
        "sample_position_map",
        lambda: ops.sample_position_map(maps, uv),
        lambda: reference.sample_position_map(maps, uv),
        maps.nbytes + vertices.nbytes,
    )


def tensors(result):
    return list(result) if isinstance(result, tuple) else [result]


def check(case):
    """Largest error relative to the largest value; raises where bits differ between two runs."""
    first, second = tensors(case.ours()), tensors(case.ours())
    for a, b in zip(first, second):
        if not torch.equal(a, b):
            raise SystemExit(f"{case.name}: two runs gave different bits")
    if case.eager is None:
        return 0.0
    worst = 0.0
    for a, b in zip(first, tensors(case.eager())):
        worst = max(worst, float((a - b).abs().max() / b.abs().max().clamp(min=1e-12)))
    if worst > case.tolerance:
        raise SystemExit(f"{case.name}: differs from plain torch by {worst:.1e}, more than {case.tolerance:.0e}")
    return worst


def median_time(run, device, flush=None, budget=0.5):
    """Median seconds of a call, by CUDA events (by the clock on a CPU)."""
    for _ in range(3):
        run()
    times, start = [], time.perf_counter()
    while len(times) < 10 or time.perf_counter() - start < budget:
        if flush is not None:
            flush.zero_()
        if device.type == "cuda":
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            run()
            end.record()
            end.synchronize()
            times.append(begin.elapsed_time(end) / 1e3)
        else:
            before = time.perf_counter()
            run()
            times.append(time.perf_counter() - before)
    return statistics.median(times)


def machine_rates(device):
    """Measured FLOP and byte rates."""
    a, source = torch.rand(4096, 4096, device=device), torch.rand(1 << 28, device=device)
    target = torch.empty_like(source)
    product, copy = median_time(lambda: a @ a, device), median_time(lambda: target.copy_(source), device)
    return 2 * 4096**3 / product, 2 * source.nbytes / copy


def measure(case, device, rates, flush):
    row = {"name": case.name, "error": check(case), "warm": median_time(case.ours, device)}
    row["cold"] = median_time(case.ours, device, flush)
    row["floor"] = max(case.flops / rates[0], case.bytes_moved / rates[1])
    if case.eager is not None:
        row["eager"] = median_time(case.eager, device)
        if case.compiled:
            row["compile"] = median_time(torch.compile(case.eager), device)
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true", help="small sizes, for checkers")
    parser.add_argument("--check", action="store_true", help="values and bits only")
    parser.add_argument("--out", default="out/gpu.json")
    options = parser.parse_args()
    device = torch.device(options.device)
    if options.check:
        for case in cases(device, options.small):
            print(f"{case.name}: error {check(case):.1e}, bits equal")
        return
    rates = machine_rates(device)
    flush = torch.empty(1 << 28, dtype=torch.uint8, device=device)
    rows = [measure(case, device, rates, flush) for case in cases(device, options.small)]
    print(f"{torch.cuda.get_device_name()}: {rates[0] / 1e12:.1f} TFLOP/s, {rates[1] / 1e12:.2f} TB/s")
    for row in rows:
        shown = [key for key in ("warm", "cold", "eager", "compile", "floor") if key in row]
        times = "  ".join(f"{key} {row[key] * 1e6:.0f} us" for key in shown)
        above = f"  {row['warm'] / row['floor']:.1f}x the floor" if row["floor"] else ""
        print(f"{row['name']}: {times}{above}")
    out = Path(options.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"device": torch.cuda.get_device_name(), "rates": rates, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
