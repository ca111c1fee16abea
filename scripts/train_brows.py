"""Trains ``pyface3d/assets/brows.npz`` on synthetic people: how brows differ from the mean of a person's pictures.

    python scripts/train_brows.py render people-0.npz --first 0 --count 250   # as many parts as wanted, in parallel
    python scripts/train_brows.py train people-*.npz --out pyface3d/assets/brows.npz

People are those of ``SyntheticFaces``, each in a dozen pictures of one camera and light with other expressions and
turns, cuts placed as wrongly as a fitted pose is: some of it the same in all pictures of a person, some in each anew.
"""

import argparse

import numpy as np
import torch
from train_closeups import draw_weights

from pyface3d.atomic import atomic_write
from pyface3d.data.synthetic import SyntheticFaces, pose
from pyface3d.data.synthetic.backdrop import backdrop
from pyface3d.data.synthetic.draws import Draws
from pyface3d.data.synthetic.sensor import photograph
from pyface3d.morphable import ARKIT_NAMES, MorphableModel, from_arkit_matrix
from pyface3d.reconstructor.closeups import turned
from pyface3d.reconstructor.tracking.brows import HIDDEN, SIDE, WINDOW, build, closeups_of_eyes

SEED, PICTURES, SIZE = 1077, 12, 160
UP = [ARKIT_NAMES.index(name) for name in ("browInnerUp", "browOuterUpLeft", "browOuterUpRight")]
EYES = [[ARKIT_NAMES.index(name.replace("Right", side)) for name in WINDOW.names] for side in ("Right", "Left")]


def moved(matrix: np.ndarray, middle: np.ndarray, angles: np.ndarray, zoom: float, shift: np.ndarray) -> np.ndarray:
    """The pose (3, 4), y down, turned by radians, grown and shifted about the middle of a face."""
    by = lambda axis: pose.turn(torch.tensor([angles[axis]]), axis)[0].numpy()  # noqa: E731
    linear = matrix[:, :3] @ (by(2) @ by(0) @ by(1)) * np.exp(zoom)
    origin = matrix[:, :3] @ middle + matrix[:, 3] + np.array([*shift, 0])
    return np.column_stack([linear, origin - linear @ middle])


def misplaced(
    stream: np.random.Generator, poses: list[np.ndarray], middle: np.ndarray, zoom: float
) -> list[np.ndarray]:
    """The poses of a person as a network would answer them."""

    def draw(part: float) -> tuple[np.ndarray, float, np.ndarray]:
        angles = stream.normal(0, part * np.radians([3.5, 3.0, 1.5]))
        return angles, stream.normal(0, part * 0.03), stream.normal(0, part * 0.035 * zoom, 2)

    always = draw(1.0)
    return [moved(matrix, middle, *(a + b for a, b in zip(always, draw(0.4)))) for matrix in poses]


def views(stream: np.random.Generator) -> pose.View:
    """Of one camera, the head turned about a pose of its own."""
    spread = np.array([5.0, stream.uniform(4, 20), 4.0])
    angles = stream.normal(0, [5.0, 12.0, 4.0]) + spread * stream.standard_normal((PICTURES, 3))
    pitch, yaw, roll = torch.from_numpy(angles).float().deg2rad().unbind(1)
    rotation = pose.turn(roll, 2) @ pose.turn(pitch, 0) @ pose.turn(yaw, 1)
    zoom, distance = (float(np.exp(stream.uniform(*np.log(limits)))) for limits in ([32, 56], [5, 40]))
    corner = -SIZE / 2 / zoom + np.array([0, -0.15]) + 0.1 * stream.standard_normal((PICTURES, 2))
    full = lambda value: torch.full((PICTURES,), value)  # noqa: E731
    return pose.View(rotation, full(distance), torch.from_numpy(corner).float(), full(zoom))


def gray_pictures(stream: np.random.Generator, draws: Draws, light: torch.Tensor, head: torch.Tensor) -> np.ndarray:
    """(B, S, S) float32 gray pictures of linear light: a camera's of its own, or plain ones; noise in both."""
    if stream.random() < 0.3:
        gray = photograph(draws, light, head).float().mean(1).numpy()
    else:
        mean = ((light.mean(1) * head).sum((1, 2)) / head.sum((1, 2)).clamp_min(1)).mean()
        color = (light * stream.uniform(0.15, 0.4) / mean).clamp(0, 1).numpy() ** (1 / 2.2) * 255
        gray = np.tensordot(color, np.array([0.299, 0.587, 0.114], np.float32), (1, 0))
    noise = stream.uniform(0, 6) * stream.standard_normal(gray.shape, np.float32)
    return np.clip(gray + noise, 0, 255).astype(np.float32)


@torch.no_grad()
def person(faces: SyntheticFaces, expand: torch.Tensor, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Close-ups (F, 2, 42, 42) of both eyes, turns (F,) and ARKit's weights (F, 52) of one person's pictures."""
    model, stream = faces.model, np.random.default_rng([SEED, number])
    draws = Draws(SEED, [number] * PICTURES)
    weights = draw_weights(stream, PICTURES)
    if stream.random() < 0.4:  # brows as most people raise them
        weights[:, UP] = weights[:, UP[:1]]
    coeffs = pose.coefficients(draws, model)
    rest = coeffs.clone()
    coeffs[:, model.n_identity :] = torch.from_numpy(weights).float() @ expand
    rest[:, model.n_identity :] = 0
    vertices, view = model.synthesize(coeffs), views(stream)
    light, head, _ = faces.draw(draws, vertices, view, SIZE)
    light.addcmul_(backdrop(draws, SIZE), (~head).float()[:, None])
    pictures = gray_pictures(stream, draws, light, head)
    up = faces._labels(vertices[:, model.landmarks], coeffs, view)["params"][:, :12].view(-1, 3, 4).double().numpy()
    down = up * np.array([[1], [-1], [1]])
    down[:, 1, 3] += SIZE - 1
    at_rest = model.landmark_points(rest[:1])[0].numpy()
    poses = misplaced(stream, list(down), at_rest.mean(0), float(view.zoom[0]))
    eyes = np.stack([closeups_of_eyes(picture, placed, at_rest) for picture, placed in zip(pictures, poses)])
    return eyes, np.array([turned(placed)[0] for placed in poses]), weights


def render(first: int, count: int) -> dict[str, np.ndarray]:
    """Close-ups (P, F, 2, 42, 42) as int8, turns (P, F) and weights (P, F, 52) of people."""
    faces = SyntheticFaces(MorphableModel.default("head", "blendshapes"), seed=SEED, size=SIZE)
    assert faces.model.blendshapes is not None
    expand = torch.from_numpy(from_arkit_matrix(faces.model.blendshapes.names)).float()
    eyes, turns, weights = zip(*(person(faces, expand, number) for number in range(first, first + count)))
    kept = np.clip(np.stack(eyes) * 40, -127, 127).astype(np.int8)
    return {"eyes": kept, "turns": np.stack(turns), "weights": np.stack(weights).astype(np.float16)}


def draw_batch(
    stream: np.random.Generator, eyes: np.ndarray, weights: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pictures (B, 4, S, S) of frames beside means of 1 to 11 others, changes (B, 6), whose and which frames (B,)."""
    people, pictures = eyes.shape[:2]
    who, frame, row = stream.integers(people, size=count), stream.integers(pictures, size=count), np.arange(count)
    others = stream.random((count, pictures)) < stream.choice([0.25, 0.5, 1.0], size=(count, 1))
    others[row, frame] = False
    others[row, (frame + 1) % pictures] |= ~others.any(1)
    share = others / others.sum(1, keepdims=True)
    side = stream.integers(2, size=count)
    seen = eyes[who].astype(np.float32) / 40  # (B, F, 2, S, S)
    mean = np.einsum("bf,bfexy->bexy", share, seen)
    pairs = np.stack([seen[row, frame] - mean, mean], 2)  # (B, 2, 2, S, S)
    own = np.concatenate([pairs[row, side], pairs[row, 1 - side]], 1).astype(np.float32)
    table = weights[:, :, EYES][who][row, :, side].astype(np.float32)  # (B, F, 6)
    return own, table[row, frame] - np.einsum("bf,bfk->bk", share, table), who, frame


def train(files: list[str], steps: int) -> dict[str, np.ndarray]:
    """Layers of the small network."""
    loaded = [np.load(file) for file in files]
    eyes, turns, weights = (np.concatenate([part[key] for part in loaded]) for key in ("eyes", "turns", "weights"))
    torch.manual_seed(0)
    stream, net = np.random.default_rng(0), build()
    optimizer = torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    late = 0.0
    for step in range(steps):
        pictures, changes, who, frame = draw_batch(stream, eyes, weights, 128)
        inputs = torch.from_numpy(pictures)
        inputs[:, :1] += 0.15 * torch.rand(128, 1, 1, 1) * torch.randn(128, 1, SIDE, SIDE)
        inputs *= 0.8 + 0.4 * torch.rand(128, 1, 1, 1)
        near = torch.from_numpy((np.abs(turns[who, frame]) < HIDDEN).astype(np.float32))
        loss = ((net(inputs) - torch.from_numpy(changes).float()).square() * near[:, None]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        late += (loss.item() - late) / min(step + 1, 50)
        if step % 200 == 199:
            print(f"step {step + 1}: mean square {late:.4f}", flush=True)
    return {name: tensor.numpy().astype(np.float16) for name, tensor in net.state_dict().items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["render", "train"])
    parser.add_argument("files", nargs="+")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=250)
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--out", default="pyface3d/assets/brows.npz")
    given = parser.parse_args()
    arrays = render(given.first, given.count) if given.step == "render" else train(given.files, given.steps)
    with atomic_write(given.files[0] if given.step == "render" else given.out) as stream:
        np.savez_compressed(stream, **arrays)


if __name__ == "__main__":
    main()
