"""Plain-torch shading."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pyface3d.ops.reference.interpolate import interpolate


def shade_surface(
    normals: Tensor,
    triangle_ids: Tensor,
    barycentrics: Tensor,
    triangles: Tensor,
    albedo: Tensor | None,
    canvas: Tensor | None,
    light: Sequence[float],
    alpha: float = 1.0,
) -> Tensor:
    """Phong's color per pixel, or the normal's: see ``ops.shade_surface``; (B, H, W, 3) uint8."""
    blended = interpolate(normals, triangle_ids, barycentrics, triangles)
    n = torch.nn.functional.normalize(blended, dim=-1)  # (B, H, W, 3)
    direction, (ambient, directional, specular, exponent) = normals.new_tensor(light[:3]), light[3:]
    if albedo is None:
        color = 127.5 * (n + 1)
    else:
        facing = (n @ direction)[..., None]
        shine = (2 * facing * n[..., 2:] - direction[2]).clamp(min=0) ** exponent
        color = albedo * (ambient + directional * facing.clamp(min=0)) + 255 * specular * shine
    behind = torch.zeros_like(color) if canvas is None else canvas.float()
    drawn = torch.where((triangle_ids >= 0)[..., None], behind + alpha * (color - behind), behind)
    return (drawn.clamp(0, 255) + 0.5).to(torch.uint8)
