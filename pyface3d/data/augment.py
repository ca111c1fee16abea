"""Augmentation of whole batches: pictures, parameters, landmarks and position maps change together."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pyface3d.camera import ParameterSpace, flip_y, pose_to_angles, unflip_y
from pyface3d.data.appearance import blur, grain, occlude, recolor
from pyface3d.data.mirror import Mirror, mirror_pose
from pyface3d.data.schemes import mirror_permutation

if TYPE_CHECKING:
    from pyface3d.atlas import UVAtlas
    from pyface3d.morphable import MorphableModel

GROUP = 32  # pictures warped and colored together: fewer leave the threads idle, more leave the cache
MIRRORED = (5, 21, 68, 81)  # numbers of landmarks that can be renumbered


@dataclass
class Strength:
    """How far a batch is changed; every range is drawn from evenly.

    Attributes:
        rotation: degrees to either side, in the image plane.
        scale: smallest and largest factor.
        shift: share of the picture's side, in x and in y.
        gain: largest relative change of each color channel, of contrast, and of brightness.
        blur: probability of a blur, of up to 1.5 % of the side.
        occlusion: probability of an occluder: an ellipse or box with a color, noise or a piece of another picture.
        flip: probability of a left-right mirror image.
        noise: largest standard deviation of the noise that two pictures of five get, in 0..255.
        gray: probability that the colors are taken out.
    """

    rotation: float = 20.0
    scale: tuple[float, float] = (0.9, 1.15)
    shift: float = 0.06
    gain: float = 0.3
    blur: float = 0.2
    occlusion: float = 0.3
    flip: float = 0.5
    noise: float = 0.0
    gray: float = 0.0


LIGHT = Strength(14.0, (0.92, 1.09), 0.035, 0.25, blur=0.0, occlusion=0.33, flip=0.0, noise=14.0, gray=0.12)
PRNET = Strength(rotation=45.0, scale=(0.9, 1.2), shift=0.1, gain=0.4, blur=0.0, occlusion=0.3, flip=0.5)


class Augment:
    """Draws one similarity transform (and mirror image) for each sample of a batch and applies it to all that it holds.

    The picture is warped about its center with pixel centers at integers; ``params`` get the transformed pose and, when
    mirrored, the mirrored coefficients (:class:`Mirror`); ``landmarks`` are moved and renumbered; ``position_map`` gets
    x and y transformed, z scaled, and its texels exchanged; ``yaw`` follows the pose. ``box`` is taken out, because the
    crop is no longer an upright part of the original; ``transform`` (B, 2, 3) takes old pixels to new ones.

    Args:
        space: the layout and crop of ``params``; without it batches must not hold any.
        model: whose coefficients they are; needed where ``params`` are mirrored.
        atlas: its atlas; needed where position maps are mirrored.
        strength: how far; :data:`PRNET` is the published setting of the map methods, :data:`LIGHT` is for portraits,
            whose poses and lights vary already.

    Example:
        >>> import torch
        >>> augment = Augment()
        >>> batch = {"image": torch.zeros(2, 3, 120, 120, dtype=torch.uint8)}
        >>> augment(batch, torch.Generator().manual_seed(0))["image"].shape
        torch.Size([2, 3, 120, 120])
    """

    def __init__(
        self,
        space: ParameterSpace | None = None,
        model: "MorphableModel | None" = None,
        atlas: "UVAtlas | None" = None,
        strength: Strength | None = None,
    ):
        self.space, self.strength = space, strength or Strength()
        self.mirror = None if model is None else Mirror(model, atlas)

    @torch.no_grad()
    def __call__(
        self, batch: dict[str, Any], generator: torch.Generator | None = None, side: int | None = None
    ) -> dict[str, Any]:
        """A changed copy of a collated batch; the same generator state gives the same batch.

        Args:
            batch: what :func:`pyface3d.data.collate` makes, on any device; ``image`` (B, 3, S, S) uint8 at least.
            generator: a CPU generator; None: torch's global one.
            side: of the changed pictures, when they are wanted smaller or larger; labels still count S pixels.

        Raises:
            ValueError: something cannot be transformed because ``space``, ``model`` or ``atlas`` is missing.
        """
        image = batch["image"]
        transform, flipped = self.draw(batch, generator)
        batch = {key: value for key, value in batch.items() if not key.endswith("box")}
        batch["image"] = self._picture(image, transform, generator, side or image.shape[-1])
        batch["transform"] = transform
        if "params" in batch:
            batch["params"] = self._params(batch["params"], transform, flipped)
        if "landmarks" in batch:
            batch |= self._landmarks(batch, transform, flipped)
        if "position_map" in batch:
            batch["position_map"] = self._maps(batch["position_map"], transform, flipped)
        if "yaw" in batch:
            batch["yaw"] = self._yaw(batch, flipped)
        return batch

    def draw(self, batch: dict[str, Any], generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """The random transforms (B, 2, 3) of a batch, mirror image included, and which samples are mirrored (B,)."""
        image, s = batch["image"], self.strength
        count, center = image.shape[0], (image.shape[-1] - 1) / 2

        def uniform(low: float, high: float, *shape: int) -> Tensor:
            return torch.rand(count, *shape, generator=generator) * (high - low) + low

        angle, factor = uniform(-1, 1) * math.radians(s.rotation), uniform(*s.scale)
        shift = uniform(-s.shift, s.shift, 2) * image.shape[-1]
        flipped = (torch.rand(count, generator=generator) < s.flip) & self._mirrorable(batch)
        a, b = factor * angle.cos(), factor * angle.sin()
        linear = torch.stack([a, -b, b, a], 1).view(-1, 2, 2)
        linear[:, :, 0] *= 1 - 2 * flipped.float()[:, None]  # mirror first, then turn
        offset = center + shift - linear @ torch.full((2,), center)
        transform = torch.cat([linear, offset[..., None]], 2)
        return transform.to(image.device), flipped.to(image.device)

    def _mirrorable(self, batch: dict[str, Any]) -> Tensor:
        """Samples (B,) whose landmarks, if any, can be renumbered."""
        counts = _counts(batch)
        if counts is None:
            return torch.ones(len(batch["image"]), dtype=torch.bool)
        return torch.isin(counts, torch.tensor((0, *MIRRORED)))

    def _picture(self, image: Tensor, transform: Tensor, generator: torch.Generator | None, side: int) -> Tensor:
        """Warped, blurred, occluded, colored: (B, 3, side, side) uint8."""
        s = self.strength
        out = image.new_empty(*image.shape[:2], side, side)
        for start in range(0, len(image), GROUP):
            part = slice(start, start + GROUP)
            grid = _inverse_grid(transform[part], image.shape[-1], side)
            faces = torch.nn.functional.grid_sample(image[part].float(), grid, "bilinear", "zeros", align_corners=True)
            faces = blur(faces, s.blur, generator)
            faces = occlude(faces, s.occlusion, generator)
            faces = grain(faces, s.noise, s.gray, generator)
            out[part] = recolor(faces, s.gain, generator).round_().clamp_(0, 255).to(torch.uint8)
        return out

    def _params(self, params: Tensor, transform: Tensor, flipped: Tensor) -> Tensor:
        if self.space is None:
            raise ValueError("Augment: the batch holds params; pass space=")
        if bool(flipped.any()) and self.mirror is None:
            raise ValueError("Augment: mirroring params needs their model; pass model=, or Strength(flip=0)")
        pose, coeffs = self.space.split(params)
        factor = scale_of(transform)
        origin = flip_y(pose[..., 3][:, None], self.space.size, self.space.flip)  # (B, 1, 3) in the picture
        origin = unflip_y(move(origin, transform), self.space.size, self.space.flip)[:, 0]
        linear = torch.where(flipped[:, None, None], mirror_pose(pose), pose)[..., :3]
        turn = transform[..., :2] * turn_to_up_frame(flipped).to(params)
        linear = torch.cat([turn @ linear[:, :2], factor[:, None, None] * linear[:, 2:]], 1)
        if self.mirror is not None:
            coeffs = torch.where(flipped[:, None], self.mirror.coeffs(coeffs), coeffs)
        moved = params.clone()
        moved[:, : 12 + coeffs.shape[1]] = torch.cat([torch.cat([linear, origin[..., None]], 2).flatten(1), coeffs], 1)
        return moved

    def _landmarks(self, batch: dict[str, Any], transform: Tensor, flipped: Tensor) -> dict[str, Tensor]:
        points, order = move(batch["landmarks"], transform), _order(batch, flipped)
        moved = {"landmarks": points.gather(1, order[..., None].expand_as(points))}
        other = {key: batch[key].gather(1, order) for key in ("visible", "landmark_weights") if key in batch}
        return moved | other

    def _maps(self, maps: Tensor, transform: Tensor, flipped: Tensor) -> Tensor:
        if bool(flipped.any()):
            if self.mirror is None:
                raise ValueError("Augment: mirroring position maps needs model= and atlas=, or Strength(flip=0)")
            maps = maps.clone()
            maps[flipped] = self.mirror.maps(maps[flipped])
        return move(maps.flatten(2).mT, transform).mT.reshape(maps.shape)

    def _yaw(self, batch: dict[str, Any], flipped: Tensor) -> Tensor:
        """From the new poses where there are any; else turned round by the mirror alone."""
        yaw = torch.where(flipped.to(batch["yaw"].device), -batch["yaw"], batch["yaw"])
        if "params" not in batch or self.space is None:
            return yaw
        pose = self.space.split(batch["params"])[0]
        known = batch.get("has_params", torch.ones(len(yaw), dtype=torch.bool)).to(yaw.device)
        exact = torch.rad2deg(pose_to_angles(torch.where(known[:, None, None], pose, torch.eye(3, 4).to(pose)))[:, 1])
        return torch.where(known, exact.to(yaw), yaw)


def turn_to_up_frame(flipped: Tensor) -> Tensor:
    """Signs (B, 2, 2) that take a transform's linear part, without its mirror, to the frame in which y points up."""
    signs = flipped.new_ones(len(flipped), 2, 2, dtype=torch.float32)
    signs[:, 0, 1] = signs[:, 1, 0] = -1
    signs[flipped, :, 0] *= -1
    return signs


def move(points: Tensor, transform: Tensor) -> Tensor:
    """Applies transforms (B, 2, 3) to points (B, N, 2 or 3) in the picture; depth is scaled along."""
    flat = points[..., :2] @ transform[..., :2].mT + transform[:, None, :, 2]
    if points.shape[-1] == 2:
        return flat
    return torch.cat([flat, points[..., 2:] * scale_of(transform)[:, None, None]], -1)


def scale_of(transform: Tensor) -> Tensor:
    """The factor (B,) of similarity transforms (B, 2, 3)."""
    return transform[:, :, 0].norm(dim=1)


def _inverse_grid(transform: Tensor, size: int, side: int) -> Tensor:
    """Sampling grid (B, R, R, 2) of ``grid_sample``: where in a picture of S pixels each pixel of R comes from."""
    inverse = torch.linalg.inv(transform[..., :2])
    offset = -(inverse @ transform[..., 2:])
    half = (size - 1) / 2  # grid_sample counts from -1 to 1
    steps = torch.arange(side, device=transform.device) / half  # (R,)
    if side != size:
        steps = ((torch.arange(side, device=transform.device) + 0.5) * (size / side) - 0.5) / half
    across = inverse[:, None, :, 0] * steps[:, None]  # (B, R, 2) along a row
    down = inverse[:, None, :, 1] * steps[:, None] + (offset / half - 1).mT  # from row to row
    return across[:, None] + down[:, :, None]


def _counts(batch: dict[str, Any]) -> Tensor | None:
    """Number of landmarks (B,) of each sample, on the CPU; None where the batch has none."""
    if "landmarks" not in batch:
        return None
    counts = batch.get("landmark_count")
    return torch.full(batch["landmarks"].shape[:1], batch["landmarks"].shape[1]) if counts is None else counts.cpu()


def _order(batch: dict[str, Any], flipped: Tensor) -> Tensor:
    """The new numbering (B, L) of each sample's landmarks: as it was, or mirrored."""
    counts, length = _counts(batch), batch["landmarks"].shape[1]
    assert counts is not None
    order = torch.arange(length, device=flipped.device).repeat(len(counts), 1)
    for count in set(counts.tolist()) & set(MIRRORED):
        rows = flipped & (counts == count).to(flipped.device)
        order[rows, :count] = mirror_permutation(count).to(flipped.device)
    return order
