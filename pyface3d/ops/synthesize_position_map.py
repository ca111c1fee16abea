"""Position maps straight from coefficients."""

from typing import Protocol, cast

from torch import Tensor

from pyface3d.ops.render_position_map import Gather, render_position_map
from pyface3d.ops.synthesize_shape import synthesize_shape


class LinearShape(Protocol):
    """What has a mean and a basis: a :class:`pyface3d.MorphableModel` or a baked :class:`pyface3d.atlas.MapBasis`."""

    mean: Tensor  # (R, 3)
    basis: Tensor  # (R, 3, K)


def synthesize_position_map(
    source: LinearShape, coeffs: Tensor, pose: Tensor | None = None, atlas: Gather | None = None
) -> Tensor:
    """Position maps of faces given by coefficients and pose: ``synthesize_shape``, then ``render_position_map``.

    With a baked basis (``UVAtlas.bake``) the cheaper of the two orders is taken: where the map has fewer texels than
    the model has vertices the gather is folded into the basis, and no vertex is ever computed.

    Args:
        source: ``atlas.bake(model)``, or a model together with ``atlas``.
        coeffs: (B, K) float32 or float64.
        pose: (B, 3, 4) ``[f R | t]``, or None for unposed shapes.
        atlas: the :class:`pyface3d.UVAtlas` of a model; leave it out for a baked basis.

    Returns:
        (B, 3, U, V): pixels when posed, the model's units otherwise.

    Raises:
        RuntimeError: shapes, dtypes or devices do not fit together.
        TypeError: a model without an atlas.

    Example:
        >>> import torch, pyface3d
        >>> model = pyface3d.MorphableModel.default()
        >>> baked = pyface3d.UVAtlas.from_model(model, size=64).bake(model)
        >>> pyface3d.ops.synthesize_position_map(baked, torch.zeros(2, 50)).shape
        torch.Size([2, 3, 64, 64])
    """
    gather = cast(Gather, source) if atlas is None else atlas
    if not hasattr(gather, "corners"):
        raise TypeError("synthesize_position_map: a model needs its atlas; pass atlas=, or source=atlas.bake(model)")
    return render_position_map(synthesize_shape(source.mean, source.basis, coeffs, pose), gather)
