"""Face models without torch: the library's own files, as arrays."""

import hashlib
import os
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pyface3d.foreign.damage import reading
from pyface3d.foreign.model_files import read_model_file
from pyface3d.runtime.geometry import synthesize_shape

DEFAULT_LANDMARKS = "300w-lp"


@dataclass(frozen=True, eq=False)
class FaceModel:
    """A morphable model as arrays: what deployment needs of ``pyface3d.MorphableModel``.

    Attributes:
        mean: (N, 3) float32.
        basis: (N, 3, K) float32, identity columns first.
        triangles: (F, 3) int64.
        n_identity: identity columns among K.
        landmarks: (68,) int64 vertices, or None.
        landmark_sets: conventions by name to corners (L, S) int64 and weights (L, S) of their points, each the weighted
            mean of S vertices; corners are -1 where the model lacks the point.
        name: as the file says.
        hash: of the content; the ONNX file of a method names the one it was trained with.
    """

    mean: NDArray
    basis: NDArray
    triangles: NDArray
    n_identity: int
    landmarks: NDArray | None = None
    landmark_sets: dict[str, tuple[NDArray, NDArray]] = field(default_factory=dict, repr=False)
    name: str = ""
    hash: str = ""
    extra: dict[str, NDArray] = field(default_factory=dict, repr=False)

    @property
    def n_coeffs(self) -> int:
        """Shape coefficients K."""
        return self.basis.shape[2]

    def synthesize(
        self, coeffs: NDArray, pose: NDArray | None = None, indices: NDArray | None = None, *, threads: int = 0
    ) -> NDArray:
        """Coefficients (B, K), poses (B, 3, 4) -> vertices (B, N, 3); see ``runtime.synthesize_shape``."""
        return synthesize_shape(self.mean, self.basis, coeffs, pose, indices, threads=threads)

    def landmark_points(
        self, coeffs: NDArray, pose: NDArray | None = None, name: str = DEFAULT_LANDMARKS, *, threads: int = 0
    ) -> NDArray:
        """Landmarks (B, L, 3) of a named set; NaN for points that the model lacks.

        Raises:
            ValueError: the model has no such set.
        """
        if name not in self._points:
            known = ", ".join(self.landmark_sets) or "none"
            raise ValueError(f"FaceModel.landmark_points: {self.name} has no landmarks {name!r}, its sets are {known}")
        mean, basis, mask = self._points[name]
        found = synthesize_shape(mean, basis, coeffs, pose, threads=threads)
        found[:, ~mask] = np.nan
        return found

    @cached_property
    def _points(self) -> dict[str, tuple[NDArray, NDArray, NDArray]]:
        """Mean (L, 3), basis (L, 3, K) and mask (L,) of each landmark set, gathered once."""
        found = {}
        for name, (corners, weights) in self.landmark_sets.items():
            share = np.where(corners >= 0, weights, 0).astype(np.float32)
            mean, basis = (np.einsum("ls,ls...->l...", share, x[corners]) for x in (self.mean, self.basis))
            found[name] = (_dense(mean), _dense(basis), corners[:, 0] >= 0)
        return found


def load_model(path: str | os.PathLike[str]) -> FaceModel:
    """Reads a face model that ``MorphableModel.save`` wrote, safetensors or npz.

    Args:
        path: the file. Other formats are turned into this one by ``pyface3d convert``.

    Returns:
        The model in float32.

    Raises:
        ValueError: the file is damaged or something else.

    Example:
        >>> from pyface3d import runtime
        >>> runtime.load_model("face.safetensors").n_coeffs  # doctest: +SKIP
        50
    """
    with reading(path, "runtime.load_model"):
        arrays, header = _read(path)
        identity, expression = arrays.pop("identity_basis"), arrays.pop("expression_basis")
        basis = _dense(np.concatenate([identity, expression], axis=2))
        if content_hash(arrays | {"basis": basis}) != header.get("hash"):
            raise ValueError("its content does not have the hash that it names")
        sets = _landmark_sets(arrays, header)
        model = FaceModel(
            mean=_dense(arrays.pop("mean")),
            basis=basis,
            triangles=arrays.pop("triangles").astype(np.int64),
            n_identity=identity.shape[2],
            landmarks=arrays.pop("landmarks", None),
            landmark_sets=sets,
            name=str(header.get("name", "")),
            hash=header["hash"],
            extra=arrays,
        )
        _check(model)
        return model


def _check(model: FaceModel) -> None:
    """Raises ValueError unless shapes fit each other and every index is a vertex: the kernels rely on it."""
    n = len(model.mean)
    if model.mean.shape != (n, 3) or model.basis.shape[:2] != (n, 3) or model.triangles.shape[1:] != (3,):
        raise ValueError(f"mean {model.mean.shape}, basis {model.basis.shape}, triangles {model.triangles.shape}")
    for name, ids in (("triangles", model.triangles), ("landmarks", model.landmarks)):
        if ids is not None and ids.size and not (ids.dtype.kind == "i" and 0 <= ids.min() <= ids.max() < n):
            raise ValueError(f"its {name} must be vertices in [0, {n})")
    for name, (corners, weights) in model.landmark_sets.items():
        if corners.ndim != 2 or corners.shape != weights.shape or corners.dtype.kind != "i":
            raise ValueError(f"its landmarks {name} have corners {corners.shape} and weights {weights.shape}")
        if corners.size and not -1 <= corners.min() <= corners.max() < n:
            raise ValueError(f"its landmarks {name} must be vertices in [0, {n}), or -1")


def content_hash(arrays: dict[str, NDArray]) -> str:
    """SHA-256 (hex) of a model's arrays by name: the number that ``MorphableModel.hash`` gives."""
    digest = hashlib.sha256()
    for name, values in sorted(arrays.items()):
        if name.startswith(("part.", "landmark_set.", "blendshapes.")):
            continue  # names for parts of the basis, no content of their own
        values = np.ascontiguousarray(values, np.float32 if values.dtype.kind == "f" else None)
        digest.update(f"{name}{values.shape}".encode())
        digest.update(values.data)
    return digest.hexdigest()


def _landmark_sets(arrays: dict[str, NDArray], header: dict) -> dict[str, tuple[NDArray, NDArray]]:
    """The landmark sets of a file; of one from before there were any, its landmark vertices."""
    names = header.get("landmark_sets", ())
    sets = {
        name: (arrays.pop(f"landmark_set.{name}.corners"), arrays.pop(f"landmark_set.{name}.weights")) for name in names
    }
    if DEFAULT_LANDMARKS not in sets and "landmarks" in arrays:
        vertices = arrays["landmarks"][:, None]
        sets[DEFAULT_LANDMARKS] = (vertices, np.ones(vertices.shape, np.float32))
    return sets


def _dense(values: NDArray) -> NDArray:
    return np.ascontiguousarray(values, np.float32)


def _read(path: str | os.PathLike[str]) -> tuple[dict[str, NDArray], dict]:
    try:
        return read_model_file(path, "runtime.load_model")
    except ImportError as error:
        raise ImportError(
            "runtime.load_model: safetensors files need the package safetensors; run 'pip install safetensors', "
            "or save the model as .npz"
        ) from error
