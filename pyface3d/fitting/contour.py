"""Landmark marching: which vertices an annotator sees as the jaw line when the head turns."""

import torch
from torch import Tensor

from pyface3d.morphable import MorphableModel

#: iBUG's jaw line without the chin, which stays where it is
JAW = (*range(8), *range(9, 17))


def contour_candidates(model: MorphableModel, count: int = 24) -> Tensor:
    """For each jaw landmark the vertices that may take its place on the silhouette.

    On a turned head the visible outline is not the jaw line of the frontal face: it has marched along the cheek (Zhu
    et al., High-Fidelity Pose and Expression Normalization, CVPR 2015). The candidates of a landmark are vertices at
    its height on its side of the mean face, in front of it and no nearer to the middle than half its own distance,
    and the landmark itself, thinned evenly from back to front.

    Args:
        model: a model with 68 landmarks and a surface between them.
        count: candidates per landmark.

    Returns:
        (16, count) int64 vertex ids, rows in the order of iBUG points 1-8 and 10-17 (counted from 1); the first
        column is the landmark.

    Raises:
        ValueError: if the model has no 68 landmarks.
    """
    if model.landmarks is None:
        raise ValueError(f"contour_candidates: {model.name} has no 68 landmarks")
    mean = model.mean.float()
    jaw = mean[model.landmarks]
    spacing = (jaw[1:17] - jaw[:16]).norm(dim=1).mean()
    center = jaw[:17, 0].mean()
    rows = []
    for point in JAW:
        vertex = model.landmarks[point]
        position = mean[vertex] - torch.stack([center, center * 0, center * 0])
        x, height, depth = (mean[:, 0] - center) * position[0].sign(), mean[:, 1], mean[:, 2]
        near = (height - position[1]).abs() < spacing / 8
        outside = (x > position[0].abs() / 2) & (depth > position[2])
        ids = (near & outside).nonzero()[:, 0]
        ids = ids[depth[ids].argsort()]
        ids = torch.cat([vertex[None], ids])
        rows.append(ids[torch.linspace(0, len(ids) - 1, count, device=ids.device).round().long()])
    return torch.stack(rows)


def march(posed: Tensor, pose: Tensor) -> Tensor:
    """Chooses among the candidates the one farthest out, across the face as it lies in the image.

    Args:
        posed: (B, 16, C, 2) candidates in the image, y up.
        pose: (B, 3, 4).

    Returns:
        (B, 16) int64 column of the chosen candidate.
    """
    up = pose[:, :2, 1]  # (B, 2): image of the model's vertical
    across = torch.stack([up[:, 1], -up[:, 0]], -1)  # turned clockwise: from image left to image right
    reach = (posed * across[:, None, None]).sum(-1)  # (B, 16, C)
    left = torch.tensor([point < 8 for point in JAW], device=posed.device)
    return torch.where(left[:, None], -reach, reach).argmax(-1)
