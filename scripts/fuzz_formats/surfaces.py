"""UV charts, position maps and meshes."""

from pathlib import Path

import numpy as np

from fuzz_formats.content import POINTS, RANDOM, TRIANGLES, N


def write_atlas(path: Path) -> None:
    from pyface3d import MorphableModel, UVAtlas

    grid = np.stack(np.meshgrid(np.arange(4), np.arange(4)), -1).reshape(-1, 2)
    corners = np.array([(r * 4 + c, r * 4 + c + 1, r * 4 + c + 5) for r in range(3) for c in range(3)])
    mean = np.concatenate([grid, np.zeros((16, 1))], 1).astype(np.float32)
    empty = np.zeros((16, 3, 0), np.float32)
    UVAtlas.from_model(MorphableModel(mean, empty, empty, corners, uv=grid / 3.0), size=8).save(path)


def write_map(path: Path) -> None:
    from pyface3d.export import save_position_map

    save_position_map(path, RANDOM.random((6, 6, 3), np.float32))


def write_mesh(path: Path) -> None:
    from pyface3d.export import Mesh, save_mesh

    save_mesh(path, Mesh(POINTS, TRIANGLES, uv=RANDOM.random((N, 2)).astype(np.float32)))
