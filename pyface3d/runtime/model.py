"""Face models without torch: the library's own files, as arrays."""

import hashlib
import json
import os
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pyface3d.foreign.arrays import read_npz
from pyface3d.foreign.damage import reading
from pyface3d.foreign.regular import open_regular
from pyface3d.foreign.tensors import read_safetensors
from pyface3d.runtime.geometry import synthesize_shape

FORMAT = "pyface3d morphable model"


@dataclass(frozen=True, eq=False)
class FaceModel:
    """A morphable model as arrays: what deployment needs of ``pyface3d.MorphableModel``.

    Attributes:
        mean: (N, 3) float32.
        basis: (N, 3, K) float32, identity columns first.
        triangles: (F, 3) int64.
        n_identity: identity columns among K.
        landmarks: (68,) int64 vertices, or None.
        name: as the file says.
        hash: of the content; the ONNX file of a method names the one it was trained with.
    """

    mean: NDArray
    basis: NDArray
    triangles: NDArray
    n_identity: int
    landmarks: NDArray | None = None
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
        with open_regular(path) as stream:
            is_zip = stream.read(2) == b"PK"
        arrays, header = _read_npz(path) if is_zip else _read_safetensors(path)
        identity, expression = arrays.pop("identity_basis"), arrays.pop("expression_basis")
        basis = _dense(np.concatenate([identity, expression], axis=2))
        if content_hash(arrays | {"basis": basis}) != header.get("hash"):
            raise ValueError("its content does not have the hash that it names")
        model = FaceModel(
            mean=_dense(arrays.pop("mean")),
            basis=basis,
            triangles=arrays.pop("triangles").astype(np.int64),
            n_identity=identity.shape[2],
            landmarks=arrays.pop("landmarks", None),
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


def content_hash(arrays: dict[str, NDArray]) -> str:
    """SHA-256 (hex) of a model's arrays by name: the number that ``MorphableModel.hash`` gives."""
    digest = hashlib.sha256()
    for name, values in sorted(arrays.items()):
        if name.startswith(("part.", "blendshapes.")):
            continue  # names for parts of the basis, no content of their own
        values = np.ascontiguousarray(values, np.float32 if values.dtype.kind == "f" else None)
        digest.update(f"{name}{values.shape}".encode())
        digest.update(values.data)
    return digest.hexdigest()


def _dense(values: NDArray) -> NDArray:
    return np.ascontiguousarray(values, np.float32)


def _read_safetensors(path: str | os.PathLike[str]) -> tuple[dict[str, NDArray], dict]:
    try:
        arrays, metadata = read_safetensors(path, "runtime.load_model", "numpy")
    except ImportError as error:
        raise ImportError(
            "runtime.load_model: safetensors files need the package safetensors; run 'pip install safetensors', "
            "or save the model as .npz"
        ) from error
    if metadata.get("format") != FORMAT:
        raise ValueError(f"runtime.load_model: {path} is a safetensors file of something else than a model")
    return arrays, _header(metadata["header"])


def _read_npz(path: str | os.PathLike[str]) -> tuple[dict[str, NDArray], dict]:
    arrays = read_npz(path, "runtime.load_model")
    if "header" not in arrays:
        raise ValueError(f"runtime.load_model: {path} is an npz of something else than a face model")
    return arrays, _header(str(arrays.pop("header")))


def _header(text: str) -> dict:
    header = json.loads(text)
    if not isinstance(header, dict):
        raise ValueError("its header is no object")
    return header
