"""Trains ``pyface3d/assets/closeups.npz`` on synthetic portraits: what eyes, brows and mouth do, from small cuts.

    python scripts/train_closeups.py render cuts-0.npz --first 0 --count 2000   # as many parts as wanted, in parallel
    python scripts/train_closeups.py train cuts-*.npz --out pyface3d/assets/closeups.npz

Portraits are those of ``SyntheticFaces`` with the blendshapes themselves in place of their ten directions and weights
drawn for the regions. Cuts are placed where the default method sees the face, which closed eyes or an open mouth move,
and as wrongly as a fitted pose is.
"""

import argparse

import numpy as np
import torch

from pyface3d.atomic import atomic_write
from pyface3d.data.synthetic import SyntheticFaces, pose
from pyface3d.data.synthetic.backdrop import backdrop, occlude
from pyface3d.data.synthetic.draws import Draws
from pyface3d.data.synthetic.sensor import photograph
from pyface3d.methods import Method, create_method
from pyface3d.morphable import ARKIT_NAMES, MorphableModel, from_arkit_matrix
from pyface3d.reconstructor.closeups import REGIONS, build, cut_region, landmarks_at_rest, turned

SEED, BATCH = 77, 16
PLACES = 3  # cuts of one portrait: one where the default method sees it, the others about there and about the truth


def draw_weights(stream: np.random.Generator, count: int) -> np.ndarray:
    """(B, 52) ARKit weights: those of the regions often at work, the others now and then."""
    weights = (stream.random((count, 52)) < 0.06) * stream.random((count, 52))
    busy = {"eyeBlink": 0.45, "eyeSquint": 0.25, "eyeWide": 0.2, "browDown": 0.35, "browOuterUp": 0.4,
            "browInnerUp": 0.4, "jawOpen": 0.5, "mouthClose": 0.15, "mouthFunnel": 0.3, "mouthPucker": 0.25,
            "mouthSmile": 0.4, "mouthFrown": 0.2}  # fmt: skip
    for stem, chance in busy.items():
        active, amount = stream.random(count) < chance, stream.random(count)
        for name in ARKIT_NAMES:
            if name.removesuffix("Left").removesuffix("Right") == stem:
                one_sided = 1 - (stream.random(count) < 0.12)
                weights[:, ARKIT_NAMES.index(name)] = (
                    active * one_sided * np.clip(amount + 0.07 * stream.standard_normal(count), 0, 1)
                )
    jaw, close = ARKIT_NAMES.index("jawOpen"), ARKIT_NAMES.index("mouthClose")
    weights[:, close] = np.minimum(weights[:, close], weights[:, jaw])
    return weights


def misplaced(stream: np.random.Generator, matrix: np.ndarray, middle: np.ndarray, size: float) -> np.ndarray:
    """The pose (3, 4), y down, as a network would answer it: shifted, scaled and turned a little."""
    angles = stream.normal(0, np.radians([4.0, 4.0, 2.0]))
    by = lambda axis: pose.turn(torch.tensor([angles[axis]]), axis)[0].numpy()  # noqa: E731
    turn = by(2) @ by(0) @ by(1)
    linear = matrix[:, :3] @ turn * np.exp(stream.normal(0, 0.04))
    origin = matrix[:, :3] @ middle + matrix[:, 3] + np.array([*stream.normal(0, 0.02 * size, 2), 0])
    return np.column_stack([linear, origin - linear @ middle])


@torch.no_grad()
def render(first: int, count: int) -> dict[str, np.ndarray]:
    """Cuts as int8, angles and weights of portraits."""
    faces = SyntheticFaces(MorphableModel.default("head", "blendshapes"), seed=SEED)
    model, size, method = faces.model, faces.size, create_method("compact", "embedded")
    expand = torch.from_numpy(from_arkit_matrix(model.blendshapes.names)).float()
    parts: dict[str, list] = {
        key: [] for region in REGIONS for key in (f"{region}.cut", f"{region}.angles", f"{region}.weights")
    }
    for start in range(first, first + count, BATCH):
        stream, draws = np.random.default_rng([SEED, start]), Draws(SEED, range(start, start + BATCH))
        weights = draw_weights(stream, BATCH)
        coeffs = pose.coefficients(draws, model)
        rest = coeffs.clone()
        coeffs[:, model.n_identity :] = torch.from_numpy(weights).float() @ expand
        rest[:, model.n_identity :] = 0
        vertices = model.synthesize(coeffs)
        view = pose.View.draw(draws, faces._in_eyes(vertices[:, model.landmarks]), size, faces.jitter)
        light, head, _ = faces.draw(draws, vertices, view, size)
        light.addcmul_(backdrop(draws, size), (~head).float()[:, None])
        photos = photograph(draws, occlude(draws, light), head)
        images = photos.float().mean(1).numpy().astype(np.float32)
        params = faces._labels(vertices[:, model.landmarks], coeffs, view)["params"]
        true_rest, seen = model.landmark_points(rest).double().numpy(), look(method, photos)
        for k in range(BATCH):
            true = y_down(params[k, :12].view(3, 4), size), true_rest[k]
            for j in range(PLACES):
                matrix, at_rest = true if j == PLACES - 1 else seen[k]
                placed = misplaced(stream, matrix, at_rest.mean(0), size / 1.6) if j else matrix
                add(parts, images[k], placed, at_rest, weights[k])
    return {key: np.stack(value) for key, value in parts.items()}


def look(method: Method, photos: torch.Tensor) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pose (3, 4), y down, and landmarks at rest (68, 3) of each crop (B, 3, S, S) as a method sees it."""
    seen = method.predict(photos)
    assert seen.coeffs is not None
    rest = [landmarks_at_rest(method.model, coeffs[None]) for coeffs in seen.coeffs]
    return list(zip([y_down(pose, photos.shape[-1]) for pose in seen.pose], rest))


def y_down(pose: torch.Tensor, size: int) -> np.ndarray:
    """A pose (3, 4) of the y-up frame as a map to pixels of the crop."""
    down = pose.double().numpy() * np.array([[1], [-1], [1]])
    down[1, 3] += size - 1
    return down


def add(parts: dict[str, list], image: np.ndarray, placed: np.ndarray, rest: np.ndarray, weights: np.ndarray) -> None:
    """All regions that are turned to the camera, cut out of one picture."""
    for name, region in REGIONS.items():
        for other in (False, True) if region.mirrored else (False,):
            angles = turned(placed, other)
            if abs(angles[0]) > 0.85 or (region.mirrored and angles[0] > 0.6):  # the far eye is hidden
                continue
            cut = cut_region(image, placed, rest, region, other)
            names = [known.replace("Right", "Left") if other else known for known in region.names]
            parts[f"{name}.cut"].append(np.clip(cut * 40, -127, 127).astype(np.int8).ravel())
            parts[f"{name}.angles"].append(angles)
            parts[f"{name}.weights"].append(weights[[ARKIT_NAMES.index(known) for known in names]].astype(np.float16))


def train(files: list[str], epochs: int) -> dict[str, np.ndarray]:
    """Layers of the small networks."""
    loaded = [np.load(file) for file in files]
    arrays = {}
    for region in REGIONS:
        cuts, angles, weights = (
            torch.from_numpy(np.concatenate([part[f"{region}.{key}"] for part in loaded]).astype(np.float32))
            for key in ("cut", "angles", "weights")
        )
        inputs = torch.cat([cuts / 40, angles], 1)
        torch.manual_seed(0)
        held = len(inputs) // 12
        net = build(weights.shape[1])
        optimizer = torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=0.02)
        steps = epochs * ((len(inputs) - held) // 256)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
        for _ in range(steps):
            rows = held + torch.randint(len(inputs) - held, (256,))
            noisy = inputs[rows] + torch.randn(256, inputs.shape[1]) * 0.15 * torch.rand(256, 1)
            noisy = noisy * (0.8 + 0.4 * torch.rand(256, 1))
            loss = (net(noisy) - weights[rows]).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        net.eval()
        found = net(inputs[:held]).detach().clamp(0, 1)
        easy = angles[:held].abs().amax(1) < 0.5
        for k, name in enumerate(REGIONS[region].names):
            r = torch.corrcoef(torch.stack([found[:, k], weights[:held, k]]))[0, 1]
            near = torch.corrcoef(torch.stack([found[easy, k], weights[:held, k][easy]]))[0, 1]
            print(
                f"{region} {name}: correlation {r:.3f}, {near:.3f} below 30 degrees, on {held} cuts not trained on",
                flush=True,
            )
        arrays |= {f"{region}.{name}": tensor.numpy().astype(np.float16) for name, tensor in net.state_dict().items()}
    return arrays


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["render", "train"])
    parser.add_argument("files", nargs="+")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--out", default="pyface3d/assets/closeups.npz")
    given = parser.parse_args()
    arrays = render(given.first, given.count) if given.step == "render" else train(given.files, given.epochs)
    with atomic_write(given.files[0] if given.step == "render" else given.out) as stream:
        np.savez_compressed(stream, **arrays)


if __name__ == "__main__":
    main()
