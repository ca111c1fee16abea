"""Faces of photos turned out of the picture plane (face profiling)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from pyface3d import ops
from pyface3d.camera import (
    ParameterSpace,
    angles_to_rotation,
    compose_pose,
    decompose_pose,
    flip_y,
    params_to_crop,
    pose_to_angles,
    roi_from_landmarks,
    unflip_y,
)
from pyface3d.data.profiling.backdrop import backdrop
from pyface3d.data.profiling.canvas import (
    MARGIN,
    Layers,
    canvas_roi,
    cut_canvas,
    fine_pixels,
    paint_layers,
    read_at,
    seen_in_canvas,
)
from pyface3d.data.profiling.placing import offsets_at
from pyface3d.data.profiling.surface import HeadSurface, off_the_outline
from pyface3d.morphable import MorphableModel

_BEFORE = 0.02  # of the crop's side: what lies so far before a landmark hides it


@dataclass
class Lifted:
    """B photographed heads as colored surfaces before their surroundings; made by :meth:`Profiler.lift`.

    Attributes:
        pose: (B, 3, 4) in the canvas, y up.
        coeffs: (B, K).
        vertices: (B, N, 3) in the model frame.
        texture: (B, N, 3) where in the canvas each vertex is shown (x, y in pixels), and how far it faces away, 0 to 1.
        roi: (B, 4) where the canvas lies in the photo.
        layers: the pictures.
    """

    pose: Tensor
    coeffs: Tensor
    vertices: Tensor
    texture: Tensor
    roi: Tensor
    layers: Layers

    def __len__(self) -> int:
        return len(self.pose)

    def __getitem__(self, index: Tensor) -> "Lifted":
        """Some of the heads, by their numbers (M,) int64; one may occur often."""
        layers = Layers(*(layer[index] for layer in vars(self.layers).values()))
        chosen = {name: getattr(self, name)[index] for name in ("pose", "coeffs", "vertices", "texture", "roi")}
        return Lifted(**chosen, layers=layers)


class Profiler:
    """Turns photographed faces to the side, with exact labels.

    Face profiling (Zhu et al., Face Alignment Across Large Poses: A 3D Solution, CVPR 2016, section 5) made 300W-LP:
    the fitted face and its surroundings are lifted to a mesh, turned, and rendered. Here the head is the model's own
    closed surface, colored by the photo where the photo shows it and softly by the colors of its outline where it
    faces away. The surroundings are a mesh of anchors whose depth falls off smoothly behind the outline; near the
    head they turn with it, at the border of the picture they stay, and what the head hid is filled in from around it.
    The label is the surface that was rendered.

    Args:
        model: the face model of the parameters, with 68 landmarks and triangles; None: the default face, whose whole
            head is rendered.
        size: side of the crops in pixels.
        oversampling: rendered pixels along a side of a crop's pixel, averaged at the end.

    Raises:
        ValueError: the model has no landmarks or no triangles.

    Example:
        >>> profiler = Profiler()
        >>> photo, params = torch.zeros(3, 275, 225, dtype=torch.uint8), torch.zeros(1, 62)
        >>> params[0, [0, 5, 10]] = 5.0  # pixels in a centimeter
        >>> params[0, [3, 7]] = 110.0
        >>> views = profiler.render(profiler.lift([photo], params), torch.tensor([60.0]))
        >>> views["image"].shape
        torch.Size([1, 3, 120, 120])
    """

    def __init__(self, model: MorphableModel | None = None, size: int = 120, oversampling: int = 2):
        self.model = MorphableModel.default() if model is None else model
        self.head = HeadSurface(self.model)
        self.space = ParameterSpace.of_model(self.model, size=size)
        self.size, self.oversampling = size, oversampling
        self.canvas_size = 2 * round(MARGIN * size / 2)  # a pixel of the canvas is about one of the crop

    @torch.no_grad()
    def lift(
        self, photos: Sequence[Tensor], params: Tensor, points: Tensor | None = None, surface: Tensor | None = None
    ) -> Lifted:
        """Surfaces of the faces of photos.

        Args:
            photos: B pictures (3, H, W) uint8.
            params: (B, P) un-whitened, pose in the photo with y up (flip ``"face3d"`` of its height).
            points: (B, L, 2) where the photos show points of the surface, in pixels, y down: the photo is moved over
                the surface so that they meet; NaN is left out.
            surface: (B, L, 3) those points in the model frame (``MorphableModel.landmark_points``); NaN likewise.

        Returns:
            What :meth:`render` turns.

        Raises:
            ValueError: another number of photos than of parameters, or only one of ``points`` and ``surface``.
        """
        if len(photos) != len(params) or (points is None) != (surface is None):
            raise ValueError(f"Profiler.lift: {len(photos)} photos need as many params, and points need surface")
        size = self.canvas_size
        pose, coeffs = self.space.split(params.float())
        heights = pose.new_tensor([photo.shape[1] for photo in photos])
        roi = canvas_roi(_in_photo(self.model.landmarks68(coeffs, pose), heights))
        canvas = torch.stack([cut_canvas(photo, box, size) for photo, box in zip(photos, roi)])
        pose = _in_canvas(pose, heights, roi, size)
        vertices = self.head.model.synthesize(coeffs)
        seen = seen_in_canvas(vertices, pose, size)
        normals, places = self.head.normals(seen), seen[..., :2]
        if points is not None and surface is not None:
            given = (points[..., :2] - roi[:, None, :2]) * (size / (roi[:, 2:] - roi[:, :2]))[:, None]
            places = places + offsets_at(places, seen_in_canvas(surface, pose, size)[..., :2], given, size)
        places = off_the_outline(places, normals, size)
        texture = torch.cat([places, self.head.facing_away(normals)[..., None]], 2)
        return Lifted(pose, coeffs, vertices, texture, roi, paint_layers(canvas, seen, self.head.model.triangles))

    @torch.no_grad()
    def render(
        self, lifted: Lifted, yaw: Tensor, pitch: Tensor | None = None, jitter: Tensor | None = None
    ) -> dict[str, Tensor]:
        """The faces turned to the given yaws, in 3DDFA's crop around their landmarks.

        Args:
            lifted: B faces.
            yaw: (B,) degrees, 300W-LP's sign.
            pitch: (B,) degrees by which the camera is raised; None: none.
            jitter: (B, 3) shift of the crop to the right and down as shares of its side, and factor of its side; None:
                none.

        Returns:
            image uint8 (B, 3, S, S); params (B, P), pose in the crop with y up (flip ``"face3d"``), then coefficients;
            landmarks (B, 68, 3) in crop pixels, y down; visible (B, 68) bool: not hidden by the head; yaw (B,) degrees;
            box (B, 4) the crop in pixels of the photo.
        """
        after = self._turned(lifted, yaw, torch.zeros_like(yaw) if pitch is None else pitch)
        points = self.model.landmarks68(lifted.coeffs)
        roi = roi_from_landmarks(seen_in_canvas(points, after, self.canvas_size)[..., :2])
        if jitter is not None:
            side = roi[:, 2:] - roi[:, :2]
            center, half = (roi[:, :2] + roi[:, 2:]) / 2 + side * jitter[:, :2], side * jitter[:, 2:] / 2
            roi = torch.cat([center - half, center + half], 1)
        params = params_to_crop(self.space.join(after, lifted.coeffs), roi, self.size, self.canvas_size)
        pose = self.space.split(params)[0]
        skin, cover, depth = self._head(lifted, pose)
        behind = backdrop(
            lifted.layers, lifted.pose, after, self.head.pivot.expand(len(yaw), 3), roi, self.size, self.oversampling
        )
        image = F.avg_pool2d(torch.where(cover, skin, behind), self.oversampling)
        landmarks = seen_in_canvas(points, pose, self.size)
        return {
            "image": image.round().clamp(0, 255).to(torch.uint8),
            "params": params,
            "landmarks": landmarks,
            "visible": self._visible(landmarks, depth),
            "yaw": pose_to_angles(pose)[:, 1].rad2deg(),
            "box": _in_whole(roi, lifted.roi, self.canvas_size),
        }

    @torch.no_grad()
    def guessed(self, lifted: Lifted, yaw: Tensor, pitch: Tensor | None = None) -> Tensor:
        """How much of the surface that :meth:`render` would show the photo does not: (B,), 0 to 1."""
        after = self._turned(lifted, yaw, torch.zeros_like(yaw) if pitch is None else pitch)
        normals = self.head.normals(seen_in_canvas(lifted.vertices, after, self.canvas_size))
        shown = normals[..., 2].clamp(min=0) * self.head.area  # (B, N)
        return (shown * lifted.texture[..., 2]).sum(1) / shown.sum(1)

    def _turned(self, lifted: Lifted, yaw: Tensor, pitch: Tensor) -> Tensor:
        """Poses (B, 3, 4) in the canvas, turned about the head's own axis, then tilted; the pivot stays."""
        scale, rotation, translation = decompose_pose(lifted.pose)
        turn, zero = yaw.deg2rad() - pose_to_angles(lifted.pose)[:, 1], torch.zeros_like(yaw)
        about_axis = angles_to_rotation(torch.stack([zero, turn, zero], 1))
        tilt = angles_to_rotation(torch.stack([pitch.deg2rad(), zero, zero], 1))
        turned = tilt @ rotation @ about_axis
        return compose_pose(scale, turned, translation + scale[:, None] * ((rotation - turned) @ self.head.pivot))

    def _head(self, lifted: Lifted, pose: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Colors (B, 3, h, w) of the head, where it is (B, 1, h, w), and its depth (B, h, w)."""
        side, triangles, layers = self.size * self.oversampling, self.head.model.triangles, lifted.layers
        seen = fine_pixels(seen_in_canvas(lifted.vertices, pose, self.size), self.oversampling)
        ids, barycentrics, depth = ops.rasterize(seen, triangles, side, side, cull_backfaces=True)
        places, away = ops.interpolate(lifted.texture, ids, barycentrics, triangles).split([2, 1], -1)
        away = away.movedim(-1, 1)
        shown, around = (read_at(colors, places, self.canvas_size) for colors in (layers.photo, layers.around))
        return torch.lerp(shown, around, away), (ids >= 0)[:, None], depth

    def _visible(self, landmarks: Tensor, depth: Tensor) -> Tensor:
        """(B, 68) whether nothing of the head lies clearly before a landmark."""
        fine = fine_pixels(landmarks, self.oversampling)
        pixel = fine[..., :2].round().long().clamp(0, depth.shape[-1] - 1)
        front = depth.flatten(1).gather(1, pixel[..., 1] * depth.shape[-1] + pixel[..., 0])
        return fine[..., 2] > front - _BEFORE * depth.shape[-1]


def _in_photo(posed: Tensor, heights: Tensor) -> Tensor:
    """Points (B, L, 3) of the y-up frame of photos with the given heights, in pixels, y down."""
    return torch.stack([flip_y(points, float(height)) for points, height in zip(posed, heights)])


def _in_canvas(pose: Tensor, heights: Tensor, roi: Tensor, size: int) -> Tensor:
    """Poses in photos of the given heights, y up, to the canvas of each."""
    scale = size / (roi[:, 2] - roi[:, 0])
    origin = _in_photo(pose[:, None, :, 3], heights)[:, 0]
    origin = (origin - F.pad(roi[:, :2], (0, 1))) * scale[:, None]
    return torch.cat([pose[..., :3] * scale[:, None, None], unflip_y(origin, size)[..., None]], 2)


def _in_whole(roi: Tensor, whole: Tensor, size: int) -> Tensor:
    """Boxes (B, 4) of the canvas in pixels of the photo, where the canvas is the box ``whole`` (B, 4)."""
    return whole[:, [0, 1, 0, 1]] + roi * ((whole[:, 2:3] - whole[:, :1]) / size)
