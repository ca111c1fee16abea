"""Any face model, mesh or position map into another format."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from pyface3d.atlas import UVAtlas
from pyface3d.export import Mesh, load_position_map, save_mesh, save_position_map
from pyface3d.export.read_mesh import load_mesh
from pyface3d.morphable import MorphableModel, load_model

MESHES = (".obj", ".ply", ".glb")
MAPS = (".npy", ".png", ".exr")
MODELS = (".safetensors", ".npz")


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    model: MorphableModel | None = None,
    size: int = 256,
    more: Sequence[str | os.PathLike[str]] = (),
) -> Path:
    """Convert a file to what the suffix of ``target`` says.

    * a face model of any known format -> ``.safetensors`` or ``.npz`` (our own format), or its mean face as a mesh;
    * a position map (``.npy``, ``.png``) -> a mesh: upright and 0.2 m high if the map is in a photo's pixels (y down),
      in the map's own coordinates if those are right-handed (y up), as a mesh's are;
    * a mesh with the vertices of ``model`` -> a position map in the mesh's own coordinates.

    Args:
        source: file or folder to read.
        target: file to write.
        model: face model whose chart maps are laid out by; None: the embedded one.
        size: side of a position map that is written.
        more: further files of a face model (``load_model``).

    Returns:
        ``target``.

    Raises:
        FileNotFoundError: no such source.
        ValueError: a conversion that does not exist, or files that do not fit the model.

    Example:
        >>> convert("01_MorphableModel.mat", "bfm.safetensors", more=["model_info.mat"])  # doctest: +SKIP
    """
    source, target = Path(source), Path(target)
    if not source.exists():
        raise FileNotFoundError(f"convert: {source} does not exist")
    ending = target.suffix.lower()
    if source.suffix.lower() in MESHES and ending in MAPS:
        save_position_map(target, _map_of_mesh(source, model or MorphableModel.default(), size))
    elif source.suffix.lower() in (".npy", ".png") and ending in MESHES:
        save_mesh(target, _mesh_of_map(source, model or MorphableModel.default()))
    elif source.suffix.lower() in MESHES and source.is_file():
        raise ValueError(f"convert: {source} is a mesh, which becomes a position map ({', '.join(MAPS)}), not {target}")
    elif ending in MODELS:
        load_model(source, *map(Path, more)).save(target)
    elif ending in MESHES:
        save_mesh(target, Mesh.from_model(load_model(source, *map(Path, more))))
    else:
        wanted = ", ".join((*MODELS, *MESHES))
        raise ValueError(f"convert: {source} cannot become {target}; the target must end in {wanted}")
    return target


def _mesh_of_map(source: Path, model: MorphableModel) -> Mesh:
    values = load_position_map(source)  # (U, V, 3)
    if values.shape[0] != values.shape[1]:
        raise ValueError(f"convert: {source} must be a square position map, got {values.shape[:2]}")
    atlas = UVAtlas.from_model(model, size=len(values))
    maps = torch.from_numpy(np.ascontiguousarray(values)).permute(2, 0, 1)[None]  # (1, 3, U, V)
    vertices = atlas.vertices(maps)[0]  # (N, 3)
    make = Mesh if _is_right_handed(model.mean[atlas.vertex_ids], vertices) else Mesh.from_image
    return make(vertices.numpy(), atlas.triangles.numpy(), uv=atlas.vertex_uv[atlas.vertex_ids].numpy())


def _is_right_handed(mean: torch.Tensor, vertices: torch.Tensor) -> bool:
    """Whether the affine map from the mean face (N, 3) to ``vertices`` (N, 3) mirrors nothing."""
    seen = vertices.isfinite().all(1)
    face, there = (points[seen].double() - points[seen].double().mean(0) for points in (mean, vertices))
    return bool((face.T @ there).det() > 0)


def _map_of_mesh(source: Path, model: MorphableModel, size: int) -> torch.Tensor:
    vertices, _ = load_mesh(source)
    n = model.n_vertices
    if len(vertices) > n and source.suffix.lower() == ".glb":  # behind the vertices, copies of those on seams
        known = {tuple(point) for point in vertices[:n].tolist()}
        if all(tuple(point) in known for point in vertices[n:].tolist()):
            vertices = vertices[:n]
    if len(vertices) != n:
        raise ValueError(
            f"convert: {source} must have the {model.n_vertices} vertices of {model.name}, got {len(vertices)}"
        )
    return UVAtlas.from_model(model, size=size).render(torch.from_numpy(vertices)[None])[0]
