"""Targets, forward and backward: 25x eager and 4x compiled on AVX-512 (15x, 4x on AVX2), under 32 MB extra memory."""

import subprocess
import sys

import pytest
import torch

from pyface3d import ops
from pyface3d.ops import reference

VERTICES, COUNT = 53215, 50


def arguments(batch):
    torch.manual_seed(0)
    target_coeffs, target_pose = torch.randn(batch, COUNT), 5 * torch.randn(batch, 3, 4)
    coeffs, pose = (x + 0.1 * torch.randn_like(x) for x in (target_coeffs, target_pose))
    mean, basis = 5 * torch.randn(VERTICES, 3), 0.3 * torch.randn(VERTICES, 3, COUNT)
    return mean, basis, coeffs.requires_grad_(), pose.requires_grad_(), target_coeffs, target_pose


@pytest.mark.parametrize("batch", [1, 16, 128])
def bench_forward_and_backward(bench, batch):
    args = arguments(batch)
    compiled = torch.compile(reference.wing_vertex_loss)
    functions = {"pyface3d": ops.wing_vertex_loss, "eager": reference.wing_vertex_loss, "compile": compiled}
    runs = {name: lambda f=f: torch.autograd.grad(f(*args).sum(), args[2:4]) for name, f in functions.items()}
    name = f"wing_vertex_loss forward+backward B={batch}"
    bench.compare(name, runs, flops=3 * 2 * batch * VERTICES * 3 * COUNT, bytes_moved=4 * VERTICES * 3 * (COUNT + 1))
    if batch == 128:
        bench.note("wing_vertex_loss, peak extra memory", **peak_memory())


# In a process of its own, where no memory of earlier calls is at hand: the kernel's high-water mark around one call.
PEAK = """
import torch
from pyface3d import ops
from pyface3d.ops import reference
torch.manual_seed(0)
mean, basis = torch.randn({n}, 3), torch.randn({n}, 3, {k})
faces = [torch.randn({b}, {k}, requires_grad=True), torch.randn({b}, 3, 4, requires_grad=True)]
faces += [x.detach() + 0.1 for x in faces]
def run(mean, basis, faces):
    loss = {module}.wing_vertex_loss(mean, basis, *faces)
    torch.autograd.grad(loss.sum(), faces[:2])
def kilobytes(name):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(name))
run(mean[:9], basis[:9], [x[:2].detach().requires_grad_(i < 2) for i, x in enumerate(faces)])  # loads the libraries
open("/proc/self/clear_refs", "w").write("5")  # the mark starts anew
before = kilobytes("VmRSS")
run(mean, basis, faces)
print(kilobytes("VmHWM") - before)
"""


def peak_memory():
    peaks = {}
    for name, module in {"pyface3d": "ops", "eager": "reference"}.items():
        code = PEAK.format(n=VERTICES, k=COUNT, b=128, module=module)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        peaks[f"{name}_MB"] = int(done.stdout) * 1024 / 1e6
    return peaks


@pytest.mark.parametrize("kind", ["l1", "smooth_l1", "l2"])
def bench_kinds(bench, kind):
    args = arguments(16)
    functions = {"pyface3d": ops.wing_vertex_loss, "eager": reference.wing_vertex_loss}
    runs = {
        name: lambda f=f: torch.autograd.grad(f(*args, kind=kind).sum(), args[2:4]) for name, f in functions.items()
    }
    bench.compare(f"wing_vertex_loss {kind} forward+backward B=16", runs)
