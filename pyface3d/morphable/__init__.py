"""Face models: the linear model itself, the embedded default face, and readers of the published model files.

>>> from pyface3d.morphable import MorphableModel
>>> model = MorphableModel.default()
>>> model.synthesize(model.sample(2)).shape
torch.Size([2, 9409, 3])
"""

from pyface3d.morphable.arkit import ARKIT_NAMES, from_arkit_matrix, to_arkit_matrix
from pyface3d.morphable.articulated import ArticulatedModel
from pyface3d.morphable.blendshapes import Blendshapes
from pyface3d.morphable.conventions import find_landmarks
from pyface3d.morphable.incidence import build_incidence
from pyface3d.morphable.landmark_maps import read_landmark_map
from pyface3d.morphable.landmark_sets import LandmarkSet
from pyface3d.morphable.laplacian import Laplacian, build_laplacian
from pyface3d.morphable.model import MorphableModel
from pyface3d.morphable.readers import load_model

__all__ = [
    "ARKIT_NAMES",
    "ArticulatedModel",
    "Blendshapes",
    "LandmarkSet",
    "Laplacian",
    "MorphableModel",
    "build_incidence",
    "build_laplacian",
    "find_landmarks",
    "from_arkit_matrix",
    "load_model",
    "read_landmark_map",
    "to_arkit_matrix",
]
