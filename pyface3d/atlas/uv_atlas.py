"""The UV atlas: a face model's chart, rasterized once."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from pyface3d import ops
from pyface3d.atlas import regions
from pyface3d.atlas.baking import MapBasis
from pyface3d.atlas.build import Layout, layout_of
from pyface3d.atlas.layout import transpose_gather
from pyface3d.atomic import write_whole
from pyface3d.foreign.damage import reading
from pyface3d.foreign.tensors import read_safetensors

if TYPE_CHECKING:
    from pyface3d.morphable import MorphableModel

RATIOS = {"specific": regions.SHI_RATIO, "prnet": regions.PRNET_RATIO, "uniform": (1.0, 1.0, 1.0, 1.0, 0.0)}
FORMAT = "pyface3d.UVAtlas"
STORED = ("triangle_ids", "corners", "barycentrics", "vertex_uv", "vertex_ids", "triangles", "face_mask", "landmark_uv")


class UVAtlas(nn.Module):
    """A face model's UV chart as a grid of texels: what position maps are written with and read by.

    Texel centers lie at integers, column ``u (size - 1)`` and row ``(1 - v)(size - 1)``: the grid of face3d and PRNet.
    Where charts overlap the first triangle wins; ``border`` texels around every chart continue it, so that bilinear
    reading at its edge is exact to first order. Buffers follow ``.to(device)`` and keep their dtype.

    Attributes:
        triangle_ids: (U, V) int32, triangle of the model under each texel or its border, -1 where there is none.
        corners: (U, V, 3) int32, its vertices; 0 where there is none.
        barycentrics: (U, V, 3) float32, their weights; 0 where there is none.
        face_mask: (U, V) bool, texels of the face proper: neck, border and background are out.
        vertex_uv: (N, 2) float32, where each vertex lies in the chart.
        vertex_ids: (M,) int64, the vertices that can be read back; all N where the whole model has a chart of its own.
        triangles: (G, 3) int64, the triangles among them, numbering ``vertex_ids``.
        landmark_uv: (81, 2) float32, the 68 landmarks and 13 forehead points; (0, 2) for a model without landmarks.

    Example:
        >>> import pyface3d
        >>> model = pyface3d.MorphableModel.default()
        >>> atlas = pyface3d.UVAtlas.from_model(model, size=128)
        >>> maps = atlas.render(model.mean[None])  # (1, 3, 128, 128)
        >>> atlas.landmarks(maps).shape
        torch.Size([1, 68, 3])
    """

    triangle_ids: Tensor
    corners: Tensor
    barycentrics: Tensor
    face_mask: Tensor
    vertex_uv: Tensor
    vertex_ids: Tensor
    triangles: Tensor
    landmark_uv: Tensor
    reader_offsets: Tensor  # (N + 1,) int32: the texels that read vertex n are reader_texels[offsets[n]:offsets[n + 1]]
    reader_texels: Tensor
    reader_weights: Tensor

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        for name in STORED:
            self.register_buffer(name, torch.as_tensor(getattr(layout, name), device="cpu"), persistent=False)
        corners, weights = self.corners.view(-1, 3).numpy(), self.barycentrics.view(-1, 3).numpy()
        readers = transpose_gather(corners, weights, self.n_vertices)
        for name, values in zip(("reader_offsets", "reader_texels", "reader_weights"), readers, strict=True):
            self.register_buffer(name, torch.from_numpy(values), persistent=False)

    @classmethod
    def from_model(
        cls,
        model: "MorphableModel",
        size: int = 256,
        *,
        face: Tensor | np.ndarray | None = None,
        landmark_uv: Tensor | np.ndarray | None = None,
        border: int = 2,
    ) -> "UVAtlas":
        """Rasterizes a model's UV layout.

        Args:
            model: any model with ``uv`` (T, 2) and ``uv_triangles`` (F, 3); texture tiles outside [0, 1] are left out.
            size: texels per side, at least 2.
            face: what counts as face: (N,) bool over vertices or (size, size) bool over texels; default: what lies
                above the jaw's plane, everything for a model without landmarks.
            landmark_uv: (81, 2) or (68, 2) places of the landmarks in the chart; default: the model's landmarks, and
                forehead points by the rule of facial thirds (:func:`pyface3d.atlas.regions.forehead_vertices`).
            border: texels by which each chart is continued.

        Returns:
            The atlas, on the CPU.

        Raises:
            ValueError: the model has no UV layout, the sizes do not fit, or no triangle covers a texel.
        """
        return cls(layout_of(model, size, face, landmark_uv, border))

    @property
    def size(self) -> int:
        """Texels per side."""
        return self.corners.shape[0]

    @property
    def n_vertices(self) -> int:
        """Vertices N of the model."""
        return self.vertex_uv.shape[0]

    def render(self, vertices: Tensor) -> Tensor:
        """Position maps (B, 3, U, V) of vertices (B, N, 3): :func:`pyface3d.ops.render_position_map`."""
        return ops.render_position_map(vertices, self)

    def bake(self, model: "MorphableModel") -> MapBasis:
        """The model's basis prepared for :func:`pyface3d.ops.synthesize_position_map` with this atlas."""
        return MapBasis(self, model)

    def vertices(self, maps: Tensor) -> Tensor:
        """Reads the mesh ``vertex_ids``, ``triangles`` back from maps (B, 3, U, V): (B, M, 3)."""
        return ops.sample_position_map(maps, self.vertex_uv[self.vertex_ids].to(maps.dtype))

    def landmarks(self, maps: Tensor, count: int = 68, nearest: bool = False) -> Tensor:
        """Reads landmarks from position maps.

        Args:
            maps: (B, 3, U, V).
            count: 68 or 81.
            nearest: take the nearest texel as PRNet does, not the bilinear mix.

        Returns:
            (B, count, 3).
        """
        if nearest:
            column, row = self.landmark_texels(count).unbind(1)
            return maps[:, :, row, column].transpose(1, 2)
        return ops.sample_position_map(maps, self._landmark_uv(count).to(maps.dtype))

    def landmark_texels(self, count: int = 68) -> Tensor:
        """Nearest texel (count, 2) of each landmark, int64 column and row (PRNet's ``uv_kpt_ind``, transposed)."""
        uv = self._landmark_uv(count).double()
        return (torch.stack([uv[:, 0], 1 - uv[:, 1]], 1) * (self.size - 1)).round().long()

    def areas(self, landmark_radius: int = 0) -> Tensor:
        """The five areas (U, V) uint8: 1 landmarks, 2 eyes and nose, 3 mouth, 4 rest of the face, 5 neck and outside.

        Built as Shi et al. describe them; ``landmark_radius`` grows each landmark's texel.
        """
        areas = regions.face_areas(self._texels(), self.face_mask.cpu().numpy(), landmark_radius)
        return torch.from_numpy(areas).to(self.face_mask.device)

    def weight_mask(self, ratio: str | Sequence[float] = "specific", landmark_radius: int = 0) -> Tensor:
        """Weights of the areas for a loss on position maps.

        Args:
            ratio: "specific" (16:5:4:3:0 of Shi et al. 2020), "prnet" (16:4:3:0 of Feng et al. 2018), "uniform"
                (1:1:1:1:0), or the weights themselves: five for :meth:`areas`, four for PRNet's areas.
            landmark_radius: see :meth:`areas`; five areas only.

        Returns:
            (U, V) float32.
        """
        if isinstance(ratio, str) and ratio not in RATIOS:
            known = ", ".join(RATIOS)
            raise ValueError(f"UVAtlas.weight_mask: ratio must be one of {known} or 4 or 5 numbers, got {ratio!r}")
        weights = RATIOS[ratio] if isinstance(ratio, str) else tuple(ratio)
        if len(weights) not in (4, 5):
            raise ValueError(f"UVAtlas.weight_mask: ratio must have 4 or 5 numbers, got {len(weights)}")
        if len(weights) == 5:
            areas = self.areas(landmark_radius)
        else:
            areas = torch.from_numpy(regions.prnet_areas(self._texels(), self.face_mask.cpu().numpy()))
        return torch.tensor((0.0, *weights), device=self.corners.device)[areas.long().to(self.corners.device)]

    def save(self, path: str | os.PathLike) -> None:
        """Writes the atlas as safetensors, atomically."""
        from safetensors.torch import save as serialize  # only writing needs it

        tensors = {name: getattr(self, name).cpu().contiguous() for name in STORED}
        write_whole(path, serialize(tensors, {"format": FORMAT, "version": "1"}))

    @classmethod
    def load(cls, path: str | os.PathLike) -> "UVAtlas":
        """Reads an atlas written by :meth:`save`; raises ValueError for anything else."""
        tensors = _read(Path(path))
        missing = [name for name in STORED if name not in tensors]
        if missing:
            raise ValueError(f"UVAtlas.load: {path} lacks {', '.join(missing)}; save it again")
        with reading(path, "UVAtlas.load"):
            _check(tensors)
            return cls(Layout(**{name: tensors[name].numpy() for name in STORED}))

    def extra_repr(self) -> str:
        """What ``print`` shows."""
        return f"size={self.size}, n_vertices={self.n_vertices}, face_texels={int(self.face_mask.sum())}"

    def _texels(self) -> np.ndarray:
        return self.landmark_texels(len(self.landmark_uv)).cpu().numpy()

    def _landmark_uv(self, count: int) -> Tensor:
        if count > len(self.landmark_uv):
            raise ValueError(f"UVAtlas: this atlas has {len(self.landmark_uv)} landmarks, asked for {count}")
        return self.landmark_uv[:count]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "UVAtlas":
        """Moves the buffers; ``.half()`` and ``.double()`` do not touch geometry."""
        before = dict(self.named_buffers())
        super()._apply(fn, recurse)
        for name, buffer in before.items():
            moved = getattr(self, name)
            if moved.dtype != buffer.dtype:
                setattr(self, name, buffer.to(moved.device))
        return self


def _check(tensors: dict[str, Tensor]) -> None:
    """Raises ValueError unless the shapes fit each other and every index has something to point at."""
    n, m, size = len(tensors["vertex_uv"]), len(tensors["vertex_ids"]), len(tensors["corners"])
    wanted: dict[str, tuple[torch.dtype, tuple[int, ...], int, int]] = {
        "triangle_ids": (torch.int32, (size, size), -1, 1 << 31), "corners": (torch.int32, (size, size, 3), 0, n),
        "barycentrics": (torch.float32, (size, size, 3), 0, 0), "face_mask": (torch.bool, (size, size), 0, 0),
        "vertex_uv": (torch.float32, (n, 2), 0, 0), "vertex_ids": (torch.int64, (m,), 0, n),
        "triangles": (torch.int64, (len(tensors["triangles"]), 3), 0, m),
        "landmark_uv": (torch.float32, (len(tensors["landmark_uv"]), 2), 0, 0),
    }  # fmt: skip
    for name, (dtype, shape, low, high) in wanted.items():
        tensor = tensors[name]
        if tensor.dtype != dtype or tensor.shape != shape:
            raise ValueError(f"{name} must be {shape} {dtype}, got {tuple(tensor.shape)} {tensor.dtype}")
        if high > low and tensor.numel() and not low <= int(tensor.min()) <= int(tensor.max()) < high:
            raise ValueError(f"{name} must be in [{low}, {high}), got {int(tensor.min())} to {int(tensor.max())}")


def _read(path: Path) -> dict[str, Tensor]:
    """The tensors of an atlas file; ValueError for any other."""
    if not path.exists():
        raise ValueError(f"UVAtlas.load: there is no file {path}")
    tensors, metadata = read_safetensors(path, "UVAtlas.load")
    found = metadata.get("format")
    if found != FORMAT:
        raise ValueError(f"UVAtlas.load: {path} holds {found or 'something else'}; write it with UVAtlas.save")
    return tensors
