"""Draws the pictures of the documentation from the embedded, made-up portrait: ``python scripts/page_pictures.py``."""

from pathlib import Path

import numpy as np
from PIL import Image

from pyface3d import MorphableModel, Reconstructor, UVAtlas, render
from pyface3d.images import demo_picture
from pyface3d.reconstructor import Face

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
SIDE = 320  # pixels of each panel


def panel(picture: np.ndarray) -> np.ndarray:
    """A picture as a panel as high as the others."""
    width = round(SIDE * picture.shape[1] / picture.shape[0])
    return np.asarray(Image.fromarray(picture).convert("RGB").resize((width, SIDE), Image.Resampling.LANCZOS))


def scaled(values: np.ndarray) -> np.ndarray:
    """Values as 8-bit brightness, the smallest black."""
    return (255 * (values - values.min()) / np.ptp(values)).astype(np.uint8)


def rendering(face: Face, model: MorphableModel) -> list[np.ndarray]:
    """Overlay, normals, depth, PNCC."""
    height, width = face.photo.pixels.shape[:2]
    codes = render.pncc(face.vertices, face.triangles, height, width, render.pncc_codes(model.mean).numpy())
    return [face.render("overlay"), face.render("normals"), face.render("depth"), codes]


def position_map(face: Face, model: MorphableModel) -> list[np.ndarray]:
    """The photo, the map with x, y, z as red, green, blue, the weights of the texels (their root), the texture."""
    import torch

    atlas = UVAtlas.from_model(model, 256)
    texels = atlas.render(torch.from_numpy(face.vertices)[None])[0].numpy()
    weights = atlas.weight_mask("specific").numpy()
    inside = np.stack([scaled(channel) for channel in texels], -1) * (np.abs(texels).sum(0) > 0)[..., None]
    chart = (face.triangles, model.uv, model.uv_triangles)
    texture = render.extract_texture(face.photo.pixels, face.vertices, *chart, landmarks=face.landmarks)
    return [face.photo.pixels, inside.astype(np.uint8), np.repeat(scaled(weights**0.5)[..., None], 3, 2), texture.image]


def landmarks(face: Face, model: MorphableModel) -> list[np.ndarray]:
    """The crop's square, and the 68 points with their contours."""
    from PIL import ImageDraw

    framed = Image.fromarray(face.photo.pixels).convert("RGB")
    ImageDraw.Draw(framed).rectangle([float(edge) for edge in face.roi], outline=(255, 80, 60), width=3)
    return [np.asarray(framed), face.render("landmarks")]


def synthetic_portraits(face: Face, model: MorphableModel) -> list[np.ndarray]:
    """Six portraits of one seed, and the same with their landmarks."""
    from pyface3d.data.synthetic import SyntheticFaces

    batch = SyntheticFaces(seed=1, size=SIDE // 2).render(range(6))
    pictures = [image.permute(1, 2, 0).numpy() for image in batch["image"]]
    marked = [render.draw_landmarks(picture, points.numpy()) for picture, points in zip(pictures, batch["landmarks"])]
    return [np.concatenate([pictures[i], marked[i]], 0) for i in range(6)]


def embedded_face(face: Face, model: MorphableModel) -> list[np.ndarray]:
    """The mean, the first identity to either side, a smile, a jaw that opens."""
    import torch

    named = MorphableModel.default("head", expression="blendshapes")
    first, jaw = named.n_identity, named.n_identity + named.blendshapes.names.index("jawOpen")
    smile = [first + named.blendshapes.names.index(f"mouthSmile_{side}") for side in "LR"]
    coeffs = torch.zeros(5, named.n_coeffs)
    coeffs[1, 0], coeffs[2, 0] = 2.5, -2.5
    coeffs[3, smile] = 1.0
    coeffs[4, jaw] = 0.8
    scale, center = torch.tensor([9.5, -9.5, 9.5]), torch.tensor([SIDE / 2, SIDE / 2, 0.0])
    vertices = (named.synthesize(coeffs) * scale + center).numpy()
    return [render.shade(points, named.triangles.numpy(), SIDE, SIDE) for points in vertices]


def main() -> None:
    """Writes one picture for each page that has one."""
    model = MorphableModel.default()
    face = Reconstructor()(demo_picture("portrait"))[0]
    for draw in (rendering, position_map, landmarks, synthetic_portraits, embedded_face):
        panels = np.concatenate([panel(np.asarray(picture)) for picture in draw(face, model)], 1)
        render.save_picture(FOLDER / f"{draw.__name__.replace('_', '-')}.jpg", panels)
        print(FOLDER / f"{draw.__name__.replace('_', '-')}.jpg")


if __name__ == "__main__":
    main()
