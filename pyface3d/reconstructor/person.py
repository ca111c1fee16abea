"""One person in several photos."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pyface3d import render
from pyface3d.export import Mesh, save_mesh
from pyface3d.morphable.default import arkit_twin
from pyface3d.reconstructor.face import Face
from pyface3d.reconstructor.styles import in_memory


@dataclass(frozen=True, eq=False)
class Person:
    """One identity seen in several photos, in each with its own pose and expression.

    Args:
        faces: one of each photo, with the same identity.

    Example:
        >>> person = Reconstructor().person(["front.jpg", "side.jpg"])  # doctest: +SKIP
        >>> person.save("person.glb")  # doctest: +SKIP
    """

    faces: list[Face]

    @property
    def identity(self) -> np.ndarray:
        """(K_i,) coefficients."""
        answer = self.faces[0].reconstruction
        assert answer.coeffs is not None
        return answer.model.split(answer.coeffs)[0][0].float().cpu().numpy()

    def texture(self, size: int = 512) -> np.ndarray:
        """(S, S, 3) uint8 RGB on the model's chart, merged from the photos by what each shows.

        Raises:
            ValueError: the face model has no chart.
        """
        model = self.faces[0].reconstruction.model
        if model.uv is None or model.uv_triangles is None:
            raise ValueError(f"Person.texture: the face model {model.name} has no chart")
        pictures = [face.photo.pixels for face in self.faces]
        vertices = [in_memory(face, face.vertices) for face in self.faces]
        points = None if model.landmarks is None else [in_memory(face, face.landmarks) for face in self.faces]
        chart: dict[str, Any] = {"uv": model.uv.cpu().numpy(), "uv_triangles": model.uv_triangles.cpu().numpy()}
        return render.merge_textures(
            pictures, vertices, self.faces[0].triangles, **chart, size=size, landmarks=points
        ).image

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the person at rest as a mesh (``.glb``, ``.obj``, ``.ply``), with the merged texture."""
        given = self.faces[0].reconstruction.model
        model = arkit_twin(given) or given
        coeffs = torch.zeros(model.n_coeffs)
        coeffs[: model.n_identity] = torch.from_numpy(self.identity)
        look: dict[str, Any] = {} if given.uv is None else {"texture": self.texture()}
        save_mesh(path, Mesh.from_model(model, coeffs, **look))
        return Path(path)


def share_identity(faces: Sequence[Face]) -> Person:
    """Faces of several photos as one person: the identity is the mean of theirs.

    A network's identities are answers to one question with errors of equal size: their mean is the least-squares one.

    Raises:
        ValueError: no faces, faces of different models, or of a method that answers position maps.
    """
    if not faces or any(face.reconstruction.params is None for face in faces):
        raise ValueError("person: at least one face is needed, of a method that answers parameters")
    models = {face.reconstruction.model.name for face in faces}
    if len(models) > 1:
        raise ValueError(f"person: the faces must be of one face model, got {', '.join(sorted(models))}")
    model = faces[0].reconstruction.model
    parts = [model.split(face.reconstruction.coeffs.float().cpu()) for face in faces]  # type: ignore[union-attr]
    identity = torch.stack([part[0] for part in parts]).mean(0)  # (1, K_i)
    return Person([_with(face, torch.cat([identity, part[1]], 1)) for face, part in zip(faces, parts)])


def _with(face: Face, coeffs: torch.Tensor) -> Face:
    """The face with other coefficients (1, K)."""
    answer = face.reconstruction
    assert answer.params is not None and answer.crop_pose is not None
    params = torch.cat([answer.crop_pose.flatten(1).float().cpu(), coeffs], 1).to(answer.params)
    answer = replace(answer, coeffs=coeffs.to(answer.params), params=params)
    return replace(face, reconstruction=answer)
