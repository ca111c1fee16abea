"""Calibrates how the embedded detector's box and five points become the crop of a network: ``framing.json``.

For faces with a known crop, the detector is run and a linear rule from its finds to the crop of the landmarks is solved
by least absolute distances (reweighted least squares), every find also mirrored, the three bins of yaw with the same
weight. The landmarks are those of 3DDFA_V2's network, averaged with the mirror image. Pictures: AFLW's training crops
(none of AFLW2000-3D), set into a larger picture with their border repeated. Only the numbers of the rule are kept.

    python scripts/calibrate_framing.py DATA --out pyface3d/assets/detector/framing.json
"""

import argparse
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch

from pyface3d import camera
from pyface3d.atomic import atomic_write
from pyface3d.data.schemes import mirror_permutation
from pyface3d.images import read_photo
from pyface3d.images.agreement import five_points
from pyface3d.images.framing import features, origin_and_size
from pyface3d.images.yunet import YuNetDetector
from pyface3d.methods import Method
from pyface3d.methods.loading import load_method

CROPS = {"roi_from_landmarks": camera.roi_from_landmarks}
INSIDE, AROUND = 128, 64  # pixels of an AFLW crop in the picture that is searched, and of the border around it
ROUNDS = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with aflw, aflw_more and tddfa")
    parser.add_argument("--out", type=Path, required=True, help="JSON file")
    parser.add_argument("--every", type=int, default=3, help="take every so many pictures")
    arguments = parser.parse_args()
    basis = arguments.data / "tddfa" / "keypoint_basis.npz"
    method = load_method("tddfa", arguments.data / "tddfa" / "mb05_120x120.pth", basis, basis)
    detector, sources = YuNetDetector(), pictures(arguments.data, arguments.every)
    finds = [find for picture, roi in sources for find in seen(picture, roi, method, detector)]
    boxes, points, landmarks = (np.stack(part) for part in zip(*finds))
    yaw = np.abs(landmarks[:, 30, 0] - landmarks[:, [36, 45], 0].mean(1)) / np.ptp(landmarks[:, :, 1], axis=1)
    bins = np.digitize(yaw, np.quantile(yaw, [1 / 3, 2 / 3]))
    rules, errors = {}, {}
    for name, crop in CROPS.items():
        rules[name], errors[name] = solve(boxes, points, crop(torch.from_numpy(landmarks)).numpy(), bins)
    text = {
        "detector": "yunet_n_320_320.onnx",
        "source": f"scripts/calibrate_framing.py --every {arguments.every}: AFLW training crops; landmarks of 3DDFA_V2",
        "finds": len(boxes),
        "mean_error_of_centre_and_side_in_sides": errors,
        "rules": rules,
    }
    with atomic_write(arguments.out) as stream:
        stream.write((json.dumps(text, indent=1) + "\n").encode())


def pictures(data: Path, every: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pictures (H, W, 3) to search, and the square (4,) that the face's landmarks lie in."""
    square = np.float32([AROUND, AROUND, AROUND + INSIDE, AROUND + INSIDE])
    for part in ("aflw", "aflw_more"):
        with zipfile.ZipFile(data / part / "train_crops120.zip") as archive:
            for name in archive.namelist()[::every]:
                crop = cv2.resize(read_photo(archive.read(name)).pixels, (INSIDE, INSIDE))
                yield cv2.copyMakeBorder(crop, *[AROUND] * 4, cv2.BORDER_REPLICATE), square


def seen(
    picture: np.ndarray, roi: np.ndarray, method: Method, detector: YuNetDetector
) -> Iterator[tuple[np.ndarray, ...]]:
    """Box, points and landmarks of the picture's largest face, if one is found where the network sees it too."""
    found = detector(picture, True)
    if not len(found):
        return
    box, points = found.boxes[0], found.points[0]  # type: ignore[index]
    landmarks = predicted(picture, roi, method)
    if np.linalg.norm(five_points(landmarks) - points, axis=1).mean() < 0.25 * np.ptp(landmarks, axis=0).max():
        yield box, points, landmarks


def predicted(picture: np.ndarray, roi: np.ndarray, method: Method) -> np.ndarray:
    """Landmarks (68, 2) in the picture, the mean of a crop's and its mirror image's."""
    crop = torch.from_numpy(camera.crop(picture, roi, method.images.size)).permute(2, 0, 1)  # type: ignore[union-attr]
    with torch.no_grad():
        both = method.predict(torch.stack([crop, crop.flip(-1)])).landmarks[..., :2]
    mirrored = both[1, mirror_permutation(68)] * torch.tensor([-1.0, 1.0]) + torch.tensor(
        [method.images.size - 1.0, 0.0]
    )
    return camera.crop_to_image(
        torch.nn.functional.pad((both[0] + mirrored)[None] / 2, (0, 1)), torch.from_numpy(roi)[None], method.images.size
    )[0, :, :2].numpy()


def solve(boxes: np.ndarray, points: np.ndarray, rois: np.ndarray, bins: np.ndarray) -> tuple[list, list[float]]:
    """The rule (12, 3) for square crops (F, 4), and the mean absolute errors of centre and side in sides."""
    swapped = points[:, [1, 0, 2, 4, 3]] * [-1, 1]
    boxes = np.concatenate([boxes, boxes[:, [2, 1, 0, 3]] * [-1, 1, -1, 1]])
    points, bins = np.concatenate([points, swapped]), np.tile(bins, 2)
    rois = np.concatenate([rois, rois[:, [2, 1, 0, 3]] * [-1, 1, -1, 1]])
    inputs, (origin, size) = features(boxes, points), origin_and_size(boxes, points)
    side = rois[:, 2:3] - rois[:, :1]
    wanted = np.concatenate([(rois[:, :2] + rois[:, 2:]) / 2 - origin, side], axis=1) / size
    balance = 1 / np.bincount(bins)[bins]
    weight = balance
    for _ in range(ROUNDS):
        normal = (inputs * weight[:, None]).T
        rule = np.linalg.solve(normal @ inputs + 1e-9 * np.eye(inputs.shape[1]), normal @ wanted)
        errors = (inputs @ rule - wanted) * size / side
        weight = balance / np.maximum(np.linalg.norm(errors, axis=1), 0.02)
    return np.round(rule, 5).tolist(), np.abs(errors).mean(0).round(4).tolist()


if __name__ == "__main__":
    main()
