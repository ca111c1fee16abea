"""Draws everything pyface3d.render can draw of some photos into one picture, for looking at it.

    python scripts/contact_sheet.py photo1.jpg photo2.jpg --out sheet.png

Beside each photo stand its 68 landmarks: ``photo1.mat`` (pt3d_68 of AFLW2000-3D or pt2d of 300W-LP, 1-based) or
``photo1.npy`` ((68, 2 or 3) pixels). The embedded face is fitted to them. One row per photo: photo, landmarks, overlay,
depth, normals, PNCC, texture, textured turntable.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.io import loadmat

from pyface3d import MorphableModel, fit_landmarks, render
from pyface3d.camera import flip_y

SIDE = 224  # of each picture


def read_landmarks(photo: Path) -> np.ndarray:
    """(68, 2) pixels, 0-based, of the file beside the photo."""
    if photo.with_suffix(".npy").is_file():
        return np.load(photo.with_suffix(".npy"), allow_pickle=False)[:, :2]
    content = loadmat(photo.with_suffix(".mat"))
    points = content["pt3d_68"] if "pt3d_68" in content else content["pt2d"]
    return points[:2].T - 1.0


def face_box(landmarks: np.ndarray) -> tuple[np.ndarray, float]:
    """Upper left corner of a square around the face, and the pixels of the sheet per pixel of the photo."""
    low, high = landmarks.min(0), landmarks.max(0)
    half = 0.8 * (high - low).max()
    return (low + high) / 2 - half - [0, 0.12 * half], SIDE / (2 * half)


def crop(photo: Image.Image, corner: np.ndarray, scale: float) -> np.ndarray:
    """The square of SIDE pixels at the corner; pillow's map takes pixel (x + 0.5, y + 0.5)."""
    left, top = corner + 0.5 - 0.5 / scale
    affine = (1 / scale, 0, left, 0, 1 / scale, top)
    return np.asarray(photo.transform((SIDE, SIDE), Image.Transform.AFFINE, affine, Image.Resampling.BICUBIC))


def row_of(path: Path, model: MorphableModel) -> np.ndarray:
    """One photo's pictures side by side."""
    photo, landmarks = Image.open(path).convert("RGB"), read_landmarks(path)
    corner, scale = face_box(landmarks)
    face = crop(photo, corner, scale)
    points = torch.from_numpy((landmarks - corner) * scale).float()
    fit = fit_landmarks(points[None], model, contour=True, size=SIDE)
    vertices = flip_y(model.synthesize(fit.coeffs, fit.pose), SIDE)[0].numpy()  # (N, 3) in the crop
    in_photo = vertices / scale + [*corner, 0]
    table, uv, uv_triangles = model.triangles.numpy(), model.uv.numpy(), model.uv_triangles.numpy()
    marks = model.landmark_sets["300w-lp"].of(torch.from_numpy(in_photo)).numpy()
    chart = (table, uv, uv_triangles)
    texture = render.extract_texture(np.asarray(photo), in_photo, *chart, size=SIDE, landmarks=marks)
    textured = render.Texture(texture.image, uv, uv_triangles)
    photographed = render.Light(direction=(0.3, 0.4, 1.0), ambient=0.7, directional=0.35, specular=0.0)
    mesh = (vertices, table, SIDE, SIDE)
    return render.side_by_side(
        face,
        render.draw_landmarks(face, vertices[model.landmarks]),
        render.overlay(face, vertices, table, light=render.Light(direction=(0.3, 0.4, 1.0))),
        render.depth_map(*mesh),
        render.normal_map(*mesh),
        render.pncc(*mesh, render.pncc_codes(model.mean.numpy())),
        texture.image,
        render.turntable(vertices, table, size=SIDE, views=5, sweep=120, colors=textured, light=photographed),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, default=Path("contact_sheet.png"))
    arguments = parser.parse_args()
    model = MorphableModel.default()
    render.save_picture(arguments.out, np.concatenate([row_of(photo, model) for photo in arguments.photos]))
    print(f"written: {arguments.out}")


if __name__ == "__main__":
    main()
