"""eos (Huber et al. 2016): ``.bin`` models and blendshapes in cereal's binary layout, and the same tree as JSON.

A model file is its version (1 to 4), then in order shape model, color model, from version 2 an optional expression
model (PCA or blendshapes), from 3 optional landmark names, texture coordinates, from 4 texture triangles. A PCA model
is mean, orthonormal basis, eigenvalues and triangles; a matrix is int32 rows, int32 columns and its columns' floats.
In JSON a model has the same names, matrices as {"rows", "cols", "data"} or as nested lists.
"""

import struct
from pathlib import Path
from typing import Any

import numpy as np

from pyface3d.foreign.regular import read_bytes
from pyface3d.morphable.layouts import basis_from_flat, outward, vertices_from_flat, zero_based
from pyface3d.morphable.model import MorphableModel

_PCA = ("mean", "orthonormal_pca_basis", "eigenvalues", "triangle_list")


def kind_of(head: bytes) -> str | None:
    """What a binary file with these first bytes is to this reader."""
    if len(head) < 16:
        return None
    version, rows, columns = struct.unpack_from("<Iii", head)
    if 1 <= version <= 4 and rows > 0 and rows % 3 == 0 and columns == 1:
        return "eos"
    count, length = struct.unpack_from("<QQ", head)
    return "eos_blendshapes" if 0 < count < 1000 and 0 < length < 100 else None


def read_eos(path: Path, blendshapes: Path | None = None) -> MorphableModel:
    """Read a ``.bin`` model, its expressions from a separate file of blendshapes when one is given."""
    archive = _Archive(path)
    model = archive.model()
    if blendshapes is not None:
        model["expression_model"] = _Archive(blendshapes).blendshapes()
    return _build(model)


def read_eos_json(content: dict[str, Any], blendshapes: Path | None = None) -> MorphableModel:
    """The model of a parsed JSON tree (below cereal's ``value0``)."""
    model = {**content}
    model["shape_model"] = {name: _matrix(model["shape_model"][name]) for name in _PCA}
    color = model.get("color_model")
    model["color_model"] = {"mean": _matrix(color["mean"])} if color and color.get("mean") else None
    expression = model.get("expression_model")
    if isinstance(expression, dict):
        model["expression_model"] = {name: _matrix(expression[name]) for name in _PCA if name in expression}
    elif expression:
        model["expression_model"] = {shape["name"]: _matrix(shape["deformation"]) for shape in expression}
    if blendshapes is not None:
        model["expression_model"] = _Archive(blendshapes).blendshapes()
    for name in ("texture_coordinates", "texture_triangle_indices"):
        model[name] = np.array(model.get(name) or np.zeros((0, 0)))
    return _build(model)


def _build(model: dict[str, Any]) -> MorphableModel:
    shape, color, expression = model["shape_model"], model.get("color_model"), model.get("expression_model")
    mean = vertices_from_flat(shape["mean"])
    columns, names = np.zeros((*mean.shape, 0), np.float32), None
    expression_std = np.zeros(0, np.float32)
    if expression and "orthonormal_pca_basis" in expression:
        mean = mean + vertices_from_flat(expression["mean"])
        columns = basis_from_flat(expression["orthonormal_pca_basis"])
        expression_std = np.sqrt(expression["eigenvalues"].ravel())
    elif expression:
        names = list(expression)
        columns = np.stack([vertices_from_flat(deformation) for deformation in expression.values()], axis=2)
        expression_std = np.ones(len(names), np.float32)
    uv, uv_triangles = model["texture_coordinates"], model.get("texture_triangle_indices")
    triangles = zero_based(shape["triangle_list"], first=0)
    turned = outward(mean, triangles)
    if uv_triangles is not None:
        uv_triangles = uv_triangles if turned is triangles else uv_triangles[:, ::-1]
    return MorphableModel(
        mean,
        basis_from_flat(shape["orthonormal_pca_basis"]),
        columns,
        turned,
        identity_std=np.sqrt(shape["eigenvalues"].ravel()),
        expression_std=expression_std,
        uv=np.stack([uv[:, 0], 1 - uv[:, 1]], axis=1).astype(np.float32) if uv.size else None,  # eos: v down
        uv_triangles=uv_triangles if uv_triangles is not None and uv_triangles.size else None,
        colors=vertices_from_flat(color["mean"]) if color and color["mean"].size else None,
        expression_names=names,
        unit="mm",
        name="eos",
    )


def _matrix(value: Any) -> np.ndarray:
    if isinstance(value, dict):
        return np.array(value["data"], np.float32).reshape(value["cols"], value["rows"]).T
    return np.array(value)


class _Archive:
    """A cursor over a cereal binary archive (little-endian, 64-bit sizes)."""

    def __init__(self, path: Path):
        self.path, self.content, self.at = path, read_bytes(path, "model_bytes"), 0

    def model(self) -> dict[str, Any]:
        (version,) = self.take("<I", 1)
        if not 1 <= version <= 4:
            raise ValueError(f"load_model: {self.path} has eos version {version}, known are 1 to 4")
        model: dict[str, Any] = {"shape_model": self.pca(), "color_model": self.pca()}
        if version >= 2:
            model["expression_model"] = self.expression() if self.present() else None
        if version >= 3 and self.present():
            for _ in range(self.size()):
                self.text(), self.take("<i", 1)
        model["texture_coordinates"] = self.rows("<f8", 2)
        if version >= 4:
            model["texture_triangle_indices"] = self.rows("<i4", 3)
        if self.at != len(self.content):
            raise ValueError(f"load_model: {self.path} is damaged: {len(self.content) - self.at} bytes are left over")
        return model

    def pca(self) -> dict[str, np.ndarray]:
        return dict(zip(_PCA, (self.matrix(), self.matrix(), self.matrix(), self.rows("<i4", 3))))

    def expression(self) -> dict[str, np.ndarray]:
        (alternative,) = self.take("<i", 1)  # std::variant<PcaModel, Blendshapes>
        return self.pca() if alternative == 0 else self.blendshapes()

    def blendshapes(self) -> dict[str, np.ndarray]:
        return {self.text(): self.matrix() for _ in range(self.size())}

    def matrix(self) -> np.ndarray:
        rows, columns = (int(size) for size in self.take("<i", 2))
        if rows < 0 or columns < 0:
            raise ValueError(f"load_model: {self.path} is damaged: a matrix of {rows} x {columns}")
        return self.take("<f4", rows * columns).reshape(columns, rows).T

    def rows(self, dtype: str, width: int) -> np.ndarray:
        return self.take(dtype, self.size() * width).reshape(-1, width)

    def text(self) -> str:
        return self.take("u1", self.size()).tobytes().decode()

    def present(self) -> bool:
        return not self.take("u1", 1)[0]  # cereal stores whether an optional is null

    def size(self) -> int:
        return int(self.take("<u8", 1)[0])

    def take(self, dtype: str, count: int) -> np.ndarray:
        end = self.at + np.dtype(dtype).itemsize * count
        if end > len(self.content):
            raise ValueError(f"load_model: {self.path} is truncated: it ends {end - len(self.content)} bytes too early")
        self.at, start = end, self.at
        return np.frombuffer(self.content[start:end], dtype)
