"""A face whose texture is known, photographed from any side."""

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_dilation, binary_fill_holes

from pyface3d import MorphableModel, render
from pyface3d.render.sight import unwrapped
from pyface3d.render.zones import zones_of

SIDE = 240  # pixels of the photos
TEXELS = 128
SKIN, LIPS, BROWS = (176, 128, 104), (150, 70, 74), (66, 48, 40)
EYES = (225, 222, 218)  # what shows through the holes of the mesh
EVEN = render.Light(ambient=1.0, directional=0.0, specular=0.0)
MAGENTA = (255, 0, 255)


class KnownFace:
    """The mean face with freckled skin, brows and lips, the same on both sides."""

    def __init__(self) -> None:
        model = MorphableModel.default()
        self.uv, self.triangles = model.uv.numpy(), model.triangles.numpy()
        self.uv_triangles = model.uv_triangles.numpy()
        self.chart = (self.triangles, self.uv, self.uv_triangles)
        middle = model.mean.mean(0)
        scale = torch.tensor([9.0, -9.0, 9.0])
        self.vertices = ((model.mean - middle) * scale).numpy()
        self.landmarks = ((model.landmark_sets["300w-lp"].of(model.mean) - middle) * scale).numpy()
        self.texture, self.covered = self._painted()
        self.features = np.abs(self.texture.astype(int) - SKIN).max(2) > 40  # (T, T) bool
        self.plain = self.covered & ~binary_dilation(self.features, iterations=5)

    def _painted(self) -> tuple[np.ndarray, np.ndarray]:
        points, marks = torch.tensor(self.vertices)[None], torch.tensor(self.landmarks)
        tables = torch.tensor(self.triangles), torch.tensor(self.uv), torch.tensor(self.uv_triangles)
        texels = unwrapped(points, torch.ones_like(points), *tables, TEXELS)
        place = texels.points
        freckles = torch.sin(place[..., 0].abs() / 4) * torch.sin(place[..., 1] / 4)
        picture = torch.tensor(SKIN) + 6 * freckles[..., None]
        zones = zones_of(place, marks)
        for color, rows in ((BROWS, slice(17, 27)), (LIPS, slice(48, 68))):
            near = torch.cdist(place.flatten(0, 1), marks[rows]).amin(1).view(TEXELS, TEXELS)
            inside = (near < 7)[..., None] & (zones.features > 0.5)[..., None]
            picture = torch.where(inside, torch.tensor(color, dtype=picture.dtype), picture)
        picture = (picture + picture.flip(1)) / 2
        return picture.clamp(0, 255).round().to(torch.uint8).numpy(), texels.covered.numpy()

    def turned(self, degrees: float, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """Vertices and landmarks in the photo of the face turned by ``degrees``."""
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        turn = scale * np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
        return tuple((x @ turn.T + [SIDE / 2, SIDE / 2, 0]).astype(np.float32) for x in (self.vertices, self.landmarks))

    def photo(
        self, degrees: float, light: render.Light = EVEN, texture: np.ndarray | None = None, behind: tuple = MAGENTA
    ) -> np.ndarray:
        """(SIDE, SIDE, 3) uint8: the turned face before a wall."""
        look = render.Texture(self.texture if texture is None else texture, self.uv, self.uv_triangles)
        vertices = self.turned(degrees)[0]
        body = render.depth_map(vertices, self.triangles, SIDE, SIDE)[..., 0] > 0
        wall = np.where(binary_fill_holes(body)[..., None], EYES, behind).astype(np.uint8)
        return render.shade(vertices, self.triangles, SIDE, SIDE, colors=look, light=light, background=wall)

    def extracted(self, photo: np.ndarray, degrees: float, scale: float = 1.0, **options) -> render.ExtractedTexture:
        """The texture taken from the photo, by vertices that are ``scale`` times too large."""
        vertices, landmarks = self.turned(degrees, scale)
        options = {"landmarks": landmarks, "size": TEXELS, **options}
        return render.extract_texture(photo, vertices, *self.chart, **options)

    def error(self, texture: np.ndarray, plain: bool = False) -> np.ndarray:
        """(P,) largest difference of a channel, in levels, at each texel of the face, or of its plain skin."""
        return np.abs(texture.astype(int) - self.texture)[self.plain if plain else self.covered].max(1)


@pytest.fixture(scope="session")
def known_face() -> KnownFace:
    """See ``KnownFace``."""
    return KnownFace()
