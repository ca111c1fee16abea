"""The embedded face: ICT-FaceKit light, unpacked from ``pyface3d/assets/ict_face.npz``.

The file is a plain npz in two sections, ``face_*`` and ``rest_*``: ``default()`` needs only the first, the head is both
put together. Bases are float16, coordinate by coordinate (K, 3, N), high and low bytes apart, and stored as what their
mirror images do not foretell (``mirrored.py``): so they deflate best.
``landmark_sets.npz`` beside it (scripts/place_landmarks.py) has ``<set>.corners`` and ``<set>.weights``.
"""

from collections.abc import Mapping
from functools import lru_cache
from importlib import resources

import numpy as np
import torch
from torch import Tensor

from pyface3d.morphable.arkit import ARKIT_NAMES, from_arkit_matrix
from pyface3d.morphable.blendshapes import Blendshapes
from pyface3d.morphable.landmark_sets import LandmarkSet
from pyface3d.morphable.mirrored import unpack_basis, unpack_triangles
from pyface3d.morphable.model import MorphableModel

# An ordinary expression moves a blendshape by about a quarter of its range (ICT-FaceKit publishes no statistics).
EXPRESSION_STD = 0.25
_MISSING = 65535  # in uint16

_SECTIONS = {"face": ("face",), "head": ("face", "rest")}


def load_default(parts: str, expression: str, sets: Mapping[str, LandmarkSet] | None = None) -> MorphableModel:
    """Build the embedded model; see ``MorphableModel.default``. ``sets`` replaces its own landmark sets."""
    if parts not in _SECTIONS:
        raise ValueError(f"MorphableModel.default: parts must be 'face' or 'head', got {parts!r}")
    if expression not in ("directions", "blendshapes", "arkit"):
        raise ValueError(
            f"MorphableModel.default: expression must be 'directions', 'blendshapes' or 'arkit', got {expression!r}"
        )
    files = resources.files("pyface3d.assets")
    if sets is None:
        with files.joinpath("landmark_sets.npz").open("rb") as stream, np.load(stream) as placed:
            sets = read_sets(placed)
    with files.joinpath("ict_face.npz").open("rb") as stream, np.load(stream) as asset:
        return _build(asset, sets, parts, expression)


@lru_cache(maxsize=1)
def _arkit(parts: str) -> MorphableModel:
    return load_default(parts, "arkit")


def arkit_twin(model: MorphableModel) -> MorphableModel | None:
    """The embedded model with ARKit's expressions if ``model`` is the embedded one with others, else None."""
    parts = model.name.removeprefix("ict_")
    if not model.name.startswith("ict_") or parts not in _SECTIONS or model.blendshapes is None:
        return None
    twin = _arkit(parts)
    return twin if twin.n_vertices == model.n_vertices and twin.n_identity == model.n_identity else None


def arkit_coeffs(model: MorphableModel, twin: MorphableModel, coeffs: Tensor) -> Tensor:
    """Coefficients (B, K) of an embedded model -> those of its twin of ARKit's blendshapes, the nearest expression."""
    identity, expression = model.split(coeffs)
    assert model.blendshapes is not None
    kept = [ARKIT_NAMES.index(name) for name in twin.expression_names]
    return torch.cat([identity, model.blendshapes.to_arkit(expression)[:, kept]], 1)


def read_sets(arrays: Mapping[str, np.ndarray]) -> dict[str, LandmarkSet]:
    """The landmark sets of ``<set>.corners`` (65535: the model lacks the point) and ``<set>.weights``."""
    names = [key.removesuffix(".corners") for key in arrays if key.endswith(".corners")]
    corners = {name: arrays[f"{name}.corners"].astype(np.int64) for name in names}
    return {
        name: LandmarkSet(np.where(ids == _MISSING, -1, ids), arrays[f"{name}.weights"])  # type: ignore[arg-type]
        for name, ids in corners.items()
    }


def _build(
    asset: Mapping[str, np.ndarray], sets: Mapping[str, LandmarkSet], parts: str, expression: str
) -> MorphableModel:
    sections = _SECTIONS[parts]
    mean, uv = (np.concatenate([asset[f"{section}_{array}"] for section in sections]) for array in ("mean", "uv"))
    triangles = np.concatenate([unpack_triangles(asset[f"{section}_triangles"]) for section in sections])
    uv_triangles = triangles + np.concatenate([asset[f"{section}_uv_steps"] for section in sections])
    shapes, columns, blendshapes = _expressions(asset, expression, sections)
    bounds = zip(asset["part_names"].tolist(), asset["part_starts"].tolist(), asset["part_ends"].tolist())
    return MorphableModel(
        mean,
        _columns_last(_basis_of(asset, "identity", sections)),
        _columns_last(shapes),
        triangles.astype(np.int64),
        expression_std=np.full(len(shapes), EXPRESSION_STD, np.float32),
        uv=uv,
        uv_triangles=uv_triangles.astype(np.int64),
        landmarks=asset["landmarks"].astype(np.int64),
        forehead=asset["forehead"].astype(np.int64),
        landmark_sets={**sets, "ict": LandmarkSet.of_vertices(asset["landmarks"].astype(np.int64))},
        parts={name: np.arange(start, end) for name, start, end in bounds if end <= len(mean)},
        expression_names=columns,
        blendshapes=blendshapes,
        unit="cm",
        name=f"ict_{parts}",
    )


def _expressions(
    asset: Mapping[str, np.ndarray], kind: str, sections: tuple[str, ...]
) -> tuple[np.ndarray, list[str], Blendshapes]:
    """The expression basis (K, 3, N), the names of its columns, and how blendshapes become coefficients."""
    names, gram = asset["expression_names"].tolist(), asset["gram"]
    shapes = _basis_of(asset, "expression", sections)  # (53, 3, N)
    if kind == "blendshapes":
        return shapes, names, Blendshapes(names, np.eye(len(names)), gram)
    if kind == "arkit":
        merge = from_arkit_matrix(names)  # (52, 53)
        merged = [name for name, row in zip(ARKIT_NAMES, merge) if row.any()]
        merge = merge[merge.any(1)]
        return _combine(merge.T, shapes), merged, Blendshapes(merged, np.eye(len(merged)), merge @ gram @ merge.T)
    directions = asset["directions"]  # (53, 10)
    shapes = _combine(directions, shapes)  # (10, 3, N)
    return shapes, [f"direction_{k}" for k in range(len(shapes))], Blendshapes(names, directions, gram)


def _basis_of(asset: Mapping[str, np.ndarray], name: str, sections: tuple[str, ...]) -> np.ndarray:
    """The float16 basis (K, 3, N) of the sections."""
    parts = []
    for section in sections:
        high, low = asset[f"{section}_{name}_high"], asset[f"{section}_{name}_low"]
        mirror = np.cumsum(asset[f"{section}_mirror_steps"], dtype=np.uint16)
        parts.append(unpack_basis(high, low, mirror, asset[f"{name}_twins"]))
    return np.concatenate(parts, axis=2)


def _combine(directions: np.ndarray, shapes: np.ndarray) -> np.ndarray:
    """Blendshape combinations (K, 3, N) of (M, K) and (M, 3, N), by sums in a fixed order.

    A matrix product would differ in the last bit from one BLAS to the next, and with it the hash of the model.
    """
    combined = np.zeros((directions.shape[1], *shapes.shape[1:]))
    for row, shape in zip(directions, shapes.astype(np.float64)):
        for k, weight in enumerate(row):
            combined[k] += weight * shape
    return combined


def _columns_last(basis: np.ndarray) -> np.ndarray:
    """(K, 3, N) in any float type to (N, 3, K) float32."""
    return np.ascontiguousarray(basis.astype(np.float32).transpose(2, 1, 0))
