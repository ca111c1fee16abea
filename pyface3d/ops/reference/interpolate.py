"""Plain-torch interpolation."""

from torch import Tensor


def interpolate(attributes: Tensor, triangle_ids: Tensor, barycentrics: Tensor, triangles: Tensor) -> Tensor:
    """``sum_i b_i a_i`` per pixel: (B, N, C) or (N, C), (B, H, W), (B, H, W, 3), (F, 3) -> (B, H, W, C)."""
    if attributes.dim() == 2:
        attributes = attributes.expand(len(triangle_ids), *attributes.shape)
    if len(triangles) == 0:
        return attributes.new_zeros(*triangle_ids.shape, attributes.shape[-1])
    corners = triangles[triangle_ids.clamp(min=0)]  # (B, H, W, 3)
    rows = attributes.gather(1, corners.flatten(1)[..., None].expand(-1, -1, attributes.shape[-1]))  # (B, H W 3, C)
    blended = (rows.view(*corners.shape, attributes.shape[-1]) * barycentrics[..., None]).sum(3)
    return blended.where((triangle_ids >= 0)[..., None], blended.new_zeros(()))
