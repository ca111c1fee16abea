"""Measures weights that a training wrote, and packs them: in 16 or 8 bits, the figures on the card.

python scripts/embedded_weights.py run/mobile_frnet.safetensors mobile_frnet_synthetic.safetensors --data AFLW2000-3D
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pyface3d.camera import flip_y
from pyface3d.data.synthetic import parameter_space, synth_2000
from pyface3d.evaluation import align_depth, box_size, normalized_mean_error, open_benchmark, summarize
from pyface3d.methods import Method, Reconstruction, from_pretrained, load_weights, read_card, save_weights
from pyface3d.morphable import MorphableModel

BATCH, CROP = 50, 120
LICENSE = "Apache-2.0; the face model is ICT-FaceKit light (MIT)"


def predict(method: Method, images: Tensor) -> Reconstruction:
    """Faces of crops (B, 3, 120, 120), resized to what the method sees."""
    size = method.images.size
    if size != images.shape[-1]:
        images = torch.nn.functional.interpolate(images.float(), (size, size), mode="bilinear", antialias=True)
        images = images.round().to(torch.uint8)
    return method.predict(images)


def to_crop(points: Tensor, size: int) -> Tensor:
    """Points in pixels of a method's pictures -> pixels of the 120x120 crop."""
    half = torch.tensor([0.5, 0.5, 0.0])[: points.shape[-1]]
    return (points + half) * (CROP / size) - half


def on_synthetic(method: Method) -> dict[str, float]:
    """Figures on Synth-2000, and those of predicting the mean parameters."""
    portraits, space, model = synth_2000(), parameter_space(), MorphableModel.default()
    mean_pose, mean_coeffs = space.split(space.mean[None])
    mean_face = flip_y(model.synthesize(mean_coeffs, mean_pose), CROP, space.flip)
    rows: dict[str, list[Tensor]] = {"2d_68": [], "dense_3d": [], "mean_parameters_2d_68": []}
    for start in range(0, len(portraits), BATCH):
        batch = portraits.render(range(start, start + BATCH))
        pose, coeffs = space.split(batch["params"])
        truth = flip_y(model.synthesize(coeffs, pose), CROP, space.flip)  # (B, N, 3)
        faces = predict(method, batch["image"])
        marks, size = batch["landmarks"][..., :2], box_size(batch["landmarks"][..., :2])
        dense = align_depth(to_crop(faces.vertices, method.images.size), "mean")
        rows["2d_68"].append(normalized_mean_error(to_crop(faces.landmarks, method.images.size)[..., :2], marks, size))
        rows["dense_3d"].append(normalized_mean_error(dense, align_depth(truth, "mean"), size))
        average = mean_face[:, model.landmarks, :2].expand(len(marks), -1, -1)
        rows["mean_parameters_2d_68"].append(normalized_mean_error(average, marks, size))
    return {name: round(float(torch.cat(values).mean()), 3) for name, values in rows.items()}


def on_photos(method: Method, path: str) -> dict[str, Any]:
    """Figures on AFLW2000-3D crops: NME by yaw bins for both label sets, the sign of yaw beyond 30 degrees."""
    crops = open_benchmark(path)
    samples = [crops[index] for index in range(len(crops))]
    images = torch.stack([sample["image"] for sample in samples])
    faces = [predict(method, part) for part in images.split(BATCH)]
    found = torch.cat([to_crop(face.landmarks, method.images.size) for face in faces])[..., :2]
    yaw = torch.cat([face.angles for face in faces])[:, 1].rad2deg()
    truth = torch.tensor([float(sample["yaw"]) for sample in samples])
    turned = (truth.abs() > 30) & (truth.abs() <= 90)
    figures: dict[str, Any] = {"images": len(samples)}
    space, model = parameter_space(), MorphableModel.default()
    mean_pose, mean_coeffs = space.split(space.mean[None])
    mean_face = flip_y(model.landmarks68(mean_coeffs, mean_pose), CROP, space.flip)[..., :2].expand_as(found)
    for labels in ("landmarks", "reannotated"):
        goal = torch.stack([sample[labels] for sample in samples])[..., :2]
        figures["original" if labels == "landmarks" else labels] = _bins(found, goal, truth)
        if labels == "landmarks":
            figures["mean_parameters"] = _bins(mean_face, goal, truth)
    figures["yaw_sign_right"] = round(float((yaw.sign() == truth.sign())[turned].float().mean()), 4)
    return figures


def _bins(found: Tensor, goal: Tensor, yaw: Tensor) -> dict[str, float]:
    figures = summarize(normalized_mean_error(found, goal, box_size(goal)), yaw)
    return {name: round(figures[name], 3) for name in ("[0,30]", "(30,60]", "(60,90]", "mean")}


def main() -> None:
    """Load, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights")
    parser.add_argument("out")
    parser.add_argument("--data", help="AFLW2000-3D benchmark: measured when given")
    parser.add_argument("--license", default=LICENSE)
    parser.add_argument("--dtype", choices=("float16", "int8"), default="float16", help="of matrices and kernels")
    parser.add_argument("--exact", nargs="*", default=(), help="parts of names that int8 leaves in float16: fc pool")
    options = parser.parse_args()
    method, card = from_pretrained(options.weights), read_card(options.weights)
    assert card is not None
    about: dict[str, Any] = {"training": card.training, "license": options.license}
    about |= {"dtype": getattr(torch, options.dtype), "exact": options.exact}
    numbers = dict[str, Any]()
    save_weights(method, options.out, **about)
    load_weights(method, options.out)  # what is measured is what is stored
    numbers["synth-2000"] = on_synthetic(method)
    if options.data:
        numbers["aflw2000-3d"] = on_photos(method, options.data)
    save_weights(method, options.out, numbers=numbers, **about)
    print(json.dumps({"bytes": Path(options.out).stat().st_size, **numbers}, indent=1))


if __name__ == "__main__":
    main()
