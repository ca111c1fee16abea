"""Draws the pictures of the README: the embedded pictures, and hard cases.

    python scripts/readme_pictures.py docs/pictures --portraits us_congress_225x275.zip

Each row of ``overlay.jpg``: photo, clay over it, face with its texture over it, the face turned, its clay.
``hard.jpg``: photo and face with its texture over it, of official portraits of members of the US Congress (works of the
US government, public domain; the zip of unitedstates/images at 225 x 275), and of a rendered portrait with a bar
before its eye.
"""

import argparse
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from pyface3d import Reconstructor, render
from pyface3d.data.synthetic import SyntheticFaces
from pyface3d.images import demo_picture, read_photo
from pyface3d.reconstructor import Face

SIDE = 200  # pixels of a picture
HARD = ("B001273", "G000574", "H000762", "F000459", "M000689")
TURNED = 21  # of the rendered portraits
LIT = render.Light(direction=(0.2, 0.3, 1.0), ambient=0.85, directional=0.17, specular=0.0)


def square(face: Face) -> tuple[np.ndarray, np.ndarray]:
    """The photo around the face, SIDE x SIDE, and the vertices in it."""
    low, high = face.vertices[:, :2].min(0), face.vertices[:, :2].max(0)
    half = 0.54 * float((high - low).max())
    left, top = (low + high) / 2 - half - [0, 0.04 * half]
    step = 2 * half / SIDE
    affine = (step, 0, left + 0.5 - 0.5 * step, 0, step, top + 0.5 - 0.5 * step)
    photo = Image.fromarray(face.photo.pixels)
    picture = photo.transform((SIDE, SIDE), Image.Transform.AFFINE, affine, Image.Resampling.BICUBIC)
    return np.asarray(picture), (face.vertices - [left, top, 0]) / step


def look(face: Face) -> render.Texture:
    """The texture that the photo gives the face."""
    model = face.reconstruction.model
    chart = (model.uv.numpy(), model.uv_triangles.numpy())
    pixels, marks = face.photo.pixels, face.landmarks
    return render.Texture(
        render.extract_texture(pixels, face.vertices, face.triangles, *chart, landmarks=marks).image, *chart
    )


def pair(face: Face) -> np.ndarray:
    """Photo, and the face with its texture over it."""
    photo, placed = square(face)
    textured = render.shade(
        placed,
        face.triangles,
        SIDE,
        SIDE,
        colors=look(face),
        background=photo,
        light=render.Light(ambient=1, directional=0, specular=0),
    )
    return np.concatenate([photo, textured], axis=1)


def row(face: Face) -> np.ndarray:
    """Everything about one face, side by side."""
    photo, placed = square(face)
    textured = pair(face)[:, SIDE:]
    upright = face.shape * [1, -1, 1]
    middle = (upright.max(0) + upright.min(0)) / 2
    upright = (upright - middle) * (0.86 * SIDE / np.ptp(upright, axis=0).max()) + [SIDE / 2, SIDE / 2, 0]
    turns = render.turntable(upright, face.triangles, size=SIDE, views=3, sweep=100, colors=look(face), light=LIT)
    clay = render.shade(upright, face.triangles, SIDE, SIDE, light=render.Light(direction=(0.3, 0.4, 1.0)))
    return render.side_by_side(photo, render.overlay(photo, placed, face.triangles), textured, turns, clay)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--portraits", type=Path, required=True, help="us_congress_225x275.zip")
    arguments = parser.parse_args()
    reconstruct = Reconstructor()
    rows = [row(reconstruct(demo_picture(name))[0]) for name in ("astronaut", "portrait")]
    render.save_picture(arguments.folder / "overlay.jpg", np.concatenate(rows))
    with zipfile.ZipFile(arguments.portraits) as archive:
        names = {Path(name).stem: name for name in archive.namelist()}
        hard = [reconstruct(read_photo(archive.read(names[stem])))[0] for stem in HARD]
    turned = SyntheticFaces(size=2 * SIDE, seed=TURNED, jitter=0.0).render([0])["image"][0]
    hard.append(reconstruct(turned.permute(1, 2, 0).numpy())[0])
    pairs = [pair(face) for face in hard]
    sheet = np.concatenate([np.concatenate(pairs[:3], axis=1), np.concatenate(pairs[3:], axis=1)])
    render.save_picture(arguments.folder / "hard.jpg", sheet)


if __name__ == "__main__":
    main()
