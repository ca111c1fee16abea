"""Make the embedded face model, pyface3d/assets/ict_face.npz, from ICT-FaceKit light.

    python scripts/make_default_model.py ict_facekit.npz pyface3d/assets/ict_face.npz

The source is the npz or the published folder of OBJ files; the same source always gives the same bytes.
"""

import argparse
import io
import zipfile
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from pyface3d.atomic import atomic_write
from pyface3d.morphable.ict import IctFaceKit, read_ict
from pyface3d.morphable.mirrored import pack_basis, pack_triangles

N_IDENTITY = 40  # 98 % of the variance of the 100 published modes
N_DIRECTIONS = 10  # 93 % of the blendshapes' energy on the face
LAST_PART = "eyeball_right"  # what follows are transparent layers: fluid, eye blends, occlusion, lashes

# Points 68 to 80 of the 81-point scheme on the chart (u to the image right, v up): thirteen points of the hairline from
# temple to temple, mirror images about u = 0.5, numbered in the scheme's own order (from left to right in the image:
# 77, 75, 76, 68, 69, 70, 71, 80, 72, 73, 79, 74, 78).
FOREHEAD = {
    77: (0.140, 0.750), 75: (0.150, 0.850), 76: (0.200, 0.915), 68: (0.255, 0.940), 69: (0.325, 0.940),
    70: (0.405, 0.935), 71: (0.500, 0.933), 80: (0.595, 0.935), 72: (0.675, 0.940), 73: (0.745, 0.940),
    79: (0.800, 0.915), 74: (0.850, 0.850), 78: (0.860, 0.750),
}  # fmt: skip


def chart(source: IctFaceKit, n_face: int, n_head: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Triangles and uv of the face and of the rest of the head, each texture moved to the unit square."""
    inside = (source.triangles < n_head).all(axis=1)
    triangles, corners = source.triangles[inside], source.uv_triangles[inside]
    tile = np.floor(source.uv[corners].mean(axis=1, keepdims=True))  # (F, 1, 2)
    on_face = (triangles < n_face).all(axis=1)
    charted = on_face & (tile == 0).all(axis=(1, 2))
    corner_uv = source.uv[corners] - tile  # (F, 3, 2)

    face_uv = np.zeros((n_face, 2), np.float32)
    face_uv[triangles[charted]] = corner_uv[charted]
    # One triangle of the neck hangs on three vertices of the face: not part of the chart, it borrows its coordinates.
    corner_uv[on_face] = face_uv[triangles[on_face]]

    keys = np.concatenate([triangles[..., None], corner_uv], axis=2)[~on_face].reshape(-1, 3)
    unique, inverse = np.unique(keys, axis=0, return_inverse=True)
    uv_triangles = triangles.copy()
    uv_triangles[~on_face] = n_face + inverse.reshape(-1, 3)
    return (
        {"triangles": triangles[charted], "uv": face_uv, "uv_triangles": uv_triangles[charted]},
        {"triangles": triangles[~charted], "uv": unique[:, 1:], "uv_triangles": uv_triangles[~charted]},
    )


def principal_directions(shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gram matrix (M, M) of the blendshapes (M, N, 3) and the weights (M, 10) of its first principal directions."""
    flat = shapes.astype(np.float64).reshape(len(shapes), -1)
    gram = flat @ flat.T
    directions = np.linalg.eigh(gram)[1][:, ::-1][:, :N_DIRECTIONS].round(6)  # rounded: the same on every machine
    strongest = np.abs(directions).argmax(axis=0)
    return gram.round(6), directions * np.sign(directions[strongest, range(N_DIRECTIONS)])


def mirrored(points: np.ndarray) -> np.ndarray:
    """The vertex nearest to each one's mirror image (N,), where both name each other; else the vertex itself."""
    own = np.arange(len(points))
    nearest = cKDTree(points).query(points * [-1, 1, 1])[1]
    return np.where(nearest[nearest] == own, nearest, own).astype(np.uint16)


def twins(basis: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """Signed 1 + the column of the basis (K, 3, N) that each is the mirror image of; 0 where that one comes later."""
    image = (basis * np.array([-1, 1, 1])[:, None])[:, :, mirror]
    alike = np.einsum("kdn,jdn->kj", basis, image)
    alike /= np.linalg.norm(alike, axis=0)
    column = np.abs(alike).argmax(axis=1)
    own = np.arange(len(basis))
    return np.where(column > own, 0, np.sign(alike[own, column]) * (column + 1)).astype(np.int8)


def build(source: IctFaceKit) -> dict[str, np.ndarray]:
    """The arrays of the asset."""
    n_face, n_head = source.parts["face"][1], source.parts[LAST_PART][1]
    face, rest = chart(source, n_face, n_head)
    gram, directions = principal_directions(source.expression[:, :n_face])
    points = np.array([FOREHEAD[number] for number in sorted(FOREHEAD)])  # (13, 2)
    parts = {name: bounds for name, bounds in source.parts.items() if bounds[1] <= n_head}
    arrays = {
        "expression_names": np.array(source.expression_names),
        "gram": gram,
        "directions": directions,
        "landmarks": source.landmarks.astype(np.uint16),
        "forehead": np.linalg.norm(face["uv"] - points[:, None], axis=2).argmin(axis=1).astype(np.uint16),
        "part_names": np.array(list(parts)),
        "part_starts": np.array([start for start, _ in parts.values()], np.uint16),
        "part_ends": np.array([end for _, end in parts.values()], np.uint16),
    }
    for section, topology, rows in (("face", face, slice(0, n_face)), ("rest", rest, slice(n_face, n_head))):
        arrays[f"{section}_mean"] = source.mean[rows].astype(np.float32)
        arrays[f"{section}_uv"] = topology["uv"].astype(np.float32)
        triangles, corners = (topology[name].astype(np.uint16) for name in ("triangles", "uv_triangles"))
        arrays[f"{section}_triangles"] = pack_triangles(triangles)
        arrays[f"{section}_uv_steps"] = corners - triangles
        mirror = mirrored(source.mean[rows])
        arrays[f"{section}_mirror_steps"] = np.diff(mirror, prepend=np.uint16(0))
        for name, basis in (("identity", source.identity[:N_IDENTITY]), ("expression", source.expression)):
            columns = basis[:, rows].transpose(0, 2, 1).astype(np.float16)  # (K, 3, N)
            if section == "face":
                arrays[f"{name}_twins"] = twins(columns.astype(np.float64), mirror)
            high, low = pack_basis(columns, mirror, arrays[f"{name}_twins"])
            arrays[f"{section}_{name}_high"], arrays[f"{section}_{name}_low"] = high, low
    return arrays


def write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write an npz whose bytes depend on nothing but the arrays (``np.savez`` stores the time of day).

    LZMA packs tighter, deflate unpacks seven times as fast: the rest of the head takes the first, what every start of
    the library reads takes the second.
    """
    with atomic_write(path) as stream, zipfile.ZipFile(stream, "w") as archive:
        for name, array in sorted(arrays.items()):
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.external_attr = 0o644 << 16
            method = zipfile.ZIP_LZMA if name.startswith("rest_") else zipfile.ZIP_DEFLATED
            archive.writestr(entry, content.getvalue(), method, compresslevel=9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="ict_facekit.npz or the published folder of OBJ files")
    parser.add_argument("target", type=Path, help="npz to write")
    arguments = parser.parse_args()
    write(arguments.target, build(read_ict(arguments.source)))
    print(f"{arguments.target}: {arguments.target.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
