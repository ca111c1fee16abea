"""The record of ``sample_position_map``."""

from pyface3d.testing.record import OpRecord, instead

RECORD = OpRecord(
    name="sample_position_map",
    build=lambda draw, B, U, V, N: (draw.normal(B, 3, U, V), 1.2 * draw.uniform(N, 2) - 0.1),  # some lie outside
    sizes={"B": 2, "U": 4, "V": 5, "N": 7},
    differentiable=("maps", "uv"),
    edges={"B": (1, 16, 17), "U": (1, 2), "V": (1, 2), "N": (1, 255, 256, 257)},
    least={"U": 1, "V": 1},
    scale=10,
    errors=(
        instead(r"maps must be \(B, 3, U, V\)", maps=lambda m: m[0]),
        instead(r"uv must be \(N, 2\) = \(\*, 2\), got \(7, 1\)", uv=lambda u: u[:, :1]),
        instead(r"maps must have at least one texel, got \(2, 3, 0, 5\)", maps=lambda m: m[:, :, :0]),
    ),
)
