"""One reconstructed face in its photo."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor

from pyface3d.camera import crop_to_image, flip_y
from pyface3d.fitting import fit_shape
from pyface3d.images import Photo
from pyface3d.methods import Reconstruction
from pyface3d.morphable import ARKIT_NAMES
from pyface3d.morphable.landmark_sets import DEFAULT
from pyface3d.reconstructor.closeups import merge_weights, read_closeups

if TYPE_CHECKING:
    import trimesh


@dataclass(frozen=True, eq=False)
class Face:
    """One face as a method sees it, in pixels of the upright photo: x right, y down, larger z nearer.

    Args:
        reconstruction: the method's answer for this face alone, placed in the photo (``to_image``).
        photo: the photo.
        index: number of the face in the photo, from 0.
        score: of the detector; 1 where the place was given.
        method: name of the method.
        points: (5, 2) eyes, tip of the nose and corners of the mouth as the detector sees them in the photo, those on
            the left of a frontal picture first; None where the place was given.
        closeups: weights of what eyes, brows and mouth show (:mod:`pyface3d.reconstructor.closeups`), where they are
            known already, as in a video; None: read from the photo when they are asked for.

    Example:
        >>> face = Reconstructor()("photo.jpg")[0]  # doctest: +SKIP
        >>> face.save("face.glb"), face.save("face.html")  # doctest: +SKIP
    """

    reconstruction: Reconstruction
    photo: Photo
    index: int = 0
    score: float = 1.0
    method: str = ""
    points: np.ndarray | None = None
    closeups: np.ndarray | None = None

    # --- numbers

    @cached_property
    def vertices(self) -> np.ndarray:
        """(N, 3) float32 vertices in the photo."""
        return _array(self.reconstruction.vertices[0])

    @cached_property
    def landmarks(self) -> np.ndarray:
        """(68, 3) float32 landmarks in the photo, iBUG order."""
        return _array(self.reconstruction.landmarks[0])

    @property
    def triangles(self) -> np.ndarray:
        """(F, 3) int64 vertex ids, counter-clockwise seen from outside in the model's frame."""
        return self.reconstruction.triangles.cpu().numpy()

    @property
    def params(self) -> np.ndarray | None:
        """(P,) parameter vector in the crop, un-whitened; None for methods that predict a map."""
        params = self.reconstruction.params
        return None if params is None else _array(params[0])

    @property
    def position_map(self) -> np.ndarray | None:
        """(3, U, V) position map in pixels of the crop; None for methods that predict parameters."""
        maps = self.reconstruction.position_map
        return None if maps is None else _array(maps[0])

    @property
    def roi(self) -> np.ndarray:
        """(4,) left, top, right, bottom of the crop in the photo."""
        return _array(self._roi[0])

    @property
    def _roi(self) -> Tensor:
        assert self.reconstruction.roi is not None, "Face: the reconstruction must be placed in the photo (to_image)"
        return self.reconstruction.roi

    @property
    def box(self) -> np.ndarray:
        """(4,) left, top, right, bottom of the 68 landmarks."""
        points = self.landmarks[:, :2]
        return np.concatenate([points.min(0), points.max(0)])

    @property
    def pose(self) -> np.ndarray:
        """(3, 4) [f R | t] from the model frame to the photo, both y up (300W-LP's frame)."""
        return _array(self.reconstruction.pose_in_image(self.photo.height)[0])

    @property
    def photo_pose(self) -> np.ndarray:
        """(3, 4) affine map from the model frame to the photo's pixels, y down."""
        origin_and_axes = torch.cat([torch.zeros(1, 3), torch.eye(3)])  # (4, 3)
        pose = self.reconstruction.pose[0].float().cpu()
        posed = origin_and_axes @ pose[:, :3].T + pose[:, 3]
        size = self.reconstruction.size
        placed = crop_to_image(flip_y(posed, size, self.reconstruction.flip)[None], self._roi.cpu(), size)
        origin, axes = placed[0, 0], placed[0, 1:] - placed[0, 0]
        return _array(torch.cat([axes.T, origin[:, None]], dim=1))

    @property
    def angles(self) -> dict[str, float]:
        """Pitch, yaw and roll in degrees, in 300W-LP's convention."""
        degrees = torch.rad2deg(self.reconstruction.angles[0]).tolist()
        return dict(zip(("pitch", "yaw", "roll"), degrees))

    @property
    def attributes(self) -> dict[str, float]:
        """Attribute name to probability; empty for methods without attributes."""
        given = self.reconstruction.attributes
        return {} if given is None else dict(zip(self.reconstruction.attribute_names, given[0].tolist()))

    @cached_property
    def blendshapes(self) -> dict[str, float]:
        """ARKit's 52 expressions by Apple's names, 0 to 1; empty where the face model has no named blendshapes.

        The weights whose face comes nearest to the one found, over all vertices; what the model lacks (``tongueOut`` of
        the embedded one) is 0. Ten directions of expression hold neither blinks nor brows: on the embedded model
        these are read from the photo itself, and so is half of what the mouth does.
        """
        answer = self.reconstruction
        if answer.model.blendshapes is None:
            return {}
        coeffs = answer.coeffs
        if coeffs is None or answer.position_map is not None:
            assert answer.atlas is not None
            coeffs = fit_shape(answer.model, self.shape, answer.atlas.vertex_ids.cpu().numpy())[None]
        expression = answer.model.split(coeffs.float().cpu())[1]
        fitted = dict(zip(ARKIT_NAMES, answer.model.blendshapes.to_arkit(expression)[0].tolist()))
        seen = read_closeups(self) if self.closeups is None else self.closeups
        return fitted if seen is None else merge_weights(fitted, seen)

    @cached_property
    def shape(self) -> np.ndarray:
        """(N, 3) float32 vertices in the model's frame and unit: upright, without the pose of the photo."""
        answer = self.reconstruction
        if answer.coeffs is not None and answer.position_map is None:
            return _array(answer.model.synthesize(answer.coeffs)[0])
        pose = self.photo_pose.astype(np.float64)
        return ((self.vertices - pose[:, 3]) @ np.linalg.inv(pose[:, :3]).T).astype(np.float32)

    def facts(self) -> dict[str, Any]:
        """Everything that fits into a line of a table or JSON: box, crop, pose, parameters, landmarks, attributes."""
        facts: dict[str, Any] = {
            "photo": self.photo.name,
            "face": self.index,
            "method": self.method,
            "score": round(self.score, 4),
            "box": self.box.tolist(),
            "roi": self.roi.tolist(),
            **self.angles,
            "pose": self.pose.tolist(),
            "landmarks": self.landmarks.tolist(),
            "landmark_set": DEFAULT,
        }
        if self.params is not None:
            facts["params"] = self.params.tolist()
        if self.attributes:
            facts["attributes"] = self.attributes
        return facts

    # --- pictures and files

    def mesh(self) -> "trimesh.Trimesh":
        """The face in the model's frame and unit as a trimesh, without texture; ``save`` writes textured files."""
        import trimesh

        return trimesh.Trimesh(self.shape, self.triangles, process=False)

    def render(self, style: Literal["overlay", "shaded", "depth", "normals", "landmarks"] = "overlay") -> np.ndarray:
        """A picture (H, W, 3) uint8 of the size of the photo in memory."""
        from pyface3d.reconstructor.styles import render_face

        return render_face(self, style)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the face as what the suffix says, whole or not at all.

        ``.obj`` (with texture), ``.glb``, ``.ply``: mesh; ``.html``: interactive page; ``.png``, ``.jpg``: overlay;
        ``.json``: numbers; ``.npz``: arrays; ``.npy``: position map (H, W, 3).

        Raises:
            ValueError: another suffix, or a position map where the method predicts none.
        """
        from pyface3d.reconstructor.face_files import save_face

        return save_face(self, path)

    def show(self) -> None:
        """Open the interactive page in a browser; in a notebook, end a cell with the face instead."""
        import tempfile
        import webbrowser

        folder = Path(tempfile.mkdtemp(prefix="pyface3d-"))
        webbrowser.open(self.save(folder / "face.html").as_uri())

    def _repr_html_(self) -> str:
        import html

        from pyface3d.page.faces import faces_page

        page = html.escape(faces_page([self], title=Path(self.photo.name).name), quote=True)
        return f'<iframe srcdoc="{page}" style="width:100%;height:720px;border:0" title="3D face"></iframe>'

    def __repr__(self) -> str:
        turned = ", ".join(f"{name} {degrees:.0f}" for name, degrees in self.angles.items())
        return f"Face({self.photo.name!r}, {self.index}, {self.method!r}, {len(self.vertices)} vertices, {turned})"


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().float().cpu().numpy()
