"""``pyface3d doctor``."""

import os
import platform
import sys
from pathlib import Path
from typing import Any

from pyface3d.cli.command import screen

_PACKAGES = (
    "torch numpy scipy trimesh pillow opencv-python-headless safetensors typer rich pyyaml "
    "lightning torchmetrics matplotlib onnx onnxscript onnxruntime huggingface_hub h5py pyarrow ray"
).split()


def doctor() -> dict[str, Any]:
    """Say what this installation is made of, ready to paste into a bug report.

    [bold]Example:[/bold] pyface3d doctor
    """
    report = {
        "pyface3d": {"version": _version("pyface3d"), "folder": str(Path(__file__).parents[1])},
        "system": _system(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "torch": _torch(),
        "kernels": _kernels(),
        "data": _data(),
    }
    for section, facts in report.items():
        screen.say(section, style="bold")
        for name, value in facts.items():
            screen.say(f"  {name}: {'not installed' if value is None else value}")
    return report


def _version(package: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _system() -> dict[str, Any]:
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _torch() -> dict[str, Any]:
    import torch

    devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "threads": torch.get_num_threads(),
        "cuda": torch.version.cuda or "none",
        "devices": ", ".join(["cpu", *devices]),
        "capability": torch.backends.cpu.get_cpu_capability(),
    }


def _kernels() -> dict[str, Any]:
    """What the compiled part answers; where it does not load, why not."""
    try:
        from pyface3d import ops
    except (ImportError, OSError, RuntimeError) as error:
        return {"loaded": f"no: {' '.join(str(error).split())}"}
    return {"loaded": "yes", "simd": _simd(), "cuda kernels": _cuda(), "ops": ", ".join(ops.__all__)}


def _cuda() -> str:
    import torch

    from pyface3d import _ext

    if not torch._C._dispatch_has_kernel_for_dispatch_key("pyface3d::synthesize_shape", "CUDA"):
        return "no"
    remark = _ext.cuda_remark(_ext.built_cuda(), torch.version.cuda)
    return f"yes, built with CUDA {_ext.cuda_version()}" + (f" ({remark})" if remark else "")


def _simd() -> str:
    from pyface3d import _ext

    level = getattr(_ext, "simd_level", None)
    forced = os.environ.get("PYFACE3D_SIMD")
    return (level() if level else "unknown") + (f" (PYFACE3D_SIMD={forced})" if forced else "")


def _data() -> dict[str, Any]:
    folder = os.environ.get("PYFACE3D_DATA")
    if not folder:
        return {"folder": "PYFACE3D_DATA is not set (only tests and reproductions of published numbers need it)"}
    path = Path(folder)
    entries = ", ".join(sorted(child.name for child in path.iterdir())) if path.is_dir() else "no such folder"
    return {"folder": folder, "holds": entries}
