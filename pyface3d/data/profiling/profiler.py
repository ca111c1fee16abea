"""Faces of photos turned out of the picture plane (face profiling)."""

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
from pyface3d.data.profiling.canvas import MARGIN, Layers, canvas_roi, cut_canvas, layers, seen_in_canvas
from pyface3d.data.profiling.placing import placement
from pyface3d.morphable import MorphableModel

_GRID = 48  # cells of the backdrop's mesh along a side


@dataclass
class Lifted:
    """B photographed faces as textured surfaces in front of a deformable backdrop; made by :meth:`Profiler.lift`.

    Attributes:
        pose: (B, 3, 4) in the canvas, y up.
        coeffs: (B, K).
        vertices: (B, N, 3) of the head in the model frame.
        texture: (B, N, 3) place in the canvas of what each vertex shows (x, y in pixels), and how far it faces away, 0
            to 1.
        layers: the pictures.
        pivot: (B, 3) the point that stays where it is, in the model frame.
    """

    pose: Tensor
    coeffs: Tensor
    vertices: Tensor
    texture: Tensor
    layers: Layers
    pivot: Tensor


class Profiler:
    """Turns photographed faces to the side, with exact labels.

    Face profiling (Zhu et al., Face Alignment Across Large Poses: A 3D Solution, CVPR 2016, section 5) made 300W-LP:
    the fitted face and its surroundings are lifted to a mesh, turned, and rendered. Here the head is the model's own
    closed surface, colored by the photo where the photo shows it and by the colors of its outline where it faces away;
    the surroundings are a mesh of anchors at the depth of the outline that falls off behind it, which turn with the
    head near to it and stay where they are at the border of the picture. The label is the surface that was rendered.

    Args:
        model: the face model of the parameters; None: the default face, whose whole head is rendered.
        size: side of the crops in pixels.
        oversampling: rendered pixels along a side of a crop's pixel, averaged at the end.

    Example:
        >>> profiler = Profiler()
        >>> photo, params = torch.zeros(3, 275, 225, dtype=torch.uint8), torch.zeros(1, 62)
        >>> params[0, [0, 5, 10]] = 5.0  # pixels in a centimetre
        >>> params[0, [3, 7]] = 110.0
        >>> views = profiler.render(profiler.lift([photo], params), torch.tensor([60.0]))
        >>> views["image"].shape
        torch.Size([1, 3, 120, 120])
    """

    def __init__(self, model: MorphableModel | None = None, size: int = 120, oversampling: int = 2):
        self.model = MorphableModel.default() if model is None else model
        self.head = MorphableModel.default("head") if model is None else model
        if self.head.landmarks is None:
            raise ValueError(f"Profiler: {self.head.name} has no 68 landmarks, which frame the crops")
        self.space = ParameterSpace(n_identity=self.model.n_identity, n_expression=self.model.n_expression, size=size)
        self.size, self.oversampling = size, oversampling
        self.triangles = _above_shoulders(self.head)
        self.skin = _skin(self.head)
        self.pivot = self.head.mean[self.head.landmarks[[0, 16]]].mean(0)

    @property
    def canvas_size(self) -> int:
        """Side of the canvases in pixels: those of the photo's face are as large as those of the crop."""
        return round(MARGIN * self.size)

    @torch.no_grad()
    def lift(
        self, photos: list[Tensor], params: Tensor, points: Tensor | None = None, surface: Tensor | None = None
    ) -> Lifted:
        """Surfaces of the faces of photos.

        Args:
            photos: B pictures (3, H, W) uint8.
            params: (B, P) un-whitened, pose in the photo with y up (flip ``"face3d"`` of its height).
            points: (B, L, 2) where the photos show surface points, in pixels, y down: the photo is moved over the
                surface so that these lie where they belong; NaN is left out.
            surface: (B, L, 3) those points of the faces in the model frame (``MorphableModel.landmark_points``).

        Returns:
            What :meth:`render` turns.
        """
        pose, coeffs = self.space.split(params.float())
        heights = pose.new_tensor([photo.shape[1] for photo in photos])
        vertices = self.head.synthesize(coeffs)
        roi = canvas_roi(_in_photo(self.model.landmarks68(coeffs, pose), heights))
        size = self.canvas_size
        canvas = torch.stack([cut_canvas(photo, box, size) for photo, box in zip(photos, roi)])
        pose = _in_canvas(pose, heights, roi, size)
        posed = seen_in_canvas(vertices, pose, size)
        shown = posed[..., :2]
        if points is not None and surface is not None:
            given = (points[..., :2] - roi[:, None, :2]) * (size / (roi[:, 2:] - roi[:, :2]))[:, None]
            shown = shown + placement(seen_in_canvas(surface, pose, size)[..., :2], given, shown, size)
        normals = ops.vertex_normals(seen_in_canvas(vertices, pose, 1) * torch.tensor([1.0, -1, 1]), self.triangles)
        texture = torch.cat([_inward(shown, normals, size), self._away(normals)[..., None]], 2)
        pivot = self.pivot.expand(len(pose), 3)
        return Lifted(pose, coeffs, vertices, texture, layers(canvas, posed, self.triangles), pivot)

    def _away(self, normals: Tensor) -> Tensor:
        """(B, N) 0 where a skin vertex with the normal (B, N, 3) looks to the camera, rising to 1 where it looks away."""
        away = ((0.45 - normals[..., 2]) / 0.45).clamp(0, 1)
        return away * away * (3 - 2 * away) * self.skin

    @torch.no_grad()
    def render(
        self, lifted: Lifted, yaw: Tensor, pitch: Tensor | None = None, jitter: Tensor | None = None
    ) -> dict[str, Tensor]:
        """The faces turned to the given yaws.

        Args:
            lifted: B faces.
            yaw: (B,) degrees, 300W-LP's sign.
            pitch: (B,) degrees by which the picture is tilted; None: none.
            jitter: (B, 3) shift of the crop in x and y as a share of its side, and factor of its side; None: none.

        Returns:
            image uint8 (B, 3, S, S); params (B, P), pose in the crop with y up (flip ``"face3d"``), then coefficients;
            landmarks (B, 68, 3) in crop pixels, y down; visible (B, 68) bool: not hidden by the head; yaw (B,) degrees;
            guessed (B,): the share of the face's pixels that the photo does not show.
        """
        pose = self._turned(lifted, yaw, torch.zeros_like(yaw) if pitch is None else pitch)
        size = self.canvas_size
        marks = self.model.landmarks68(lifted.coeffs)
        roi = roi_from_landmarks(seen_in_canvas(marks, pose, size)[..., :2])
        if jitter is not None:
            side = roi[:, 2:] - roi[:, :2]
            center = (roi[:, 2:] + roi[:, :2]) / 2 + side * jitter[:, :2]
            roi = torch.cat([center - side * jitter[:, 2:] / 2, center + side * jitter[:, 2:] / 2], 1)
        params = params_to_crop(self.space.join(pose, lifted.coeffs), roi, self.size, size)
        image, depth, guessed = self._picture(lifted, pose, roi, params)
        landmarks = seen_in_canvas(marks, self.space.split(params)[0], self.size)
        return {
            "image": image,
            "params": params,
            "landmarks": landmarks,
            "visible": self._visible(landmarks, depth),
            "yaw": pose_to_angles(self.space.split(params)[0])[:, 1].rad2deg(),
            "guessed": guessed,
        }

    def _turned(self, lifted: Lifted, yaw: Tensor, pitch: Tensor) -> Tensor:
        """Poses (B, 3, 4) in the canvas, turned about the head's own axis, then tilted; the pivot stays."""
        scale, rotation, translation = decompose_pose(lifted.pose)
        turn = yaw.deg2rad() - pose_to_angles(lifted.pose)[:, 1]
        zero = torch.zeros_like(turn)
        about_axis = angles_to_rotation(torch.stack([zero, turn, zero], 1))
        tilt = angles_to_rotation(torch.stack([pitch.deg2rad(), zero, zero], 1))
        turned = tilt @ rotation @ about_axis
        moved = scale[:, None] * ((rotation - turned) @ lifted.pivot[..., None])[..., 0]
        return compose_pose(scale, turned, translation + moved)

    def _picture(self, lifted: Lifted, pose: Tensor, roi: Tensor, params: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        side, factor = self.size * self.oversampling, self.oversampling
        to_fine = lambda points: points * factor + points.new_tensor([(factor - 1) / 2, (factor - 1) / 2, 0])  # noqa: E731
        seen = to_fine(seen_in_canvas(lifted.vertices, self.space.split(params)[0], self.size))
        ids, barycentrics, depth = ops.rasterize(seen, self.triangles, side, side, cull_backfaces=True)
        place = ops.interpolate(lifted.texture, ids, barycentrics, self.triangles)  # (B, h, w, 3)
        pictures, head = lifted.layers, (ids >= 0)[:, None]
        shown = _read(torch.cat([pictures.photo, pictures.around], 1), place[..., :2])
        away = place[..., 2][:, None]
        skin = torch.lerp(shown[:, :3], shown[:, 3:], away)
        behind = self._backdrop(lifted, pose, roi, side)
        fine = torch.where(head, skin, behind)
        image = F.avg_pool2d(fine, factor).round().clamp(0, 255).to(torch.uint8)
        guessed = (away * head).sum((1, 2, 3)) / head.sum((1, 2, 3)).clamp(min=1)
        return image, depth, guessed

    def _backdrop(self, lifted: Lifted, pose: Tensor, roi: Tensor, side: int) -> Tensor:
        """(B, 3, side, side) the surroundings, moved with the head."""
        size, pictures = self.canvas_size, lifted.layers
        points, triangles = _grid(size)
        near = _read(pictures.near, points[None, None].expand(len(pose), -1, -1, -1))[:, 0, 0, :, None]  # (B, M, 1)
        before, after = decompose_pose(lifted.pose), decompose_pose(pose)
        center = (lifted.pose[..., :3] @ lifted.pivot[..., None])[..., 0] + lifted.pose[..., 3]  # (B, 3)
        reach = size / MARGIN / 2
        depth = center[:, None, 2:] - reach * (1 - near)
        flat = unflip_y(points, size)[None].expand(len(pose), -1, -1)
        anchors = torch.cat([flat, depth], 2) - center[:, None]
        turned = anchors @ (after[1] @ before[1].mT).mT
        moved = flip_y(torch.lerp(anchors, turned, near) + center[:, None], size)
        scale = side / (roi[:, None, 2:] - roi[:, None, :2])
        fine = (moved[..., :2] - roi[:, None, :2]) * scale + (self.oversampling - 1) / 2
        fine = torch.cat([fine, moved[..., 2:]], 2)
        ids, barycentrics, _ = ops.rasterize(fine, triangles, side, side)
        return _read(pictures.plate, ops.interpolate(points, ids, barycentrics, triangles))

    def _visible(self, landmarks: Tensor, depth: Tensor) -> Tensor:
        """Whether nothing of the head lies more than 2 % of the crop before a landmark."""
        fine = landmarks[..., :2] * self.oversampling + (self.oversampling - 1) / 2
        pixel = fine.round().long().clamp(0, depth.shape[-1] - 1)
        front = depth.flatten(1).gather(1, pixel[..., 1] * depth.shape[-1] + pixel[..., 0])
        return landmarks[..., 2] > front - 0.02 * self.size


def _in_photo(posed: Tensor, heights: Tensor) -> Tensor:
    """Points (B, L, 3) of the y-up frame of photos with the given heights, in pixels, y down."""
    return torch.stack([posed[..., 0], heights[:, None] - 1 - posed[..., 1], posed[..., 2]], -1)


def _in_canvas(pose: Tensor, heights: Tensor, roi: Tensor, size: int) -> Tensor:
    """Poses in photos of the given heights, y up, to the canvas of each."""
    scale = size / (roi[:, 2] - roi[:, 0])
    x = (pose[:, 0, 3] - roi[:, 0]) * scale
    y = size - 1 - (heights - 1 - pose[:, 1, 3] - roi[:, 1]) * scale
    return torch.cat([pose[..., :3] * scale[:, None, None], torch.stack([x, y, pose[:, 2, 3] * scale], 1)[..., None]], 2)


def _above_shoulders(model: MorphableModel) -> Tensor:
    """Triangles (F, 3) down to the neck; the shoulders are the photo's."""
    chin, bridge = model.mean[model.landmarks[8], 1], model.mean[model.landmarks[27], 1]
    lowest = chin - 0.45 * (bridge - chin)
    kept = (model.mean[model.triangles, 1] > lowest).all(1)
    return model.triangles[kept].contiguous()


def _skin(model: MorphableModel) -> Tensor:
    """(N,) 1 for the outer surface, 0 for eyes, teeth and what lies in the mouth."""
    names = [name for name in ("face", "head_and_neck") if name in model.parts]
    if not names:
        return torch.ones(model.n_vertices)
    skin = torch.zeros(model.n_vertices)
    for name in names:
        skin[model.parts[name]] = 1
    return skin


def _inward(places: Tensor, normals: Tensor, size: int, share: float = 0.012) -> Tensor:
    """Places (B, N, 2) moved off the outline, where a mesh rarely fits a photo to the pixel, by a share of the size."""
    edge = (1 - normals[..., 2:].abs()).square()
    direction = normals[..., :2] * normals.new_tensor([1.0, -1.0])
    return places - direction * edge * (share * size)


def _grid(size: int) -> tuple[Tensor, Tensor]:
    """Points ((G + 1)^2, 2) over the canvas and a little beyond, and triangles between them."""
    steps = torch.linspace(-0.25, 1.25, _GRID + 1) * (size - 1)
    points = torch.stack(torch.meshgrid(steps, steps, indexing="ij")[::-1], -1).reshape(-1, 2)
    first = (torch.arange(_GRID)[:, None] * (_GRID + 1) + torch.arange(_GRID)).flatten()
    down, right = first + _GRID + 1, first + 1
    return points, torch.cat([torch.stack([first, down, right], 1), torch.stack([right, down, down + 1], 1)])


def _read(pictures: Tensor, places: Tensor) -> Tensor:
    """Pictures (B, C, H, W) at places (B, h, w, 2), in pixels."""
    grid = places / ((pictures.shape[-1] - 1) / 2) - 1
    return F.grid_sample(pictures, grid, "bilinear", "border", align_corners=True)
