"""Plain-torch position map from coefficients."""

from typing import cast

from torch import Tensor

from pyface3d.ops.reference.render_position_map import render_position_map
from pyface3d.ops.reference.synthesize_shape import synthesize_shape
from pyface3d.ops.render_position_map import Gather
from pyface3d.ops.synthesize_position_map import LinearShape


def synthesize_position_map(
    source: LinearShape, coeffs: Tensor, pose: Tensor | None = None, atlas: Gather | None = None
) -> Tensor:
    """``map = gather(M (mean + basis c) + t)``: (B, K), (B, 3, 4) -> (B, 3, U, V)."""
    return render_position_map(synthesize_shape(source.mean, source.basis, coeffs, pose), atlas or cast(Gather, source))
