"""Points put on the surface of a face model's mean face."""

import torch
from torch import Tensor

from pyface3d.morphable import LandmarkSet, MorphableModel

_CHUNK = 16  # points at a time: their distances to all triangles are held together


def place_on_surface(model: MorphableModel, points: Tensor, metric: Tensor | None = None) -> LandmarkSet:
    """The points of the mean face's surface nearest to given ones.

    The surface's inner holes (eyes, mouth) count as closed, by triangles across them.

    Args:
        model: a face model with triangles.
        points: (L, 3) in the model frame.
        metric: (L, 3, 3) positive definite M_l: nearest is by ``(x - p)^T M_l (x - p)``, for points better known in
            some directions than in others; None: the distance.

    Returns:
        The landmark set, all points present.

    Raises:
        ValueError: shapes that do not fit, or a model without triangles.

    Example:
        >>> model = MorphableModel.default()
        >>> placed = place_on_surface(model, model.mean[[30]] + 0.1)
        >>> placed.corners.shape
        torch.Size([1, 3])
    """
    if points.ndim != 2 or points.shape[1] != 3 or (metric is not None and metric.shape != (len(points), 3, 3)):
        got = f"{tuple(points.shape)} and {None if metric is None else tuple(metric.shape)}"
        raise ValueError(f"place_on_surface: points must be (L, 3) and metric (L, 3, 3), got {got}")
    if not len(model.triangles):
        raise ValueError(f"place_on_surface: {model.name} has no triangles")
    triangles = torch.cat([model.triangles.cpu(), hole_triangles(model)])  # (F, 3)
    vertices = model.mean.detach().cpu().double()
    points = points.detach().cpu().double()
    root = None if metric is None else torch.linalg.cholesky(metric.detach().cpu().double()).mT  # (L, 3, 3)
    corners, weights = [], []
    for start in range(0, len(points), _CHUNK):
        part = slice(start, start + _CHUNK)
        offsets = vertices - points[part, None]  # (l, N, 3)
        if root is not None:
            offsets = offsets @ root[part].mT
        distance, barycentric = nearest_feet(*(offsets[:, triangles[:, k]] for k in range(3)))  # (l, F), (l, F, 3)
        best = distance.argmin(1)
        corners.append(triangles[best])
        weights.append(barycentric[torch.arange(len(best)), best])
    return LandmarkSet(torch.cat(corners), torch.cat(weights).float())


def nearest_feet(a: Tensor, b: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """Squared distance (...) of the origin to triangles with corners (..., 3), and its foot's barycentrics (..., 3).

    The foot in the plane where all its barycentrics are positive, else the nearest foot on an edge.
    """
    u, v = b - a, c - a
    uu, uv, vv = (u * u).sum(-1), (u * v).sum(-1), (v * v).sum(-1)
    ua, va = (u * a).sum(-1), (v * a).sum(-1)
    area = (uu * vv - uv * uv).clamp_min(1e-30)
    second, third = (uv * va - vv * ua) / area, (uv * ua - uu * va) / area
    best = torch.stack([1 - second - third, second, third], -1)
    distance = torch.where((best >= 0).all(-1), _squared(best, a, b, c), torch.inf)
    for first, (start, end) in enumerate(((a, b), (b, c), (c, a))):
        edge = end - start
        along = (-(start * edge).sum(-1) / (edge * edge).sum(-1).clamp_min(1e-30)).clamp(0, 1)
        foot = torch.zeros_like(best)
        foot[..., first], foot[..., (first + 1) % 3] = 1 - along, along
        here = _squared(foot, a, b, c)
        best = torch.where((here < distance)[..., None], foot, best)
        distance = torch.minimum(distance, here)
    return distance, best


def _squared(weights: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    foot = weights[..., :1] * a + weights[..., 1:2] * b + weights[..., 2:] * c
    return (foot * foot).sum(-1)


def hole_triangles(model: MorphableModel) -> Tensor:
    """Triangles (F', 3) across the holes of a model's surface, in strips from side to side; not its outer border."""
    loops = _border_loops(model.triangles.cpu())
    mean = model.mean.detach().cpu()
    extents = [float((mean[loop].amax(0) - mean[loop].amin(0)).norm()) for loop in loops]
    strips = []
    for k, loop in enumerate(loops):
        if extents[k] < max(extents):
            loop = loop.roll(-int(mean[loop, 0].argmin()))  # begin at the corner on the subject's right
            strips += [_strip(loop)]
    return torch.cat(strips) if strips else torch.zeros(0, 3, dtype=torch.int64)


def _strip(loop: Tensor) -> Tensor:
    """Zigzag triangles of a loop, between the chain leading away from its first vertex and that leading back."""
    low, high, turn, found = 0, len(loop) - 1, True, []
    while high - low >= 2:
        following = low + 1 if turn else high - 1
        found.append([int(loop[low]), int(loop[following]), int(loop[high])])
        low, high = (following, high) if turn else (low, following)
        turn = not turn
    return torch.tensor(found).reshape(-1, 3)


def _border_loops(triangles: Tensor) -> list[Tensor]:
    """Vertex ids around each border: chains of edges that one triangle alone has."""
    edges = torch.cat([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    pairs = {(int(a), int(b)) for a, b in edges.tolist()}
    following = {a: b for a, b in sorted(pairs) if (b, a) not in pairs}
    loops = []
    while following:
        first, vertex = following.popitem()
        loop = [first]
        while vertex != first and vertex in following:
            loop.append(vertex)
            vertex = following.pop(vertex)
        if vertex == first and len(loop) >= 3:
            loops.append(torch.tensor(loop))
    return loops
