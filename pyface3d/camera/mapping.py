"""Points and poses in and out of a crop: crop pixels <-> pixels of the original image."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pyface3d.camera.flips import flip_y, unflip_y


def crop_to_image(vertices: Tensor, roi: Tensor, size: int = 120) -> Tensor:
    """Maps points from crop pixels to pixels of the original image, as 3DDFA does: ``x * (right - left) / size +
    left``.

    z is scaled by the mean of both factors. (A resize about pixel centers would shift by half a pixel of the image
    minus half a pixel of the crop; the field's labels and published numbers leave that out.)

    Args:
        vertices: (B, N, 2) or (B, N, 3) in crop pixels, y down.
        roi: (B, 4).
        size: side of the crop in pixels.

    Returns:
        Tensor of the shape of ``vertices``. Differentiable.

    Raises:
        ValueError: if the shapes do not fit.

    Example:
        >>> crop_to_image(torch.tensor([[[60.0, 60.0]]]), torch.tensor([[10.0, 20.0, 250.0, 260.0]]))
        tensor([[[130., 140.]]])
    """
    scale, corner = _scale_and_corner("crop_to_image", vertices, roi, size)
    return vertices * scale + corner


def image_to_crop(vertices: Tensor, roi: Tensor, size: int = 120) -> Tensor:
    """Maps points from the original image into the crop: the inverse of :func:`crop_to_image`, same arguments.

    Example:
        >>> image_to_crop(torch.tensor([[[130.0, 140.0]]]), torch.tensor([[10.0, 20.0, 250.0, 260.0]]))
        tensor([[[60., 60.]]])
    """
    scale, corner = _scale_and_corner("image_to_crop", vertices, roi, size)
    return (vertices - corner) / scale


def _scale_and_corner(caller: str, vertices: Tensor, roi: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Image pixels per crop pixel and the corner, (B, 1, 2|3) each; depth has no corner."""
    if vertices.ndim != 3 or vertices.shape[-1] not in (2, 3) or roi.shape not in ((1, 4), (vertices.shape[0], 4)):
        got = f"{tuple(vertices.shape)} and {tuple(roi.shape)}"
        raise ValueError(f"{caller}: vertices must be (B, N, 2) or (B, N, 3) and roi (B, 4), got {got}")
    roi = roi.to(vertices)
    scale, corner = (roi[:, 2:] - roi[:, :2]) / size, roi[:, :2]
    if vertices.shape[-1] == 3:
        scale = torch.cat([scale, scale.mean(-1, keepdim=True)], -1)
        corner = torch.cat([corner, torch.zeros_like(corner[:, :1])], -1)
    return scale[:, None], corner[:, None]


def pose_to_crop(pose: Tensor, roi: Tensor, size: int, height: int, flip: str = "face3d") -> Tensor:
    """Folds a crop into a pose: from the y-up frame of the image to the y-up frame of the crop.

    Posing with the result and flipping by the crop's size gives exactly the points that posing with ``pose``,
    flipping by the image's height and :func:`image_to_crop` give, under the same flip convention.

    Args:
        pose: (B, 3, 4) in the original image, y up.
        roi: (B, 4).
        size: side of the crop in pixels.
        height: height of the original image in pixels.
        flip: convention of :func:`pyface3d.camera.flip_y`; 300W-LP's ``.mat`` files are ``"3ddfa"``.

    Returns:
        (B, 3, 4). Differentiable.

    Raises:
        ValueError: if the shapes do not fit or the flip is unknown.

    Example:
        >>> pose_to_crop(torch.eye(3, 4)[None], torch.tensor([[10.0, 20.0, 250.0, 260.0]]), 120, 450)[0, 0]
        tensor([ 0.5000,  0.0000,  0.0000, -5.0000])
    """
    translation = flip_y(_translation("pose_to_crop", pose), height, flip)
    scale, corner = _scale_and_corner("pose_to_crop", translation, roi, size)
    translation = unflip_y((translation - corner) / scale, size, flip)
    return torch.cat([pose[..., :3] / scale.mT, translation.mT], -1)


def pose_to_image(pose: Tensor, roi: Tensor, size: int, height: int, flip: str = "face3d") -> Tensor:
    """Unfolds a crop from a pose: the inverse of :func:`pose_to_crop`, same arguments.

    Example:
        >>> roi = torch.tensor([[10.0, 20.0, 250.0, 260.0]])
        >>> pose_to_image(pose_to_crop(torch.eye(3, 4)[None], roi, 120, 450), roi, 120, 450)[0, 0]
        tensor([1., 0., 0., 0.])
    """
    translation = flip_y(_translation("pose_to_image", pose), size, flip)
    scale, corner = _scale_and_corner("pose_to_image", translation, roi, size)
    translation = unflip_y(translation * scale + corner, height, flip)
    return torch.cat([pose[..., :3] * scale.mT, translation.mT], -1)


def _translation(caller: str, pose: Tensor) -> Tensor:
    if pose.ndim != 3 or pose.shape[-2:] != (3, 4):
        raise ValueError(f"{caller}: pose must be (B, 3, 4), got {tuple(pose.shape)}")
    return pose[..., 3][:, None]  # (B, 1, 3): the image of the model's origin


def params_to_crop(params: Tensor, roi: Tensor, size: int, height: int, flip: str = "face3d") -> Tensor:
    """:func:`pose_to_crop` on the pose of whole parameter vectors (B, P), un-whitened; the coefficients stay as they
    are.

    Example:
        >>> params_to_crop(torch.ones(1, 62), torch.tensor([[0.0, 0.0, 240.0, 240.0]]), 120, 450)[0, :4]
        tensor([0.5000, 0.5000, 0.5000, 0.5000])
    """
    return _on_pose("params_to_crop", pose_to_crop, params, roi, size, height, flip)


def params_to_image(params: Tensor, roi: Tensor, size: int, height: int, flip: str = "face3d") -> Tensor:
    """:func:`pose_to_image` on the pose of whole parameter vectors (B, P), un-whitened: the inverse of
    :func:`params_to_crop`.

    Example:
        >>> params_to_image(torch.ones(1, 62), torch.tensor([[0.0, 0.0, 240.0, 240.0]]), 120, 450)[0, :4]
        tensor([2., 2., 2., 2.])
    """
    return _on_pose("params_to_image", pose_to_image, params, roi, size, height, flip)


def _on_pose(caller: str, mapping: Callable[..., Tensor], params: Tensor, *arguments: Any) -> Tensor:
    if params.ndim != 2 or params.shape[-1] < 12:
        raise ValueError(f"{caller}: params must be (B, P) with P >= 12, got {tuple(params.shape)}")
    pose = mapping(params[:, :12].unflatten(-1, (3, 4)), *arguments)
    return torch.cat([pose.flatten(-2), params[:, 12:]], -1)
