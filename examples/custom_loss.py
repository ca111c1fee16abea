"""pyface3d inside a training loop of your own: a plain PyTorch network, optimizer and loop, and a loss made of ops.

    python examples/custom_loss.py --steps 200

The network regresses the 62 parameters of the embedded face from small rendered pictures. Its loss is the mean squared
distance of all 9,409 vertices, at a cost independent of their number, plus one term that no library has: how wide each
eye is open.
"""

import argparse

import torch
from torch import Tensor, nn

import pyface3d
from pyface3d.camera import ParameterSpace, angles_to_rotation, compose_pose, flip_y

SIZE = 64
UPPER_LID, LOWER_LID = [37, 38, 43, 44], [41, 40, 47, 46]


def make_faces(model: pyface3d.MorphableModel, count: int) -> tuple[Tensor, Tensor]:
    """Pictures (count, 3, 64, 64) in [0, 1] of random faces, and their parameters (count, 62)."""
    generator = torch.Generator().manual_seed(0)
    draw = lambda *size: torch.rand(*size, generator=generator) * 2 - 1  # noqa: E731
    coeffs = model.sample(count, generator)
    rotation = angles_to_rotation(draw(count, 3) * torch.tensor([0.2, 0.6, 0.2]))
    scale, shift = 3 + 0.3 * draw(count), SIZE / 2 + 3 * draw(count, 3)
    pose = compose_pose(scale, rotation, shift)  # crop frame, y up
    vertices = flip_y(model.synthesize(coeffs, pose), SIZE)
    pictures = pyface3d.render.shade(vertices, model.triangles, SIZE, SIZE)
    return pictures.float() / 255, torch.cat([pose.flatten(1), coeffs], dim=1)


def eye_opening(model: pyface3d.MorphableModel, coeffs: Tensor, pose: Tensor) -> Tensor:
    """(B, 4) distances in pixels between upper and lower lids; only the 68 landmarks are computed."""
    points = model.landmarks68(coeffs, pose)  # (B, 68, 3)
    return (points[:, UPPER_LID] - points[:, LOWER_LID]).norm(dim=2)


def main() -> float:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--faces", type=int, default=256)
    arguments = parser.parse_args()
    torch.manual_seed(0)

    model = pyface3d.MorphableModel.default()
    gram = model.gram()  # once; makes the distance of all vertices a quadratic form
    pictures, params = make_faces(model, arguments.faces)
    space = ParameterSpace.measured(params, size=SIZE)

    layers: list[nn.Module] = []
    for inputs, outputs in ((3, 16), (16, 32), (32, 64), (64, 64)):
        layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.ReLU()]
    network = nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 16, space.n_params))
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)

    means: list[float] = []
    for step in range(arguments.steps):
        rows = torch.randint(len(pictures), (32,))
        target_pose, target_coeffs = space.split(params[rows])
        pose, coeffs = space.split(space.unwhiten(network(pictures[rows])))
        squared = pyface3d.ops.vertex_distance(gram, coeffs, pose, target_coeffs, target_pose) / model.n_vertices
        lids = eye_opening(model, coeffs, pose) - eye_opening(model, target_coeffs, target_pose)
        loss = squared.mean() + lids.abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        means.append(squared.mean().item())
        if step % 50 == 0 or step == arguments.steps - 1:
            print(f"step {step:4d}: vertices {means[-1] ** 0.5:6.2f} px, lids {lids.abs().mean():5.2f} px")
    return means[-1] / means[0]


if __name__ == "__main__":
    main()
