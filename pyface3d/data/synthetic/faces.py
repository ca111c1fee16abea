"""Endless labeled portraits, rendered from a face model."""

import copy
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from pyface3d import ops
from pyface3d.data.synthetic import glasses as eyewear
from pyface3d.data.synthetic import hair as hairdo
from pyface3d.data.synthetic import pose
from pyface3d.data.synthetic.backdrop import backdrop, occlude
from pyface3d.data.synthetic.draws import Draws
from pyface3d.data.synthetic.light import Visibility, shade
from pyface3d.data.synthetic.paint import HAIR_TONES, HAIR_WEIGHTS, Paint, tone
from pyface3d.data.synthetic.regions import Regions
from pyface3d.data.synthetic.sensor import photograph
from pyface3d.morphable import MorphableModel, build_incidence

GROUP, DEVICE_GROUP = 16, 256  # images rendered at once: a CPU's stay in its cache, a GPU wants many


class SyntheticFaces(Dataset):
    """Rendered portraits with exact labels: image i is the same on every machine, in every worker and batch.

    Skin, brows, lips, beard and eyes are painted on the model's chart; hair, hats and glasses are meshes; the light is
    spherical harmonics and a lamp with shadows; cameras are perspective or weak-perspective; the picture gets
    occluders, blur, noise and JPEG. The crop follows 3DDFA's landmark box with the jitter of a detector. Batches are
    rendered at once, which ``torch.utils.data.DataLoader`` uses through ``__getitems__``.

    Args:
        model: face model with 68 landmarks; None: the default head. Parts named as the default head's (eyeballs, teeth,
            mouth) are painted as such, anything else is skin.
        size: side of the crops in pixels.
        seed: name of the endless set.
        length: number of images that ``len`` tells; any index from 0 on can be rendered.
        jitter: standard deviation of the crop's shift, as a share of its side; its scale varies 1.5 times as much.
        device: where portraits are rendered and their tensors lie; None: the CPU. Elsewhere rounding differs, and
            pictures are compressed by tensor code (:func:`pyface3d.data.synthetic.jpeg.compress`), a gray level or so
            beside the CPU's library.

    Example:
        >>> faces = SyntheticFaces(seed=1)
        >>> sample = faces[0]
        >>> sample["image"].shape, sample["params"].shape
        (torch.Size([3, 120, 120]), torch.Size([62]))
    """

    title = "synthetic portraits"

    def __init__(
        self,
        model: MorphableModel | None = None,
        size: int = 120,
        seed: int = 0,
        length: int = 1_000_000,
        jitter: float = 0.025,
        device: str | torch.device | None = None,
    ):
        model = MorphableModel.default("head") if model is None else model
        self.device = torch.device("cpu" if device is None else device)
        self.size, self.seed, self.length, self.jitter = size, seed, length, jitter
        self._hash = model.hash()
        self.model = model if self.device.type == "cpu" else copy.deepcopy(model).to(self.device)
        self._group = GROUP if self.device.type == "cpu" else DEVICE_GROUP
        with self._placed():
            self._prepare()

    def _placed(self) -> AbstractContextManager[Any]:
        """New tensors lie on the device; the mode costs time, which the CPU's need not pay."""
        return nullcontext() if self.device.type == "cpu" else self.device

    def _prepare(self) -> None:
        """What all portraits of a head share."""
        self.regions = Regions(self.model)
        self.paint = Paint(self.regions)
        hair = hairdo.TRIANGLES.to(self.device) + self.model.n_vertices
        glasses = eyewear.TRIANGLES.to(self.device) + self.model.n_vertices + hairdo.RINGS * hairdo.SPOKES
        self._front = torch.cat([self.model.triangles, hairdo.front_sides(hair), hairdo.front_sides(glasses)])
        self._triangles = torch.cat([self.model.triangles, hair, glasses])
        self._incidence = None if self.device.type == "cpu" else build_incidence(self._front, int(glasses.max()) + 1)
        mean = self.regions.points
        normals = ops.vertex_normals(mean[None], self.model.triangles)[0]
        self._visibility = Visibility(mean, self.model.triangles, normals)
        self._extremes = self.regions.extremes()
        self._eyeballs = [ids.to(self.device) for name, ids in self.model.parts.items() if name.startswith("eyeball_")]

    def __len__(self) -> int:
        return self.length

    def stamp(self) -> dict[str, Any]:
        """What tells these portraits from others, for :class:`pyface3d.data.Pool`."""
        return {"seed": self.seed, "size": self.size, "jitter": self.jitter, "model": self.model.hash()}

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        batch = self.render(indices)
        about = {"face_model": self._hash, "landmark_set": "300w-lp", "set": self.title}
        return [
            dict(zip(batch, rows)) | about | {"index": int(index), "name": f"portrait {index}"}
            for rows, index in zip(zip(*batch.values()), indices, strict=True)
        ]

    def render(self, indices: Sequence[int]) -> dict[str, Tensor]:
        """The images with the given indices and their labels, each with a leading batch dimension.

        Returns:
            image uint8 (B, 3, S, S); params (B, 12 + K), pose [f R | t] in the crop with y up, then coefficients;
            landmarks (B, 68, 3) of ``"300w-lp"`` in crop pixels, y down; visible bool (B, 68); yaw (B,) degrees,
            300W-LP's sign.
        """
        if not len(indices):
            return {key: value[:0] for key, value in self.render([0]).items()}
        groups = range(0, len(indices), self._group)
        with self._placed():
            batches = [self._render(indices[start : start + self._group]) for start in groups]
        return {key: torch.cat([batch[key] for batch in batches]) for key in batches[0]}

    @torch.no_grad()
    def _render(self, indices: Sequence[int]) -> dict[str, Tensor]:
        draws = Draws(self.seed, indices, self.device)
        coeffs = pose.coefficients(draws, self.model)
        vertices = self.model.synthesize(coeffs)  # (B, N, 3)
        view = pose.View.draw(draws, self._in_eyes(vertices[:, self.model.landmarks]), self.size, self.jitter)
        light, head, depth = self.draw(draws, vertices, view, self.size)
        light.addcmul_(backdrop(draws, self.size), (~head).float()[:, None])  # (B, 3, S, S)
        image = photograph(draws, occlude(draws, light), head)
        labels = self._labels(vertices[:, self.model.landmarks], coeffs, view)
        nearness = self._see(self.model.landmark_points(coeffs), view)[..., 2]
        return {"image": image, **labels, "visible": self._visible(labels["landmarks"], nearness, depth)}

    def draw(self, draws: Draws, vertices: Tensor, view: pose.View, size: int) -> tuple[Tensor, Tensor, Tensor]:
        """Linear light (B, 3, S, S), black beside the heads, where these are (B, S, S), and depth (B, S, S)."""
        dressed = self._dress(draws, self._in_eyes(vertices))
        posed = (view.rotation @ dressed.points.mT).mT  # (B, V, 3)
        ids, barycentrics, depth = ops.rasterize(view.see(posed), self._triangles, size, size, cull_backfaces=True)
        colors, triangles = self._color(draws, dressed, posed, view.rotation, ids)
        light = ops.interpolate(colors.mT, ids, barycentrics, triangles).permute(0, 3, 1, 2).contiguous()
        return light, ids >= 0, depth

    @torch.no_grad()
    def labels(self, indices: Sequence[int]) -> dict[str, Tensor]:
        """The labels of ``render`` without ``visible``, and without the cost of a picture."""
        with self._placed():
            draws = Draws(self.seed, indices, self.device)
            coeffs = pose.coefficients(draws, self.model)
            framing = self.model.synthesize(coeffs, indices=self.model.landmarks)
            return self._labels(framing, coeffs, pose.View.draw(draws, self._in_eyes(framing), self.size, self.jitter))

    def _see(self, points: Tensor, view: pose.View) -> Tensor:
        """Points of the model frame in the picture."""
        return view.see(self._in_eyes(points) @ view.rotation.mT)

    def _in_eyes(self, points: Tensor) -> Tensor:
        """From the model frame to eye distances about the middle of the eyes."""
        return (points - self.regions.eye_center) / self.regions.eye_distance

    def _dress(self, draws: Draws, points: Tensor) -> "_Dressed":
        """The head ``points`` (B, N, 3) with its hair and glasses, in eye distances about the eye center."""
        points = self._look(draws, points)
        wide, top, back = (points[:, k, axis].abs() for k, axis in zip(self._extremes, range(3)))
        head = torch.stack([wide, top, back], 1)
        color = tone(draws, HAIR_TONES, HAIR_WEIGHTS, 0.1)
        bald = draws.chance(0.12)
        marks = points[:, self.model.landmarks]
        eyes = torch.stack([marks[:, 36:42].mean(1), marks[:, 42:48].mean(1)], 1)
        hair = hairdo.hair(draws, color, ~(bald | draws.chance(0.1)), head)
        glasses = eyewear.glasses(draws, eyes, head)
        return _Dressed(torch.cat([points, hair.vertices, glasses.vertices], 1), color, bald, (hair, glasses))

    def _color(
        self, draws: Draws, dressed: "_Dressed", posed: Tensor, rotation: Tensor, triangle_ids: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Colors (B, 3, P) of the vertices that any picture of the batch shows, and their triangles (F, 3).

        Most of a head is hidden in every picture: its vertices are neither painted nor lit.
        """
        used = torch.zeros(len(self._triangles) + 1, dtype=torch.bool)
        used[triangle_ids.long()] = True  # the last: no triangle
        shown = torch.zeros(posed.shape[1], dtype=torch.bool)
        shown[self._triangles[used[:-1]]] = True
        n = self.model.n_vertices
        ids, albedo, gloss = self.paint(draws, dressed.color, dressed.bald, shown[:n])
        albedo = torch.cat([albedo, *(piece.albedo.mT for piece in dressed.pieces)], 2)
        gloss = torch.cat([gloss, *(piece.gloss for piece in dressed.pieces)], 1)
        order = torch.cat([ids, torch.arange(n, len(shown))])  # (P,) vertices
        normals = ops.vertex_normals(posed, *self._around(shown)).index_select(1, order).mT.contiguous()
        place = torch.zeros(len(shown), dtype=torch.long).index_copy_(0, order, torch.arange(len(order)))
        return shade(draws, self._visibility, ids, rotation, normals, albedo, gloss), place[self._triangles]

    def _around(self, shown: Tensor) -> tuple[Tensor, Tensor | None]:
        """All triangles at the vertices that are shown; a GPU has the table of all front sides at hand."""
        if self._incidence is not None:
            return self._front, self._incidence
        first, second, third = shown[self._front].unbind(1)
        return self._front[first | second | third], None

    def _look(self, draws: Draws, points: Tensor) -> Tensor:
        """Turn the eyeballs about their centers."""
        gaze = pose.turn(draws.normal(0.2).clamp(-0.5, 0.5), 1) @ pose.turn(draws.normal(0.1).clamp(-0.3, 0.3), 0)
        for ids in self._eyeballs:
            eye = points.index_select(1, ids)
            center = eye.mean(1, keepdim=True)
            points.index_copy_(1, ids, (eye - center) @ gaze.mT + center)
        return points

    def _labels(self, framing: Tensor, coeffs: Tensor, view: pose.View) -> dict[str, Tensor]:
        """Labels of faces whose landmark vertices, which crop and weak-perspective pose go by, are at ``framing``."""
        seen = self._see(framing, view)  # (B, 68, 3)
        upright = torch.stack([seen[..., 0], self.size - 1 - seen[..., 1]], 2)
        fitted = pose.weak_perspective(framing, upright, view.rotation)
        points = self.model.landmark_points(coeffs)
        landmarks = self._see(points, view)
        depth = (points @ fitted[:, :, :3].mT)[..., 2:]
        return {
            "params": torch.cat([fitted.flatten(1), coeffs], 1),
            "landmarks": torch.cat([landmarks[..., :2], depth], 2),
            "yaw": torch.asin(-view.rotation[:, 0, 2]).rad2deg(),
        }

    def _visible(self, landmarks: Tensor, nearness: Tensor, depth: Tensor) -> Tensor:
        """(B, 68) bool: in the crop and not behind anything of the depth picture (B, S, S)."""
        inside = ((landmarks[..., :2] > -0.5) & (landmarks[..., :2] < self.size - 0.5)).all(2)
        column, row = (landmarks[..., k].round().long().clamp(0, self.size - 1) for k in range(2))
        nearest = depth[torch.arange(len(depth))[:, None], row, column]  # (B, 68)
        return inside & (nearness > nearest - 0.03 * self.size)


@dataclass
class _Dressed:
    """Heads with hair and glasses.

    Attributes:
        points: (B, V, 3) of the head and the pieces, in eye distances about the eye center.
        color: (B, 3) linear, of the hair;  bald: (B,) bool.
        pieces: hair and glasses.
    """

    points: Tensor
    color: Tensor
    bald: Tensor
    pieces: tuple[hairdo.Piece, hairdo.Piece]
