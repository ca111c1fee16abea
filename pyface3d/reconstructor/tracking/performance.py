"""One person's performance through a video, as an animated GLB."""

from array import array
from pathlib import Path

import numpy as np
import torch

from pyface3d.camera import PinholeCamera
from pyface3d.export import Mesh, Motion, save_mesh
from pyface3d.morphable import ARKIT_NAMES, MorphableModel
from pyface3d.morphable.content import METERS
from pyface3d.morphable.default import arkit_twin
from pyface3d.reconstructor.face import Face
from pyface3d.reconstructor.face_files import textured_mesh

_BETTER = 5.0  # degrees that a frame is less turned than the best one before
_WAIT = 15  # frames


class Performance:
    """Collects a person's frames: a hundred numbers each, and the most frontal one for the texture.

    A texture takes its time: a frame gets one when no better one follows for a while.

    Args:
        camera: of the video.
    """

    def __init__(self, camera: PinholeCamera) -> None:
        self.camera = camera
        self._numbers = array("f")  # seconds, weights, matrix of each frame
        self._best: tuple[float, int, Face | None] | None = None  # how far it is turned, number of the frame
        self._look: Mesh | None = None
        self._count = 0
        self._identity: np.ndarray | None = None
        self._model: MorphableModel | None = None
        self._names: list[str] = []

    def add(self, face: Face, seconds: float, blendshapes: dict[str, float], matrix: np.ndarray, turned: float) -> None:
        """One more frame; ``matrix`` (4, 4) carries the model frame to the camera's; ``turned`` degrees to any side."""
        model = face.reconstruction.model
        coeffs = face.reconstruction.coeffs
        assert coeffs is not None
        identity, expression = (part[0] for part in model.split(coeffs.float().cpu()))
        if self._model is None:
            self._model = arkit_twin(model) or model
            self._names = [name for name in self._model.expression_names if name in ARKIT_NAMES]
        weights = (
            [blendshapes[name] for name in self._names]
            if self._is_named
            else (expression / model.expression_std.cpu()).tolist()
        )
        self._numbers.extend([seconds, *weights, *matrix.ravel().tolist()])
        self._identity = identity.numpy()
        if self._best is None or turned < self._best[0] - _BETTER:
            self._best, self._look = (turned, self._count, face), None
        elif self._look is None and self._count >= self._best[1] + _WAIT:
            self._dress()
        self._count += 1

    def _dress(self) -> Mesh:
        """The mesh of the best frame with its texture; the frame itself is let go."""
        assert self._best is not None
        if self._look is None:
            turned, number, face = self._best
            assert face is not None
            self._look = textured_mesh(face)
            self._best = turned, number, None
        return self._look

    @property
    def _is_named(self) -> bool:
        return self._model is not None and len(self._names) == self._model.n_expression

    def save(self, path: Path) -> None:
        """Writes the GLB: the person at rest, ARKit's targets by name where the model has them, and the motion."""
        assert self._model is not None and self._identity is not None
        model = self._model
        rows = np.frombuffer(self._numbers, np.float32).reshape(-1, 1 + model.n_expression + 16)
        meters = METERS.get(model.unit, 1.0)
        matrices = rows[:, -16:].reshape(-1, 4, 4).astype(np.float64)
        matrices[:, :3, :3] /= meters
        coeffs = np.concatenate([self._identity, np.zeros(model.n_expression, np.float32)])
        look = self._dress()
        dress = {"uv": look.uv, "uv_triangles": look.uv_triangles, "texture": look.texture, "colors": look.colors}
        mesh = Mesh.from_model(model, torch.from_numpy(coeffs), **dress)
        camera = self.camera
        view = camera.vertical_view, camera.width / camera.height
        save_mesh(path, mesh, Motion(rows[:, 0], rows[:, 1:-16], matrices, view))
