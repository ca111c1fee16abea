"""Loads the compiled kernels once, and turns every way this can fail into one sentence that says what to do."""

import importlib
import re

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


_load()


def simd_level() -> str:
    """The instruction set that the CPU loops run with: "base", "avx2" or "avx512"."""
    return ("base", "avx2", "avx512")[torch.ops.pyface3d.simd_level()]
