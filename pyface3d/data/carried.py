"""Labels of one face model as those of another that a correspondence leads to."""

import torch
from torch import Tensor

from pyface3d.camera import ParameterSpace
from pyface3d.data.dataset import FaceDataset
from pyface3d.data.pictures import UnreadableError
from pyface3d.fitting import Correspondence
from pyface3d.landmarks import box_size
from pyface3d.morphable import MorphableModel
from pyface3d.morphable.content import METERS


def carry_labels(
    faces: FaceDataset, model: MorphableModel, space: ParameterSpace, way: Correspondence
) -> dict[str, Tensor]:
    """Parameters of a set by the affine map of a correspondence: dense, without a fit.

    Args:
        faces: the set, with parameters of the correspondence's source.
        model: the face model wanted, the target of the correspondence.
        space: layout and crop of both.
        way: the correspondence.

    Returns:
        params: (N, P); residual: (N,) root mean squared distance of the surfaces as a share of the face's size; both
        NaN where a sample could not be read.

    Raises:
        ValueError: the correspondence leads to another model, or the labels have another length, or another crop
            than the space's.
    """
    if way.target != model.hash():
        raise ValueError(f"carry_labels: the correspondence must lead to {model.name}, it leads to another face model")
    own = getattr(faces, "space", space)
    if (own.size, own.flip) != (space.size, space.flip):
        raise ValueError(
            f"carry_labels: labels must be those of crops of {space.size} ({space.flip}), got {own.size} ({own.flip})"
        )
    height = float(box_size(model.landmark_basis().mean[None, :, :2])[0]) * 1e3 * METERS.get(model.unit, torch.nan)
    rows, found = 12 + way.matrix.shape[1], torch.full((len(faces), 12 + way.matrix.shape[1]), torch.nan)
    for index in range(len(faces)):
        try:
            label = faces.load(index)["params"]
        except UnreadableError:
            continue
        if label.shape != (rows,):
            raise ValueError(f"carry_labels: labels must have the {rows} parameters of the source, got {len(label)}")
        found[index] = label
    return {"params": way.translate_params(found), "residual": way.surface_error(found[:, 12:]).float() / height}
