"""The head of a photo: its surface, and for each vertex where the photo shows it."""

import torch
from torch import Tensor, nn

from pyface3d import ops
from pyface3d.morphable import MorphableModel, build_incidence

_NECK = 0.45  # how far the neck goes down from the chin, in distances from the chin to the bridge of the nose
_SKIN = ("face", "head_and_neck")  # parts whose far side the photo does not show
_TURNING, _TURNED = 0.45, 0.0  # cosine to the viewer where a surface begins to be guessed, and where it is
_INWARD = 0.012  # of the canvas' side: colors of the very outline are read as far inside of it


class HeadSurface(nn.Module):
    """The part of a face model that profiling draws.

    Args:
        model: the face model of the parameters; the default face is drawn with its whole head.

    Attributes:
        model: the vertices that are drawn.
        skin: (N,) 1 for the outer surface, 0 for eyes, teeth and what lies in the mouth.
        area: (N,) surface of the mean face around each vertex, of the skin before the ears.
        pivot: (3,) the point between the ears that stays where it is.
        incidence: of the model's triangles, for normals.
    """

    skin: Tensor
    area: Tensor
    pivot: Tensor
    incidence: Tensor

    def __init__(self, model: MorphableModel) -> None:
        super().__init__()
        if model.landmarks is None or not len(model.triangles):
            raise ValueError(f"Profiler: {model.name} must have 68 landmarks and triangles; give a whole face model")
        jaw, chin, bridge = (model.mean[model.landmarks[k]] for k in ([0, 16], 8, 27))
        whole = MorphableModel.default("head") if model.hash() == MorphableModel.default().hash() else model
        above = whole.mean[:, 1] > chin[1] - _NECK * (bridge[1] - chin[1])
        self.model = whole.subset(above.nonzero()[:, 0])
        skin = torch.ones(self.model.n_vertices)
        for name, ids in self.model.parts.items():
            skin[ids] = float(name in _SKIN or not set(_SKIN) & set(self.model.parts))
        self.register_buffer("skin", skin)
        before_ears = self.model.mean[:, 2] > jaw[:, 2].mean()
        self.register_buffer("area", skin * before_ears * _areas(self.model))
        self.register_buffer("pivot", jaw.mean(0))
        incidence = build_incidence(self.model.triangles, self.model.n_vertices)
        self.register_buffer("incidence", incidence, persistent=False)

    def normals(self, seen: Tensor) -> Tensor:
        """(B, N, 3) unit normals, y up, of vertices at pixels (B, N, 3), y down."""
        up = seen * seen.new_tensor([1.0, -1.0, 1.0])
        return ops.vertex_normals(up, self.model.triangles, self.incidence)

    def facing_away(self, normals: Tensor) -> Tensor:
        """(B, N) 0 where a photo shows the skin, rising to 1 where it turns away from the viewer."""
        away = ((_TURNING - normals[..., 2]) / (_TURNING - _TURNED)).clamp(0, 1)
        return away * away * (3 - 2 * away) * self.skin


def _areas(model: MorphableModel) -> Tensor:
    """(N,) a third of the triangles at each vertex of the mean face."""
    first, second, third = model.mean[model.triangles].unbind(1)
    area = torch.linalg.cross(second - first, third - first).norm(dim=1) / 6
    return torch.zeros(model.n_vertices).index_add_(0, model.triangles.flatten(), area.repeat_interleave(3))


def off_the_outline(places: Tensor, normals: Tensor, size: int) -> Tensor:
    """Places (B, N, 2) moved inward near the outline, where no mesh fits a photo to the pixel.

    Args:
        places: pixels of the canvas, y down.
        normals: (B, N, 3), y up.
        size: side of the canvas.
    """
    outward = normals[..., :2] * normals.new_tensor([1.0, -1.0])
    return places - outward * (1 - normals[..., 2:].abs()).square() * (_INWARD * size)
