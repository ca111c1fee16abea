"""One person in every frame: fit a face model to the landmarks of a video.

    python examples/fit_video.py --output fit.gif
    python examples/fit_video.py --landmarks tracked.npy --size 720    # (T, 68, 2) pixels, y down; NaN: not seen

Fitted alone, each frame guesses an identity of its own and the face shimmers. Fitted together, the frames share one
identity, their expressions change smoothly, and the pose of each is solved in closed form inside the loop.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import pyface3d
from pyface3d.camera import angles_to_rotation, compose_pose, flip_y, unflip_y
from pyface3d.fitting import fit_pose
from pyface3d.render import overlay, save_animation, shade

SIZE = 200


def act(model: pyface3d.MorphableModel, frames: int) -> tuple[Tensor, Tensor, Tensor]:
    """A made-up video: true coefficients (T, K) and poses (T, 3, 4), and landmarks (T, 68, 2) off by about a pixel."""
    generator = torch.Generator().manual_seed(3)
    time = torch.linspace(0, 1, frames)
    wave = lambda cycles: 0.5 - 0.5 * torch.cos(2 * torch.pi * cycles * time)  # noqa: E731
    weights = torch.zeros(frames, len(model.blendshapes.names))
    for name, course in (("jawOpen", wave(3)), ("mouthSmile_L", wave(1)), ("mouthSmile_R", wave(1))):
        weights[:, model.blendshapes.names.index(name)] = 0.7 * course
    identity = model.sample(1, generator)[:, : model.n_identity].expand(frames, -1)
    coeffs = torch.cat([identity, model.expression_from_blendshapes(weights)], dim=1)
    angles = torch.stack([0.1 * wave(2), 0.5 - wave(1), 0.1 * wave(1)], dim=1)
    middle = torch.full((frames, 3), SIZE / 2)
    pose = compose_pose(torch.full((frames,), 7.0), angles_to_rotation(angles), middle)
    points = flip_y(model.landmarks68(coeffs, pose), SIZE)[..., :2]
    return coeffs, pose, points + torch.randn(points.shape, generator=generator)


def fit_together(points: Tensor, model: pyface3d.MorphableModel, size: int, steps: int) -> tuple[Tensor, Tensor]:
    """Coefficients (T, K) with one identity, and poses (T, 3, 4), of landmarks (T, 68, 2)."""
    alone = pyface3d.fit_landmarks(points, model, size=size)
    seen = (~points.isnan().any(dim=2)).float()  # (T, 68)
    images = unflip_y(points.nan_to_num(), size)
    first_identity, first_expression = model.split(alone.coeffs.nan_to_num())
    identity = first_identity.mean(dim=0, keepdim=True).requires_grad_()
    expression = first_expression.clone().requires_grad_()
    optimizer = torch.optim.Adam([identity, expression], lr=0.02)
    for _ in range(steps):
        coeffs = torch.cat([identity.expand(len(points), -1), expression], dim=1)
        shape = model.landmarks68(coeffs)
        pose = fit_pose(shape, images, seen)  # differentiable
        placed = pyface3d.ops.project_weak_perspective(shape, pose)[..., :2]
        error = ((placed - images).square().sum(dim=2) * seen).sum()
        prior = (identity / model.identity_std).square().sum() + (expression / model.expression_std).square().mean()
        unsteady = (expression.diff(dim=0) / model.expression_std).square().sum()
        optimizer.zero_grad()
        (error + prior + unsteady).backward()
        optimizer.step()
    return coeffs.detach(), pose.detach()


def shimmer(model: pyface3d.MorphableModel, coeffs: Tensor) -> float:
    """How much the neutral face changes from frame to frame: mean vertex step in the model's unit."""
    neutral = torch.cat([model.split(coeffs)[0], torch.zeros(len(coeffs), model.n_expression)], dim=1)
    return float(model.synthesize(neutral).diff(dim=0).norm(dim=2).mean())


def main() -> dict[str, float]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--landmarks", type=Path, help="npy file (T, 68, 2); without it a made-up video is fitted")
    parser.add_argument("--size", type=int, default=SIZE, help="height of the video's frames in pixels")
    parser.add_argument("--frames", type=int, default=48, help="length of the made-up video")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--output", type=Path, help="GIF to write")
    arguments = parser.parse_args()

    model = pyface3d.MorphableModel.default()
    found: dict[str, float] = {}
    if arguments.landmarks:
        points = torch.from_numpy(np.load(arguments.landmarks)).float()
    else:
        coeffs, true_pose, points = act(model, arguments.frames)
        truth = model.synthesize(coeffs)
    alone = pyface3d.fit_landmarks(points, model, size=arguments.size)
    together, pose = fit_together(points, model, arguments.size, arguments.steps)
    found["shimmer alone"], found["shimmer together"] = shimmer(model, alone.coeffs), shimmer(model, together)
    if not arguments.landmarks:
        for name, fitted in (("error alone", alone.coeffs), ("error together", together)):
            found[name] = float((model.synthesize(fitted) - truth).norm(dim=2).mean())
    for name, value in found.items():
        print(f"{name:17} {10 * value:5.2f} mm per vertex")

    if arguments.output:
        fitted = flip_y(model.synthesize(together, pose), arguments.size)
        size = arguments.size
        if arguments.landmarks:
            frames = shade(fitted, model.triangles, size, size)
        else:
            film = shade(flip_y(model.synthesize(coeffs, true_pose), size), model.triangles, size, size)
            frames = torch.cat([film, overlay(film, fitted, model.triangles, style="normals")], dim=3)
        save_animation(arguments.output, frames, seconds=0.05, swing=False)
    return found


if __name__ == "__main__":
    main()
