"""Draw the embedded model: the mean, both ends of the first identity modes and expression directions, all blendshapes.

    python scripts/model_sheet.py sheet.png --size 200

Look at the sheet after every change of the model or of the script that makes it.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from pyface3d.morphable import MorphableModel
from pyface3d.render import Light, shade

SIGMA = 2.5
N_IDENTITY = 8
COLUMNS = 10
COLORS = {
    "face": (201, 158, 134), "head_and_neck": (192, 150, 128), "mouth_socket": (120, 55, 52),
    "eye_socket_left": (150, 95, 85), "eye_socket_right": (150, 95, 85), "gums_and_tongue": (186, 94, 90),
    "teeth": (238, 231, 214), "eyeball_left": (232, 230, 228), "eyeball_right": (232, 230, 228),
}  # fmt: skip
RINGS = ((27, (82, 92, 87)), (12, (15, 15, 15)))  # iris and pupil: degrees about the axis of the eye

Tile = tuple[str, torch.Tensor, float]  # label, vertices (N, 3), yaw in radians


def vertex_colors(model: MorphableModel) -> np.ndarray:
    """(N, 3) uint8 colors by part."""
    colors = np.zeros((model.n_vertices, 3), np.uint8)
    for part, ids in model.parts.items():
        colors[ids] = COLORS[part]
        if part.startswith("eyeball"):
            outward = torch.nn.functional.normalize(model.mean[ids] - model.mean[ids].mean(dim=0), dim=1)
            for degrees, color in RINGS:
                colors[ids[outward[:, 2] > np.cos(np.deg2rad(degrees))]] = color
    return colors


def tiles() -> list[Tile]:
    """Everything the sheet shows, in order."""
    model, raw = (MorphableModel.default("head", expression) for expression in ("directions", "blendshapes"))
    shown: list[Tile] = [("mean", model.mean, yaw) for yaw in np.deg2rad([-90, -60, -30, 0, 30])]
    drawn = model.synthesize(model.sample(COLUMNS - len(shown), torch.Generator().manual_seed(0)))
    shown += [(f"random {k}", vertices, 0.0) for k, vertices in enumerate(drawn)]
    columns = [*range(N_IDENTITY), *range(model.n_identity, model.n_coeffs)]
    for k, column in enumerate(columns):
        kind = f"identity {column}" if k < N_IDENTITY else model.expression_names[column - model.n_identity]
        for sign in (-1, 1):
            step = sign * SIGMA * model.std[column]
            yaw = 0.5 if k < N_IDENTITY else 0.0
            shown.append((f"{kind} {sign * SIGMA:+}s", model.mean + step * model.basis[..., column], yaw))
    shapes = dict(zip(raw.expression_names, raw.expression_basis.unbind(2)))
    shapes["jawOpen + mouthClose"] = shapes["jawOpen"] + shapes.pop("mouthClose")  # closes the lips of the open jaw
    return shown + [(name, raw.mean + shape, 0.0) for name, shape in shapes.items()]


def to_picture(vertices: torch.Tensor, yaw: float, size: int) -> torch.Tensor:
    """Model-frame centimeters to the image frame: the head, 30 cm high, turned by ``yaw``, fills the tile."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    turned = vertices @ torch.tensor([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]], dtype=vertices.dtype)
    scale = size / 30
    x, y, z = (turned * scale).unbind(1)
    return torch.stack([x + size / 2, 0.47 * size - y, z], dim=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", type=Path, help="picture to write")
    parser.add_argument("--size", type=int, default=200, help="pixels of one tile")
    arguments = parser.parse_args()
    size = arguments.size
    model = MorphableModel.default("head")
    colors, light = vertex_colors(model), Light(direction=(0.3, 0.5, 1.0), ambient=0.25, directional=0.7)
    shown = tiles()
    sheet = Image.new("RGB", (COLUMNS * size, -(-len(shown) // COLUMNS) * size), "white")
    text = ImageDraw.Draw(sheet)
    blank = np.full((size, size, 3), 255, np.uint8)
    for start in range(0, len(shown), COLUMNS):
        row = shown[start : start + COLUMNS]
        placed = torch.stack([to_picture(vertices, yaw, size) for _, vertices, yaw in row]).numpy()
        pictures = shade(placed, model.triangles, size, size, colors=colors, light=light, background=blank)
        for k, ((label, _, _), picture) in enumerate(zip(row, pictures)):
            corner = (k * size, start // COLUMNS * size)
            sheet.paste(Image.fromarray(picture), corner)
            text.text((corner[0] + 4, corner[1] + 2), label, fill="black")
    sheet.save(arguments.target)


if __name__ == "__main__":
    main()
