"""Plants three faults in every op and shows that its record catches each: ``python scripts/plant_faults.py``.

A wrong gradient (or value, where there is none), a wish for a gradient that is misread, and a check that is missing.
Each fault is one edit of a source file of a copy of the tree; what depends on it is compiled anew, the op's checks run
in a process of their own (a crash counts as caught), and the file is put back. Faults of ops that have nothing in
common are planted together.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
KERNELS, BINDINGS, PYTHON = "csrc/kernels", "csrc/torch", "pyface3d/ops"
CHECKS = {
    "gradient": ("values", "sizes"),
    "wish": ("values", "sizes", "subsets"),
    "check": ("refused_shapes", "refused_dtypes", "refused_indices", "refused_values"),
}
# Each op in a child: a crash is the child's alone, and torch is imported once.
RUN = """
import os, sys, torch
from pyface3d.testing import RECORDS, check_op
torch.set_num_threads(1)  # no threads before a fork
for job in sys.argv[1:]:
    op, *checks = job.split(",")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        said = "nothing"
        try:
            check_op(RECORDS[op], only=checks)
        except BaseException as error:
            said = f"{type(error).__name__}: {error}".splitlines()[0]
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    said = os.read(reader, 4096).decode() or "a crash"
    os.waitpid(child, 0)
    print(op, said, sep="\\t", flush=True)
"""
#: ops whose results another op's kernels make
PARTS = {
    "wpdc_loss_resampled": {"wpdc_loss"},
    "wpdc_weights": {"wpdc_loss"},
    "synthesize_position_map": {"synthesize_shape", "render_position_map"},
}


class Fault(NamedTuple):
    """One edit: the first occurrence of ``old`` in ``file`` becomes ``new``."""

    op: str
    kind: str
    file: str
    old: str
    new: str


def _slope(op: str, old: str, new: str) -> Fault:
    """A kernel computes a gradient, or a value, that is wrong."""
    return Fault(op, "gradient", f"{KERNELS}/{op}.cpp", old, new)


def _wish(op: str, wanted: str, output: str) -> Fault:
    """The wish for a gradient is read from another one's pointer."""
    return Fault(
        op,
        "wish",
        f"{BINDINGS}/{op}.cpp",
        f"p.want_{wanted} = want_{wanted}",
        f"p.want_{wanted} = p.{output} != nullptr",
    )


def _python_wish(op: str, position: int) -> Fault:
    """The wish for a gradient is read from another argument's place."""
    return Fault(op, "wish", f"{PYTHON}/{op}.py", f"needs_input_grad[{position}]", f"needs_input_grad[{1 - position}]")


def _unchecked(op: str, check: str) -> Fault:
    """An argument is not checked."""
    return Fault(op, "check", f"{BINDINGS}/{op}.cpp", check, f"if (false) {check}")


FAULTS = (
    _slope("synthesize_shape", "grad[r] * shape[d]", "grad[r] * shape[r]"),
    _wish("synthesize_shape", "basis", "grad_mean"),
    _unchecked("synthesize_shape", 'check_shape(kOp, "basis"'),
    _slope("project_weak_perspective", "value += m[r][d]", "value += m[r][0]"),
    _wish("project_weak_perspective", "pose", "grad_vertices"),
    _unchecked("project_weak_perspective", "check_grad("),
    Fault("project_perspective", "gradient", f"{KERNELS}/project_perspective.h", "-seen.z * g.dot", "seen.z * g.dot"),
    _wish("project_perspective", "camera", "grad_vertices"),
    _unchecked("project_perspective", "check_grad("),
    _slope("skin_vertices", "m[d] * g[0] + m[4 + d] * g[1]", "m[d] * g[0] + m[8 + d] * g[1]"),
    _wish("skin_vertices", "transforms", "grad_vertices"),
    _unchecked("skin_vertices", 'check_shape(kOp, "weights"'),
    _slope("vertex_distance", "sign[side] * slope[J]", "slope[J]"),
    _wish("vertex_distance", "target", "grad_target_coeffs"),
    _unchecked("vertex_distance", 'check_grad(kOp, "slope"'),
    _slope("wing_loss", "slope * load_some<T>(p.grad_out", "slope * T(1.001) * load_some<T>(p.grad_out"),
    _python_wish("wing_loss", 1),
    _unchecked("wing_loss", 'check_same_shape("grad_out"'),
    _slope("wing_vertex_loss", "sum[r * 4 + 3] += slope[f][r]", "sum[r * 4 + 3] += slope[f][0]"),
    _wish("wing_vertex_loss", "grad", "grad_coeffs"),
    _unchecked("wing_vertex_loss", "check_range(kOp, *indices"),
    _slope("wpdc_loss", "g * w[i] * (pred[i] - target[i])", "g * w[i] * (target[i] - pred[i])"),
    _python_wish("wpdc_loss", 1),
    _unchecked("wpdc_loss", 'check_grad(kOp, "weights"'),
    Fault("wpdc_loss_resampled", "gradient", f"{KERNELS}/shape_moments.cpp", "p.indices[first + l] * 3 + d",
          "p.indices[first] * 3 + d"),
    _python_wish("wpdc_loss", 1)._replace(op="wpdc_loss_resampled"),
    _unchecked("wpdc_loss", "check_range(kOp, indices")._replace(op="wpdc_loss_resampled"),
    Fault("wpdc_weights", "gradient", f"{KERNELS}/wpdc_loss.cpp", "T(p.epsilon)", "T(2 * p.epsilon)"),
    Fault("wpdc_weights", "wish", f"{PYTHON}/wpdc_loss.py", "indices, scale, epsilon)[1]",
          "indices, scale, epsilon)[0]"),
    _unchecked("wpdc_loss", 'check_shape(kOp, "std"')._replace(op="wpdc_weights"),
    _slope("attribute_loss", "slope = (1 - y) - c", "slope = (1 - y) + c"),
    Fault("attribute_loss", "wish", f"{BINDINGS}/attribute_loss.cpp", "p.mask = pointer<bool>(m)", "p.mask = nullptr"),
    _unchecked("attribute_loss", 'check_grad(kOp, "grad_loss"'),
    _slope("position_map_loss", "kSquared ? 2 * g", "kSquared ? g"),
    _python_wish("position_map_loss", 1),
    _unchecked("position_map_loss", 'check_grad(kOp, "grad_loss"'),
    Fault("synthesize_position_map", "gradient", f"{PYTHON}/synthesize_position_map.py", "coeffs, pose), gather)",
          "coeffs, pose).detach(), gather)"),
    Fault("synthesize_position_map", "wish", f"{PYTHON}/synthesize_shape.py", "if want_pose else None",
          "if want_mean else None"),
    _unchecked("synthesize_shape", 'check_shape(kOp, "coeffs"')._replace(op="synthesize_position_map"),
    _slope("render_position_map", "sum += static_cast<T>(p.reader_weights[e]) * point", "sum += point"),
    Fault("render_position_map", "wish", f"{PYTHON}/render_position_map.py",
          "return _ops.render_position_map_backward.default(grad_maps, *saved)", "return None"),
    _unchecked("render_position_map", 'check_shape(kOp, "grad_maps"'),
    _slope("sample_position_map", "along_column * column.slope", "along_column"),
    _wish("sample_position_map", "uv", "grad_maps"),
    _unchecked("sample_position_map", 'check_grad(kOp, "grad_out"'),
    Fault("rasterize", "gradient", f"{KERNELS}/rasterize.h", "grad_v1[1] -= b.b1 * gy", "grad_v1[1] -= b.b1 * gx"),
    _python_wish("rasterize", 0),
    _unchecked("rasterize", 'check_grad(kOp, "grad_depth"'),
    _slope("interpolate", "grad * p.barycentrics[i * 3 + k]", "grad * p.barycentrics[i * 3]"),
    _wish("interpolate", "barycentrics", "grad_attributes"),
    _unchecked("interpolate", 'check_grad(kOp, "grad_out"'),
    _slope("vertex_normals", "cross_product(grad_c, e.e1, grad_2)", "cross_product(e.e1, grad_c, grad_2)"),
    _python_wish("vertex_normals", 0),
    _unchecked("vertex_normals", 'check_grad(kOp, "grad_normals"'),
    _slope("laplacian_smoothness", "twice * weight_at(p, n)", "twice"),
    _python_wish("laplacian_smoothness", 0),
    _unchecked("laplacian_smoothness", 'check_grad(kOp, "grad_loss"'),
    Fault("shade_surface", "gradient", f"{KERNELS}/shade_surface.h", "2 * facing * n[2] - light.z",
          "facing * n[2] - light.z"),
    Fault("shade_surface", "wish", f"{BINDINGS}/shade_surface.cpp", "p.canvas = canvas ? ", "p.canvas = !canvas ? "),
    _unchecked("shade_surface", 'check_shape(kOp, "canvas"'),
    Fault("mobilenet", "gradient", f"{KERNELS}/mobilenet.cpp", "store<T>(to + i * C + c, relu<T>(sum));",
          "store<T>(to + i * C + c, sum);"),
    Fault("mobilenet", "wish", f"{BINDINGS}/mobilenet.cpp", "? layers.sum_count : 0", "? 0 : layers.sum_count"),
    _unchecked("mobilenet", 'check_shape(kOp, "weights"'),
)  # fmt: skip


def build(tree: Path) -> None:
    """Compiles what changed."""
    environment = os.environ | {"PYFACE3D_CUDA": "0"}
    command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    subprocess.run(command, cwd=tree, env=environment, check=True, stdout=subprocess.DEVNULL)


def rounds(faults: tuple[Fault, ...]) -> list[list[Fault]]:
    """The faults in groups of which no two touch the same op's results."""
    groups: list[tuple[set[str], list[Fault]]] = []
    for fault in faults:
        touched = PARTS.get(fault.op, {fault.op})
        place = next((place for place in groups if not place[0] & touched), None)
        if place is None:
            groups.append(place := (set(), []))
        place[0].update(touched)
        place[1].append(fault)
    return [group for _, group in groups]


def caught(tree: Path, faults: list[Fault]) -> list[str]:
    """What each op's checks say of its fault, when all of them are planted."""
    before = {tree / fault.file: (tree / fault.file).read_text() for fault in faults}
    try:
        for fault in faults:
            path = tree / fault.file
            if fault.old not in path.read_text():
                raise SystemExit(f"{fault.file} does not hold {fault.old!r}: bring the fault up to date")
            path.write_text(path.read_text().replace(fault.old, fault.new, 1))
        build(tree)
        jobs = [",".join((fault.op, *CHECKS[fault.kind])) for fault in faults]
        command = [sys.executable, "-c", RUN, *jobs]
        environment = os.environ | {"PYTHONPATH": str(tree)}
        output = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=True).stdout
    finally:
        for path, text in before.items():
            path.write_text(text)
    return [line.partition("\t")[2] for line in output.splitlines()]


def copy(tree: Path) -> None:
    """The tracked files."""
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    for name in filter(lambda name: (ROOT / name).is_file(), names):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes((ROOT / name).read_bytes())


def main() -> int:
    """Returns the number of faults that nobody noticed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--op", help="only this op's faults")
    parser.add_argument("--tree", type=Path, help="a built tree to plant them in; default: a new copy of this one")
    options = parser.parse_args()
    chosen = [fault for fault in FAULTS if options.op in (None, fault.op)]
    with tempfile.TemporaryDirectory() as folder:
        tree = options.tree or Path(folder)
        if options.tree is None:
            copy(tree)
            build(tree)
        missed = 0
        for group in rounds(tuple(chosen)):
            for fault, said in zip(group, caught(tree, group), strict=True):
                missed += said == "nothing"
                print(f"{fault.op:26} {fault.kind:9} {'MISSED' if said == 'nothing' else said[:120]}", flush=True)
        build(tree)  # without the last fault
    print(f"{len(chosen) - missed} of {len(chosen)} faults caught")
    return missed


if __name__ == "__main__":
    sys.exit(main())
