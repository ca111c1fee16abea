"""Orthographic rasterization of triangle meshes."""

from typing import Any

import torch
from torch import Tensor

from pyface3d.ops._registration import like, register

_ops = torch.ops.pyface3d


def rasterize(
    vertices: Tensor, triangles: Tensor, height: int, width: int, cull_backfaces: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """Finds, for each pixel center, the nearest triangle and the barycentric coordinates in it.

    Orthographic z-buffer in the image frame of the 3DMM codes (3DDFA, face3d, PRNet): x to the right, y down, pixel
    centers at integer coordinates, larger z nearer; of equally near triangles the first in the table wins. Coverage
    is exact: vertices are snapped to 1/4096 pixel and edges obey the top-left rule, so that a pixel on an edge shared
    by two triangles belongs to exactly one of them and closed meshes have no pinholes. Depth and barycentrics belong
    to the vertices as given; where snapping would put them outside the triangle they are clamped to it.

    Triangles are left out when they are degenerate, when a vertex is not finite, or when one lies more than 131072
    pixels from the origin; the others are drawn.

    Gradients reach the vertices from the barycentrics and the depth of the covered pixels (the interior). Which
    triangle a pixel shows has no gradient here: silhouettes and occlusions do not pull on the mesh. Renderers whose
    edges do are nvdiffrast, PyTorch3D's soft rasterizer and SoftRas.

    Args:
        vertices: (B, N, 3) float32 or float64, pixels.
        triangles: (F, 3) int64 rows of vertex indices.
        height: H, 1 to 32767 pixels.
        width: W, 1 to 32767 pixels.
        cull_backfaces: leave out triangles whose corners look clockwise in the picture, the back of meshes that wind
            counter-clockwise seen from outside (the Basel tables of 3DDFA and face3d wind the other way).

    Returns:
        triangle_ids: (B, H, W) int32, -1 where there is no triangle.
        barycentrics: (B, H, W, 3), 0 where there is no triangle.
        depth: (B, H, W), z of the surface, 0 where there is no triangle.

    Raises:
        RuntimeError: shapes, dtypes or devices do not fit together, an index is out of range, or the size is.

    Example:
        >>> import torch, pyface3d
        >>> corners = torch.tensor([[[0.0, 0.0, 1.0], [3.0, 0.0, 1.0], [0.0, 3.0, 1.0]]])
        >>> ids, barycentrics, depth = pyface3d.ops.rasterize(corners, torch.tensor([[0, 1, 2]]), 4, 4)
        >>> (ids[0] >= 0).int().tolist()
        [[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    """
    return _ops.rasterize.default(vertices, triangles, height, width, cull_backfaces)


def _fake(vertices: Tensor, triangles: Tensor, height: int, width: int, *_: bool) -> tuple[Tensor, Tensor, Tensor]:
    size = (vertices.shape[0], height, width)
    return vertices.new_empty(size, dtype=torch.int32), vertices.new_empty((*size, 3)), vertices.new_empty(size)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
    ctx.mark_non_differentiable(output[0])
    ctx.save_for_backward(inputs[0], inputs[1], output[0], output[1])


def _backward(
    ctx: Any, saved: tuple[Any, ...], grad_ids: None, grad_barycentrics: Tensor, grad_depth: Tensor
) -> tuple[Tensor | None, ...]:
    wanted = ctx.needs_input_grad[0]
    grad = _ops.rasterize_backward.default(grad_barycentrics, grad_depth, *saved) if wanted else None
    return grad, None, None, None, None


register("rasterize", _fake, _setup_context, _backward, like(2))
