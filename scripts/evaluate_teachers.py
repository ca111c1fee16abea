"""How good teachers are on AFLW2000-3D: NME of single looks, of their mean, and of the labels fitted to it.

    python scripts/evaluate_teachers.py AFLW2000-3D --teacher compact --teacher peppa=slim_160_latest.onnx@0.3 --every 4

The folder holds ``dev.npz`` with ``dev_full450.zip``. Printed by yaw bin ([0, 30], (30, 60], (60, 90]) and as their
mean, for the original and the reannotated labels; labels are evaluated on the 68 points of their face model. The 21
marked points of a label are the file's.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pyface3d import MorphableModel
from pyface3d.camera import crop_to_image
from pyface3d.data import Archive, UnreadableError, decode_image, read_mat
from pyface3d.data.synthetic import prior_space
from pyface3d.evaluation.nme import normalized_mean_error
from pyface3d.landmarks import box_size
from pyface3d.reconstructor.views import View
from pyface3d.teachers import HeadPose, Lookers, load_teacher, look
from pyface3d.teachers.faces import FaceToLabel
from pyface3d.teachers.head_pose import angles_between
from pyface3d.teachers.labeling import Labeler
from pyface3d.teachers.looking import look_at_pose

EDGES = (0.0, 30.0, 60.0, 90.0)


def faces_of(folder: Path, every: int):
    """Row, face with its marked points, and rotation of the label, of every n-th image."""
    tables, archive = dict(np.load(folder / "dev.npz")), Archive(folder / "dev_full450.zip")
    files = {Path(name).stem: name for name in archive.names if name.endswith(".jpg")}
    for row in range(0, len(tables["names"]), every):
        name = files[Path(str(tables["names"][row])).stem]
        points = torch.from_numpy(tables["pts21"][row].T.astype(np.float32))
        face = FaceToLabel(Path(name).stem, decode_image(archive.read(name)), torch.from_numpy(tables["roi_box"][row]))
        face.roi, face.points, face.seen = face.roi.float(), points[:, :2], (points[:, :2] >= 0).all(1)
        yield row, face, _rotation(archive, name), tables


def _rotation(archive: Archive, name: str) -> Tensor | None:
    try:
        pose = read_mat(archive.read(name.replace(".jpg", ".mat"))).pose[:, :3]
    except UnreadableError:
        return None
    return pose / pose.norm(dim=1, keepdim=True)


def label_of(labeler: Labeler, face: FaceToLabel, marked: bool) -> tuple[Tensor, float]:
    """Landmarks (68, 2) of a label in the image, and its confidence."""
    plain = FaceToLabel(face.name, face.pixels, face.roi)
    if marked:
        plain.points, plain.seen = face.points, face.seen
    sample = labeler(plain)
    return crop_to_image(sample["landmarks"][None, :, :2], sample["box"][None], 120)[0], sample["confidence"]


def row_of(name: str, errors: dict[int, tuple[float, float]], yaws: np.ndarray) -> str:
    """One line of the table."""
    yaw = np.abs(yaws[list(errors)])
    texts = []
    for values in zip(*errors.values()):
        bins = [np.mean(np.array(values)[(yaw >= low) & (yaw <= high)]) for low, high in zip(EDGES, EDGES[1:])]
        texts.append(f"{' '.join(f'{value:.2f}' for value in bins)}  {np.mean(bins):.2f}")
    return f"{name:42s} {' | '.join(texts)}"


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--teacher", action="append", required=True)
    parser.add_argument("--head-pose", type=Path)
    parser.add_argument("--views", type=int, default=7)
    parser.add_argument("--every", type=int, default=4)
    options = parser.parse_args()
    torch.set_num_threads(1)
    teachers = [load_teacher(name) for name in options.teacher]
    head_pose = None if options.head_pose is None else HeadPose(options.head_pose)
    model = MorphableModel.default()
    lookers = Lookers(teachers, options.views)
    labeler = Labeler(lookers, model, prior_space(model, 120))
    errors: dict[str, dict[int, tuple[float, float]]] = defaultdict(dict)
    turns, confidences = {}, {}
    for row, face, rotation, tables in faces_of(options.folder, options.every):
        truths = [
            torch.from_numpy(tables[key][row].T[:, :2].astype(np.float32)) for key in ("pts68", "pts68_reannotated")
        ]
        found = {f"{t.name}, one look": look(t, face.pixels, face.roi, [View()])[0] for t, _ in teachers}
        found[f"mean of {options.views} crops, mirrored, all teachers"] = lookers(face.pixels, face.roi).landmarks
        found["label"], confidences[row] = label_of(labeler, face, False)
        found["label, with the 21 marked points"], _ = label_of(labeler, face, True)
        for name, points in found.items():
            known = points.isfinite().all(1)
            sizes = [box_size(truth[None]) for truth in truths]
            scores = [
                normalized_mean_error(points[None], truth[None], size, known[None])
                for truth, size in zip(truths, sizes)
            ]
            errors[name][row] = tuple(float(score) for score in scores)
        if head_pose is not None and rotation is not None:
            turns[row] = float(angles_between(look_at_pose(head_pose, face.pixels, face.roi)[None], rotation[None])[0])
    yaws = np.load(options.folder / "dev.npz")["yaw_fitted"]
    print(f"{'NME in percent: original | reannotated':42s}")
    for name, values in errors.items():
        print(row_of(name, values, yaws))
    order = sorted(confidences, key=confidences.get)
    quarter = len(order) // 4
    for title, rows in (("least", order[:quarter]), ("most", order[-quarter:])):
        print(
            f"the quarter of {title} confidence: {np.mean([errors['label'][row][1] for row in rows]):.2f} reannotated"
        )
    if turns:
        yaw, degrees = np.abs(yaws[list(turns)]), np.array(list(turns.values()))
        bins = [np.median(degrees[(yaw >= low) & (yaw <= high)]) for low, high in zip(EDGES, EDGES[1:])]
        print(f"head pose, median degrees off by bin: {' '.join(f'{value:.1f}' for value in bins)}")


if __name__ == "__main__":
    main()
