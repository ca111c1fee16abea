"""Landmarks, boxes and labels that data sets ship."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from fuzz_formats.content import RANDOM
from fuzz_formats.face_models import write_mat


def write_label_mat(path: Path) -> None:
    para = np.array([[0.1, 0.2, 0.3, 60, 60, 0, 1e-3]])
    sizes = {"Shape_Para": (199, 1), "Exp_Para": (29, 1), "pt2d": (2, 68)}
    write_mat(path, {"Pose_Para": para} | {name: RANDOM.random(size) for name, size in sizes.items()})


def read_label_mat(path: Path) -> Any:
    from pyface3d.data.mat import read_mat

    try:
        return read_mat(path.read_bytes())
    except ValueError as error:  # it is given bytes, and has no name to tell
        raise ValueError(f"{path}: {error}") from error


def write_landmarks(path: Path) -> None:
    points = RANDOM.random((68, 2)) * 100
    if path.suffix == ".pts":
        rows = "\n".join(f"{x:.3f} {y:.3f}" for x, y in points)
        path.write_text(f"version: 1\nn_points: 68\n{{\n{rows}\n}}\n")
    elif path.suffix == ".npy":
        np.save(path, points)
    elif path.suffix == ".npz":
        np.savez(path, landmarks=points)
    elif path.suffix == ".json":
        path.write_text(json.dumps({"faces": [{"landmarks": points.tolist()}]}))
    else:
        path.write_text("x,y\n" + "\n".join(f"{x:.3f},{y:.3f}" for x, y in points))


def write_places(path: Path) -> None:
    boxes = {"a.jpg": [[1.0, 2.0, 30.0, 40.0]], "b.jpg": [[5.0, 5.0, 9.0, 9.5], [1.0, 1.0, 2.0, 2.0]]}
    if path.suffix == ".csv":
        rows = [f"{name},{','.join(map(str, row))}" for name, rows in boxes.items() for row in rows]
        path.write_text("name,left,top,right,bottom\n" + "\n".join(rows))
    elif path.suffix == ".json":
        path.write_text(json.dumps(boxes))
    else:
        np.savez(path, names=np.array(list(boxes)), boxes=np.array([rows[0] for rows in boxes.values()]))


def read_places(path: Path) -> Any:
    from pyface3d.reconstructor.given_places import read_places

    return read_places(path, "boxes")


def write_coco(path: Path) -> None:
    entry = {"image_id": 1, "keypoints": RANDOM.random(68 * 3).tolist()}
    path.write_text(json.dumps({"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [entry]}))


def read_annotations(path: Path) -> Any:
    from pyface3d.data.landmark_files import LandmarkFaces

    folder = path.parent / "photos"
    folder.mkdir(exist_ok=True)
    return LandmarkFaces(folder, path)


def write_crop_table(path: Path) -> None:
    np.savez(path, names=np.array(["a", "b"]), pts68=RANDOM.random((2, 2, 68)), roi_box=np.array([[0, 0, 9, 9.0]] * 2))


def read_crop_table(path: Path) -> Any:
    from pyface3d.data import CroppedFaces

    folder = path.parent / "photos"
    folder.mkdir(exist_ok=True)
    faces = CroppedFaces(path, folder)
    return len(faces)
