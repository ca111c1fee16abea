"""pyface3d: the geometry engine of 3D-Morphable-Model face reconstruction.

Names are loaded on first use, so that ``import pyface3d`` costs nothing and ``pyface3d.runtime`` works without torch.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

# public name -> module that defines it; None: the module itself
_LAZY: dict[str, str | None] = {
    "ops": None,
    "morphable": None,
    "camera": None,
    "losses": None,
    "nets": None,
    "methods": None,
    "data": None,
    "evaluation": None,
    "fitting": None,
    "landmarks": None,
    "training": None,
    "render": None,
    "export": None,
    "runtime": None,
    "MorphableModel": "morphable",
    "load_model": "morphable",
    "ParameterSpace": "camera",
    "UVAtlas": "atlas",
    "create_method": "methods",
    "list_methods": "methods",
    "Reconstruction": "methods",
    "Reconstructor": "reconstructor",
    "fit_landmarks": "fitting",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'pyface3d' has no attribute {name!r}")
    home = _LAZY[name]
    try:
        module = importlib.import_module(f"pyface3d.{home or name}")
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ImportError(
            f"pyface3d.{name} needs torch, which is not installed: pip install 'torch>=2.11'; "
            "without torch there is pyface3d.runtime"
        ) from error
    value = module if home is None else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
