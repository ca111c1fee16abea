"""Place the landmark sets of the embedded face model: pyface3d/assets/landmark_sets.npz.

    python scripts/place_landmarks.py --data data --out pyface3d/assets/landmark_sets.npz

Nothing but pictures and labels that may be redistributed: synthetic portraits of every pose, and portraits in the
public domain (``portraits/``: official portraits of members of the US Congress, with MediaPipe's 478 points).
``"300w-lp"`` comes from 3DDFA_V2's mb05 (MIT) on both, averaged with the mirror image; ``"mediapipe478"`` from
MediaPipe's points (Apache-2.0); ``"five"`` from YuNet's (Apache-2.0); ``"aflw21"`` from the 68 by the means of 3DDFA's
benchmark, put on the surface (``pyface3d landmarks calibrate`` places it by labels of your own). ``"wflw98"`` follows
from these by geometry (:func:`place_wflw`); ``--derived`` places it alone and keeps the others. No label of a test set
is read.
"""

import argparse
import io
import zipfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pyface3d import MorphableModel, create_method, load_model
from pyface3d.atomic import atomic_write
from pyface3d.camera import crop, crop_to_image, roi_from_landmarks
from pyface3d.data.schemes import mirror_permutation
from pyface3d.data.synthetic import SyntheticFaces
from pyface3d.fitting.calibration import Calibration, calibrate_landmarks
from pyface3d.fitting.placing import place_on_surface
from pyface3d.landmarks import WFLW_TO_68, aflw21_matrix
from pyface3d.methods import Method, read_whitening
from pyface3d.morphable import LandmarkSet
from pyface3d.morphable.default import load_default

SEED = 1  # of the synthetic portraits
ROUNDS = 6  # of fits and moves: the last one moves the 68 by a quarter of a millimeter
DIGITS = 4  # of the barycentric coordinates: a hundredth of a millimeter
MISSING = 65535
# what iBUG lacks of WFLW's points, by MediaPipe's numbers: lower edges of the brows, middles of the lids, pupils
WFLW_OF_MEDIAPIPE = {
    38: 55, 39: 65, 40: 52, 41: 53, 47: 283, 48: 282, 49: 295, 50: 285,
    62: 159, 66: 145, 70: 386, 74: 374, 96: 468, 97: 473,
}  # fmt: skip


def teacher(data: Path) -> Method:
    """mb05 with 3DDFA's keypoint basis."""
    basis = data / "tddfa" / "keypoint_basis.npz"
    checkpoint = data / "tddfa" / "mb05_120x120.pth"
    return create_method("tddfa", pretrained=checkpoint, model=load_model(basis), space=read_whitening(basis)).deploy()


def taught(method: Method, crops: Tensor) -> Tensor:
    """Landmarks (B, 68, 2) of crops (B, 3, 120, 120), the mean with those of the mirror image."""
    there = method.predict(crops).landmarks
    back = method.predict(crops.flip(-1)).landmarks[:, mirror_permutation(68)].clone()
    back[..., 0] = crops.shape[-1] - 1 - back[..., 0]
    return ((there + back) / 2)[..., :2]


def synthetic_points(method: Method, count: int) -> Tensor:
    """The teacher's landmarks (count, 68, 2) on synthetic portraits."""
    faces, found = SyntheticFaces(seed=SEED), []
    for start in range(0, count, 64):
        found.append(taught(method, faces.render(range(start, min(count, start + 64)))["image"]))
    return torch.cat(found)


def portraits(data: Path) -> tuple[list[Tensor], Tensor]:
    """The portraits (3, H, W) uint8 and MediaPipe's points (B, 478, 2) on them."""
    with np.load(data / "portraits" / "mediapipe478.npz") as file:
        names, points = file["names"].tolist(), torch.from_numpy(file["points"].astype(np.float32))
    pictures = []
    with zipfile.ZipFile(data / "portraits" / "us_congress_225x275.zip") as archive:
        for name in names:
            picture = Image.open(io.BytesIO(archive.read(name))).convert("RGB")
            pictures.append(torch.from_numpy(np.array(picture)).permute(2, 0, 1))
    return pictures, points[..., :2]


def portrait_points(method: Method, pictures: list[Tensor], outlines: Tensor) -> Tensor:
    """The teacher's landmarks (B, 68, 2) on pictures, cut around ``outlines`` and again around what was found."""
    roi = roi_from_landmarks(outlines)  # (B, 4)
    for _ in range(2):
        crops = torch.stack([crop(picture, box) for picture, box in zip(pictures, roi)])
        found = torch.cat([taught(method, part) for part in crops.split(64)])
        found = crop_to_image(found, roi, 120)
        roi = roi_from_landmarks(found)
    return found


def yunet_points(data: Path, pictures: list[Tensor]) -> Tensor:
    """YuNet's five points (B, 5, 2), in iBUG's order of sides; NaN where it finds no face or several."""
    import cv2

    found = torch.full((len(pictures), 5, 2), torch.nan)
    for k, picture in enumerate(pictures):
        height, width = picture.shape[1:]
        path = str(data / "detector" / "yunet_n_320_320.onnx")
        detector = cv2.FaceDetectorYN.create(path, "", (width, height), 0.5)
        faces = detector.detect(np.ascontiguousarray(picture.permute(1, 2, 0).numpy()[..., ::-1]))[1]
        if faces is not None and len(faces) == 1:
            found[k] = torch.from_numpy(faces[0, 4:14].reshape(5, 2))
    return found


def opposite(data: Path) -> Tensor:
    """(478,) the point on the other side of each of MediaPipe's, by the mirror image of its canonical face."""
    lines = (data / "mediapipe" / "canonical_face_model.obj").read_text().splitlines()
    points = torch.tensor(
        [[float(x) for x in line.split()[1:4]] for line in lines if line.startswith("v ")]
    )  # (468, 3)
    order = torch.cdist(points * torch.tensor([-1.0, 1.0, 1.0]), points).argmin(1)
    irises = torch.tensor([473, 476, 475, 474, 477, 468, 471, 470, 469, 472])  # center, then around: outer one first
    return torch.cat([order, irises])


def report(name: str, found: Calibration) -> LandmarkSet:
    """Prints what a calibration gained."""
    print(f"{name}: residual {' -> '.join(f'{100 * value:.2f}' for value in found.residuals)} % of the face's size")
    return found.points


def place_68(model: MorphableModel, points: Tensor) -> LandmarkSet:
    """The 68 points, from the model's own landmark vertices on."""
    return report("300w-lp", calibrate_landmarks(points, model, "ict", mirror=mirror_permutation(68), rounds=ROUNDS))


def place_others(model: MorphableModel, name: str, points: Tensor, anchors: Tensor, mirror: Tensor) -> LandmarkSet:
    """A convention without a start: from fits to the 68 (``anchors``), then many points also from their own."""
    placed = report(name, calibrate_landmarks(points, model, anchors=anchors, mirror=mirror, rounds=2))
    if len(placed) <= 68:
        return placed
    return report(name, calibrate_landmarks(points, model, placed, mirror=mirror, rounds=2))


def place_wflw(model: MorphableModel) -> LandmarkSet:
    """WFLW's 98 from the 68 and MediaPipe's points, on the surface, both sides alike.

    68 of them are iBUG's. The outline has a point halfway between each two; the lids their middles, the brows their
    lower edges and the eyes their pupils where MediaPipe has them.
    """
    ibug, mesh = (model.landmark_sets[name].of(model.mean).double() for name in ("300w-lp", "mediapipe478"))
    points = torch.full((98, 3), torch.nan, dtype=torch.float64)
    points[list(WFLW_TO_68)] = ibug
    points[1:32:2] = (points[0:31:2] + points[2:33:2]) / 2
    for place, like in WFLW_OF_MEDIAPIPE.items():
        points[place] = mesh[like]
    mirrored = points[mirror_permutation(98)] * torch.tensor([-1.0, 1.0, 1.0])
    return place_on_surface(model, ((points + mirrored) / 2).float())


def read(path: Path) -> dict[str, LandmarkSet]:
    """The sets of the asset."""
    with np.load(path) as file:
        arrays = {key: torch.from_numpy(file[key].astype(np.float64)) for key in file.files}
    names = {key.rpartition(".")[0] for key in arrays}
    corners = {name: arrays[f"{name}.corners"].long() for name in names}
    return {
        name: LandmarkSet(torch.where(corners[name] == MISSING, -1, corners[name]), arrays[f"{name}.weights"].float())
        for name in names
    }


def write(path: Path, sets: dict[str, LandmarkSet]) -> None:
    """Writes the asset; its bytes depend on nothing but the sets."""
    with atomic_write(path) as stream, zipfile.ZipFile(stream, "w") as archive:
        for name, points in sorted(sets.items()):
            corners = torch.where(points.corners < 0, MISSING, points.corners).numpy().astype(np.uint16)
            weights = points.weights.double().numpy().round(DIGITS)
            weights[:, 0] += points.mask.numpy() - weights.sum(1)
            for key, array in ((f"{name}.corners", corners), (f"{name}.weights", weights.astype(np.float32))):
                content = io.BytesIO()
                np.lib.format.write_array(content, array, version=(1, 0), allow_pickle=False)
                entry = zipfile.ZipInfo(f"{key}.npy")
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, content.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with tddfa, portraits, mediapipe, detector")
    parser.add_argument("--out", type=Path, required=True, help="npz to write")
    parser.add_argument("--count", type=int, default=3072, help="synthetic portraits")
    parser.add_argument("--derived", action="store_true", help="only what follows from the sets that --out has")
    arguments = parser.parse_args()
    if arguments.derived:
        model = load_default("face", "directions", sets=read(arguments.out))
        return write(arguments.out, read(arguments.out) | {"wflw98": place_wflw(model)})
    model, method = load_default("face", "directions", sets={}), teacher(arguments.data)
    pictures, mediapipe = portraits(arguments.data)
    anchors = portrait_points(method, pictures, mediapipe)
    sets = {"300w-lp": place_68(model, torch.cat([synthetic_points(method, arguments.count), anchors]))}
    model = load_default("face", "directions", sets=sets)
    sets["mediapipe478"] = place_others(model, "mediapipe478", mediapipe, anchors, opposite(arguments.data))
    five = yunet_points(arguments.data, pictures)
    sets["five"] = place_others(model, "five", five, anchors, mirror_permutation(5))
    sets["aflw21"] = place_on_surface(model, aflw21_matrix() @ sets["300w-lp"].of(model.mean))
    sets["wflw98"] = place_wflw(load_default("face", "directions", sets=sets))
    write(arguments.out, sets)
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e3:.1f} kB")


if __name__ == "__main__":
    main()
