"""pyface3d: the geometry engine of 3D-Morphable-Model face reconstruction.

Names are loaded on first use, so that ``import pyface3d`` costs nothing and ``pyface3d.runtime`` works without torch.
Rooms (``pyface3d.losses``, ``pyface3d.ops``, ...) are attributes too.
"""

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

from pyface3d._version import __version__ as __version__

if TYPE_CHECKING:  # what ``__getattr__`` gives, for editors and type checkers
    from pyface3d import atlas as atlas
    from pyface3d import camera as camera
    from pyface3d import data as data
    from pyface3d import evaluation as evaluation
    from pyface3d import export as export
    from pyface3d import fitting as fitting
    from pyface3d import images as images
    from pyface3d import landmarks as landmarks
    from pyface3d import losses as losses
    from pyface3d import methods as methods
    from pyface3d import morphable as morphable
    from pyface3d import nets as nets
    from pyface3d import ops as ops
    from pyface3d import page as page
    from pyface3d import reconstructor as reconstructor
    from pyface3d import render as render
    from pyface3d import runtime as runtime
    from pyface3d import training as training
    from pyface3d.atlas import UVAtlas as UVAtlas
    from pyface3d.camera import ParameterSpace as ParameterSpace
    from pyface3d.fitting import fit_landmarks as fit_landmarks
    from pyface3d.methods import Reconstruction as Reconstruction
    from pyface3d.methods import create_method as create_method
    from pyface3d.methods import list_methods as list_methods
    from pyface3d.morphable import MorphableModel as MorphableModel
    from pyface3d.morphable import load_model as load_model
    from pyface3d.reconstructor import Face as Face
    from pyface3d.reconstructor import Reconstructor as Reconstructor

_ROOMS = (
    "atlas", "camera", "data", "evaluation", "export", "fitting", "images", "landmarks", "losses", "methods",
    "morphable", "nets", "ops", "page", "reconstructor", "render", "runtime", "training",
)  # fmt: skip
_HOMES = {  # of the public names that are no rooms
    "Face": "reconstructor", "MorphableModel": "morphable", "ParameterSpace": "camera", "Reconstruction": "methods",
    "Reconstructor": "reconstructor", "UVAtlas": "atlas", "create_method": "methods", "fit_landmarks": "fitting",
    "list_methods": "methods", "load_model": "morphable",
}  # fmt: skip
__all__ = sorted(["__version__", *_ROOMS, *_HOMES])


def __getattr__(name: str) -> Any:
    home = f"pyface3d.{_HOMES.get(name, name)}"
    if name.startswith("_") or importlib.util.find_spec(home) is None:
        raise AttributeError(f"module 'pyface3d' has no attribute {name!r}")
    try:
        module = importlib.import_module(home)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ImportError(
            f"pyface3d.{name} needs torch, which is not installed: pip install 'torch>=2.11'; "
            "without torch there is pyface3d.runtime"
        ) from error
    value = getattr(module, name) if name in _HOMES else module
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
