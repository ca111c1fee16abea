"""A face model restricted to some of its vertices."""

from typing import TYPE_CHECKING, Any

import torch

from pyface3d.morphable.arrays import ArrayOrTensor, as_index

if TYPE_CHECKING:
    from pyface3d.morphable.model import MorphableModel


def subset_changes(model: "MorphableModel", vertex_indices: ArrayOrTensor) -> dict[str, Any]:
    """Constructor arguments of the model of the given vertices; see ``MorphableModel.subset``."""
    ids = as_index("vertex_indices", vertex_indices, (None,), model.n_vertices).to(model.mean.device)  # (M,)
    place = torch.full((model.n_vertices,), -1, device=ids.device)  # (N,) new id of each vertex, -1: gone
    place[ids] = torch.arange(len(ids), device=ids.device)
    if int((place >= 0).sum()) != len(ids):
        raise ValueError("MorphableModel.subset: vertex_indices must be distinct, got some of them twice")

    triangles = place[model.triangles]  # (F, 3)
    kept = (triangles >= 0).all(dim=1)  # (F,)
    parts = {part: place[old.to(ids.device)] for part, old in model.parts.items()}
    changes: dict[str, Any] = {
        "mean": model.mean[ids],
        "identity_basis": model.identity_basis[ids],
        "expression_basis": model.expression_basis[ids],
        "triangles": triangles[kept],
        "parts": {part: moved[moved >= 0] for part, moved in parts.items()},
        "colors": None if model.colors is None else model.colors[ids],
    }
    for name, old in (("landmarks", model.landmarks), ("forehead", model.forehead)):
        changes[name] = place[old] if old is not None and (place[old] >= 0).all() else None
    # a set of which nothing is left goes; "300w-lp" may stay in part where the landmark vertices do not
    moved = {name: points.renumbered(place) for name, points in model.landmark_sets.items()}
    changes["landmark_sets"] = {name: points for name, points in moved.items() if bool(points.mask.any())}
    if model.uv is not None and model.uv_triangles is not None:
        used, changes["uv_triangles"] = model.uv_triangles[kept].unique(return_inverse=True)
        changes["uv"] = model.uv[used]
    return changes
