"""Draws which way a head turns by a positive angle, and whose left is meant: docs/pictures/angles.jpg.

python scripts/angles_picture.py docs/pictures/angles.jpg
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from pyface3d import MorphableModel, render
from pyface3d.camera import angles_to_rotation

SIDE, HEAD = 300, 100  # pixels of a picture and of the line above it
TURN = 0.45  # radians
SIDES = {"left": (0.20, 0.45, 0.85), "right": (0.85, 0.35, 0.15)}  # the subject's
TITLES = (
    ("no turn", "x to the subject's left, y up, z to you"),
    ("pitch > 0", "chin up, face to the sky"),
    ("yaw > 0", "to the subject's right"),
    ("roll > 0", "top of the head to the subject's left"),
)


def picture(model: MorphableModel, angles: tuple[float, float, float]) -> np.ndarray:
    """The mean face turned by 300W-LP's pitch, yaw and roll, its halves colored by whose side they are."""
    mean = model.mean - (model.mean.amax(0) + model.mean.amin(0)) / 2
    turned = (mean @ angles_to_rotation(torch.tensor([angles]))[0].to(mean).T).numpy()
    scale = 0.82 * SIDE / float(np.ptp(model.mean.numpy(), axis=0).max())
    seen = turned * [scale, -scale, scale] + [SIDE / 2, SIDE / 2, 0]
    colors = np.where(mean[:, :1].numpy() > 0, SIDES["left"], SIDES["right"])
    colors = 0.55 * colors + 0.45 * np.array([0.95, 0.93, 0.9])
    light = render.Light(direction=(0.2, 0.4, 1.0), ambient=0.45, directional=0.55, specular=0.05)
    white = np.full((SIDE, SIDE, 3), 255, np.uint8)
    return render.shade(seen, model.triangles.numpy(), SIDE, SIDE, colors=colors, light=light, background=white)


def arrow(draw: ImageDraw.ImageDraw, points: list[tuple[float, float]]) -> None:
    """A bent arrow through points."""
    draw.line(points, fill=(20, 20, 20), width=5, joint="curve")
    (x0, y0), (x1, y1) = points[-4], points[-1]
    along = np.array([x1 - x0, y1 - y0]) / np.hypot(x1 - x0, y1 - y0)
    aside = np.array([-along[1], along[0]])
    tip = np.array([x1, y1]) + 16 * along
    draw.polygon([tuple(tip), tuple(tip - 22 * along + 11 * aside), tuple(tip - 22 * along - 11 * aside)], (20, 20, 20))


def panel(model: MorphableModel, axis: int | None) -> Image.Image:
    """One turn, with its arrow where the nose, or the top of the head, goes."""
    angles = [TURN if k == axis else 0.0 for k in range(3)]
    whole = Image.new("RGB", (SIDE, SIDE + HEAD), "white")
    whole.paste(Image.fromarray(picture(model, (angles[0], angles[1], angles[2]))), (0, HEAD))
    draw = ImageDraw.Draw(whole)
    title, told = TITLES[0 if axis is None else axis + 1]
    draw.text((SIDE / 2, 26), title, "black", ImageFont.load_default(28), anchor="mm")
    draw.text((SIDE / 2, 62), told, "black", ImageFont.load_default(15), anchor="mm")
    if axis is None:
        for name, x in (("right", 0.24), ("left", 0.76)):
            color = tuple(int(200 * c) for c in SIDES[name])
            draw.text((SIDE * x, HEAD + 8), f"subject's {name}", color, ImageFont.load_default(16), anchor="mm")
        return whole
    start = landmark(model, axis, 0.0)
    steps = [landmark(model, axis, TURN * 1.15 * t) for t in np.linspace(0.0, 1.0, 24)]
    arrow(draw, [(x, y + HEAD) for x, y in (start, *steps)][1:])
    return whole


def landmark(model: MorphableModel, axis: int, angle: float) -> tuple[float, float]:
    """Where the tip of the nose, or for roll the top of the face, is seen after a turn, drawn out a little."""
    middle = (model.mean.amax(0) + model.mean.amin(0)) / 2
    mean = model.mean - middle
    point = mean[mean[:, 1].argmax()] * torch.tensor([0.0, 1.12, 0.0]) if axis == 2 else mean[model.landmarks[30]]
    point = point if axis == 2 else point * torch.tensor([0.0, 1.0, 2.2])
    rotation = angles_to_rotation(torch.tensor([[angle if k == axis else 0.0 for k in range(3)]]))[0]
    scale = 0.82 * SIDE / float(np.ptp(model.mean.numpy(), axis=0).max())
    x, y, _ = (rotation.to(point) @ point * scale).tolist()
    return SIDE / 2 + x, SIDE / 2 - y


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    model = MorphableModel.default()
    panels = [np.asarray(panel(model, axis)) for axis in (None, 0, 1, 2)]
    render.save_picture(arguments.target, np.concatenate(panels, axis=1))


if __name__ == "__main__":
    main()
