"""Move an expression from one face to another.

    python examples/retarget_expression.py --output retargeted.png

The source is a face seen only as 68 landmarks. Its fitted expression is turned into named blendshape weights, which
any ARKit-like rig understands, and these drive another person's whole head, teeth and eyes included.
"""

import argparse
from pathlib import Path

import torch
from torch import Tensor

import pyface3d
from pyface3d.camera import angles_to_rotation, compose_pose, flip_y
from pyface3d.render import save_picture, shade, side_by_side

SIZE = 240
EXPRESSIONS = {
    "wide open": {"jawOpen": 0.9, "eyeWide_L": 0.7, "eyeWide_R": 0.7},
    "smile": {"mouthSmile_L": 0.9, "mouthSmile_R": 0.9, "cheekSquint_L": 0.6, "cheekSquint_R": 0.6},
    "pout": {"mouthPucker": 0.9, "browDown_L": 0.8, "browDown_R": 0.8},
}


def picture(model: pyface3d.MorphableModel, coeffs: Tensor, yaw: float = 0.0) -> tuple[Tensor, Tensor]:
    """A picture (3, 240, 240) of a face (1, K), and its landmarks (1, 68, 2) in it."""
    pose = compose_pose(
        torch.tensor([7.5]), angles_to_rotation(torch.tensor([[0.0, yaw, 0.0]])), torch.full((1, 3), SIZE / 2)
    )
    vertices = flip_y(model.synthesize(coeffs, pose), SIZE)
    landmarks = flip_y(model.landmarks68(coeffs, pose), SIZE)[..., :2]
    return shade(vertices, model.triangles, SIZE, SIZE)[0], landmarks


def main() -> dict[str, dict[str, float]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="picture to write: sources above, the other person below")
    arguments = parser.parse_args()

    seen = pyface3d.MorphableModel.default()  # 50 coefficients: what landmarks can tell
    rig = pyface3d.MorphableModel.default("head", expression="blendshapes")  # 40 + 53: what an animator wants
    generator = torch.Generator().manual_seed(1)
    source, target = rig.sample(2, generator)[:, None, : rig.n_identity]  # two people, (1, 40) each

    rows, found = [], {}
    for expression, weights in EXPRESSIONS.items():
        wanted = torch.zeros(1, rig.n_expression)
        for name, weight in weights.items():
            wanted[0, rig.expression_names.index(name)] = weight
        photo, landmarks = picture(rig, torch.cat([source, wanted], dim=1), yaw=0.3)

        fit = pyface3d.fit_landmarks(landmarks, seen, size=SIZE)
        moved = seen.blendshapes_from_expression(seen.split(fit.coeffs)[1])  # (1, 53) in [0, 1]
        strongest = moved[0].topk(4)
        found[expression] = {rig.expression_names[k]: float(moved[0, k]) for k in strongest.indices}
        print(f"{expression}: " + ", ".join(f"{name} {weight:.2f}" for name, weight in found[expression].items()))
        rows.append((photo, picture(rig, torch.cat([target, moved], dim=1))[0]))

    if arguments.output:
        above, below = (side_by_side(*pictures) for pictures in zip(*rows))
        save_picture(arguments.output, torch.cat([above, below], dim=1))
    return found


if __name__ == "__main__":
    main()
