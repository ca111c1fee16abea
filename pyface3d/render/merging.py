"""One texture of several photos of a face."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pyface3d.render.forms import Array
from pyface3d.render.texture import ExtractedTexture, extract_texture

_FILLED = 0.01  # weight of what a photo does not show, against what one shows
_RIM = 24  # a fade is so many times narrower than the texture


def merge_textures(
    images: Sequence[Array],
    vertices: Sequence[Array],
    triangles: Array,
    uv: Array,
    uv_triangles: Array | None = None,
    *,
    size: int = 256,
    mirror: bool = True,
    landmarks: Sequence[Array] | None = None,
) -> ExtractedTexture:
    """The mean of the textures of several photos, each where the photo shows the face; fading at the rims.

    Args:
        images: the photos.
        vertices: (N, 3) of the face in each, in its pixels.
        triangles: (F, 3), as of ``extract_texture``, and so are the others.
        uv: (T, 2).
        uv_triangles: (F, 3).
        size: texels a side.
        mirror: let the other half of the face stand in where no photo shows it.
        landmarks: (68, 3) of each, or None.

    Returns:
        The texture, and which texels some photo shows.

    Raises:
        ValueError: no photos, or not one face for each.

    Example:
        >>> texture = merge_textures([photo], [vertices], model.triangles, model.uv, model.uv_triangles)
    """
    if not len(images) or len(images) != len(vertices) or (landmarks is not None and len(landmarks) != len(images)):
        got = f"{len(images)} and {len(vertices)}"
        raise ValueError(f"merge_textures: images and vertices must be as many, at least one, got {got}")
    parts = [
        extract_texture(
            image, face, triangles, uv, uv_triangles, size=size, mirror=mirror,
            landmarks=None if landmarks is None else landmarks[k],
        )
        for k, (image, face) in enumerate(zip(images, vertices))
    ]  # fmt: skip
    in_numpy = isinstance(parts[0].image, np.ndarray)
    masks = [torch.as_tensor(part.visible) for part in parts]
    pictures = torch.stack([_channels_last(part.image) for part in parts]).float()  # (P, S, S, 3)
    weights = torch.stack([_faded(mask) for mask in masks])[..., None] + _FILLED  # (P, S, S, 1)
    merged = ((pictures * weights).sum(0) / weights.sum(0)).round().to(torch.uint8)
    seen = torch.stack(masks).any(0)
    if in_numpy:
        return ExtractedTexture(merged.cpu().numpy(), seen.cpu().numpy())
    return ExtractedTexture(merged.movedim(-1, 0), seen)


def _channels_last(picture: np.ndarray | Tensor) -> Tensor:
    return torch.from_numpy(picture) if isinstance(picture, np.ndarray) else picture.movedim(0, -1)


def _faded(mask: Tensor) -> Tensor:
    """(S, S) one inside what is seen, falling to zero at its rim."""
    side = max(3, mask.shape[-1] // _RIM) | 1
    core = -F.max_pool2d(-mask.float()[None], side, 1, side // 2)
    return F.avg_pool2d(core, side, 1, side // 2)[0]
