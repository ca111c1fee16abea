"""Loads the compiled kernels once, and turns every way this can fail into one sentence that says what to do."""

import importlib
import re
import warnings

import torch

TORCH_LEAST = (2, 11)  # the stable ABI this binary was built for


def _load() -> None:
    have = tuple(int(number) for number in re.findall(r"\d+", torch.__version__)[:2])
    if have < TORCH_LEAST:
        raise ImportError(
            f"pyface3d needs torch>=2.11, this environment has {torch.__version__}; "
            "run: pip install --upgrade 'torch>=2.11'"
        )
    try:
        importlib.import_module("pyface3d._C")
    except ModuleNotFoundError as error:
        if error.name != "pyface3d._C":
            raise
        raise ImportError(
            "pyface3d's kernels are not built here (no _C beside the package); run 'pip install .' in its folder, "
            "and do not run Python from inside an uninstalled source tree"
        ) from error
    except ImportError as error:
        raise ImportError(
            f"pyface3d's kernels do not load ({error}); they were built for another machine or a broken torch: "
            "run 'pip install --force-reinstall --no-deps .' in pyface3d's folder"
        ) from error


def cuda_remark(built: int, torch_cuda: str | None) -> str | None:
    """The sentence for CUDA kernels of another major version than torch's; None where they are of the same, or absent.

    Args:
        built: what the kernels were compiled with, 13000 for CUDA 13.0; 0 without CUDA kernels.
        torch_cuda: ``torch.version.cuda``, for example "12.6".
    """
    if not built or not torch_cuda or built // 1000 == int(torch_cuda.split(".")[0]):
        return None
    return (
        f"pyface3d's CUDA kernels were built with CUDA {_text(built)} and this torch with {torch_cuda}: they need a "
        f"driver of CUDA {built // 1000} (nvidia-smi shows it); with an older one, build them here: "
        "pip install --no-binary pyface3d --force-reinstall --no-deps pyface3d"
    )


def built_cuda() -> int:
    """What the kernels were compiled with, 13000 for CUDA 13.0; 0 without CUDA kernels."""
    return getattr(torch.ops.pyface3d, "cuda_version", int)()  # a build in place may be older than this file


def _text(version: int) -> str:
    return f"{version // 1000}.{version % 1000 // 10}"


_load()
if _remark := cuda_remark(built_cuda(), torch.version.cuda):
    warnings.warn(_remark, RuntimeWarning, stacklevel=2)


def cuda_version() -> str | None:
    """The CUDA that the kernels were built with, for example "13.0"; None without CUDA kernels."""
    return _text(built_cuda()) if built_cuda() else None


def simd_level() -> str:
    """The instruction set that the CPU loops run with: "base", "avx2" or "avx512"."""
    return ("base", "avx2", "avx512")[torch.ops.pyface3d.simd_level()]
