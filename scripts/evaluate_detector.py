"""What the search for faces finds, and what it costs a method: found and wrong finds, NME against given boxes, time.

On pictures with one labelled face each: AFLW2000-3D as ``dev.npz`` (names, pts68, yaw_fitted, roi_box) and a zip of
pictures of 450 x 450 pixels. A find counts as the labelled face when its crop overlaps that of the labels by half. A
wrong find is a face that the reconstructor answers where the labels have none; another, unlabelled person counts as one
too, so that the number is an upper bound: ``--sheet`` draws them all.

    python scripts/evaluate_detector.py DEV.npz PICTURES.zip --weights mb05_120x120.pth --basis keypoint_basis.npz
"""

import argparse
import json
import time
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image

from pyface3d import Reconstructor, camera
from pyface3d.images import read_photo
from pyface3d.images.yunet import YuNetDetector

BINS = ("0-30", "30-60", "60-90")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--method", default="tddfa")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--basis", type=Path, help="face model and whitening table of weights without a card")
    parser.add_argument("--every", type=int, default=1, help="take every so many pictures")
    parser.add_argument("--passes", type=int, default=2)
    parser.add_argument("--sheet", type=Path, help="a picture of all wrong finds")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with np.load(arguments.labels) as file:
        labels = {name: file[name][:: arguments.every] for name in ("names", "pts68", "yaw_fitted", "roi_box")}
    options = {"weights": arguments.weights, "model": arguments.basis, "space": arguments.basis}
    reconstructor = Reconstructor(arguments.method, **options, passes=arguments.passes)
    rows, wrong = measure(reconstructor, labels, arguments.pictures)
    print(json.dumps(summary(rows, np.abs(labels["yaw_fitted"])), indent=1))
    if arguments.sheet and wrong:
        draw(wrong).save(arguments.sheet)


def measure(
    reconstructor: Reconstructor, labels: dict[str, np.ndarray], pictures: Path
) -> tuple[list[dict[str, Any]], list[tuple[np.ndarray, np.ndarray, np.ndarray]]]:
    """A row of numbers for each picture, and picture, found box and labelled box of each wrong find."""
    rows, wrong, detector = [], [], YuNetDetector()
    with zipfile.ZipFile(pictures) as archive:
        for name, points, roi in zip(labels["names"], labels["pts68"], labels["roi_box"]):
            photo = read_photo(archive.read(f"{name}.jpg"))
            start = time.perf_counter()
            detector(photo.pixels, True)
            row = {"ms": (time.perf_counter() - start) * 1e3, "found": False, "wrong": False, "nme": np.nan}
            truth = camera.roi_from_landmarks(torch.from_numpy(points[:2].T)[None])[0].numpy()
            row["given"] = nme(reconstructor(photo, rois=roi.astype(np.float32))[0].landmarks, points)
            for face in reconstructor(photo):
                row["found"] = overlap(face.roi, truth) > 0.5
                row["wrong"] = not row["found"]
                row["nme"] = nme(face.landmarks, points)
                if row["wrong"]:
                    wrong.append((photo.pixels, face.box, truth))
            rows.append(row)
    return rows, wrong


def summary(rows: list[dict[str, Any]], yaw: np.ndarray) -> dict[str, Any]:
    """Percentages, NME with the box given and with the box found, and milliseconds, by bin of yaw."""
    bins, columns = np.digitize(yaw, [30, 60]), {key: np.array([row[key] for row in rows]) for key in rows[0]}
    out: dict[str, Any] = {"pictures": len(rows), "wrong_percent": 100 * float(columns["wrong"].mean())}
    out["search_ms_median_and_least"] = [float(np.median(columns["ms"])), float(columns["ms"].min())]
    for number, name in enumerate(BINS):
        own = bins == number
        both = own & columns["found"]
        out[name] = {
            "pictures": int(own.sum()),
            "found_percent": 100 * float(columns["found"][own].mean()),
            "nme_given": float(columns["given"][both].mean()),
            "nme_found": float(columns["nme"][both].mean()),
        }
    return out


def nme(landmarks: np.ndarray, points: np.ndarray) -> float:
    """Percent of the square root of the area of the labels' box."""
    size = np.sqrt(np.prod(np.ptp(points[:2], axis=1)))
    return float(np.linalg.norm(landmarks[:, :2] - points[:2].T, axis=1).mean() / size * 100)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes (4,)."""
    shared = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None).prod()
    return float(shared / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared))


def draw(wrong: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Image.Image:
    """Side by side: what was found in red, what is labelled in green."""
    cells = []
    for pixels, found, truth in wrong:
        picture = np.ascontiguousarray(pixels)
        for box, color in ((found, (255, 0, 0)), (truth, (0, 255, 0))):
            left, top, right, bottom = (round(float(value)) for value in box)
            cv2.rectangle(picture, (left, top), (right, bottom), color, 2)
        cells.append(cv2.resize(picture, (225, 225)))
    return Image.fromarray(np.concatenate(cells, axis=1))


if __name__ == "__main__":
    main()
