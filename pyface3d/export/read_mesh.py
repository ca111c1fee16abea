"""Vertices and triangles of OBJ, PLY and GLB files, read without the textures and other files that they name."""

import json
import os
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np

from pyface3d.foreign.arrays import checked_array
from pyface3d.foreign.damage import reading
from pyface3d.foreign.regular import read_bytes, read_text

_CALLER = "load_mesh"
_COMPONENTS = {5121: "u1", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_PLY_TYPES = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4", "float": "f4",
    "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4",
    "float32": "f4", "float64": "f8",
}  # fmt: skip


def load_mesh(path: str | os.PathLike[str]) -> tuple[np.ndarray, np.ndarray]:
    """The mesh of an ``.obj``, ``.ply`` or ``.glb`` file, in the file's order.

    Returns:
        (N, 3) float32 vertices, and (F, 3) int64 triangles; polygons are cut into fans.

    Raises:
        OSError: there is no such file.
        ValueError: it is damaged, or of another kind.

    Example:
        >>> vertices, triangles = load_mesh("face.ply")  # doctest: +SKIP
    """
    path = Path(path)
    readers = {".obj": _obj, ".ply": _ply, ".glb": _glb}
    if path.suffix.lower() not in readers:
        raise ValueError(f"{_CALLER}: {path} must end in {', '.join(readers)}")
    with reading(path, _CALLER):
        vertices, triangles = readers[path.suffix.lower()](path)
        if not len(vertices):
            raise ValueError("it has no vertices")
        if triangles.size and not 0 <= triangles.min() <= triangles.max() < len(vertices):
            raise ValueError(f"its triangles must be of its {len(vertices)} vertices")
        return np.ascontiguousarray(vertices, np.float32), triangles.astype(np.int64)


def _obj(path: Path) -> tuple[np.ndarray, np.ndarray]:
    vertices: list[list[float]] = []
    corners: list[tuple[int, int, int]] = []
    for line in read_text(path).splitlines():
        words = line.split()
        if words[:1] == ["v"]:
            vertices.append([float(word) for word in words[1:4]])
        elif words[:1] == ["f"]:
            ids = [int(word.split("/")[0]) for word in words[1:]]
            ids = [i - 1 if i > 0 else len(vertices) + i for i in ids]
            corners += [(ids[0], b, c) for b, c in zip(ids[1:], ids[2:])]
    return np.array(vertices, np.float32).reshape(-1, 3), np.array(corners, np.int64).reshape(-1, 3)


def _ply(path: Path) -> tuple[np.ndarray, np.ndarray]:
    content = read_bytes(path, "model_bytes")
    end = re.search(rb"end_header\r?\n", content[: 1 << 16])
    if content[:3] != b"ply" or end is None:
        raise ValueError("it has no header of a PLY file")
    lines = [line.split() for line in content[: end.start()].decode("latin1").splitlines()]
    kind = next(words[1] for words in lines if words[:1] == ["format"])
    elements: list[tuple[str, int, list[list[str]]]] = []
    for words in lines:
        if words[:1] == ["element"]:
            elements.append((words[1], int(words[2]), []))
        elif words[:1] == ["property"]:
            elements[-1][2].append(words[1:])
    body = content[end.end() :]
    if kind == "ascii":
        return _ply_text(body.decode("latin1").split("\n"), elements)
    order = {"binary_little_endian": "<", "binary_big_endian": ">"}[kind]
    return _ply_binary(body, elements, order)


def _ply_text(lines: list[str], elements: list[tuple[str, int, list[list[str]]]]) -> tuple[np.ndarray, np.ndarray]:
    found, at = {"vertex": np.zeros((0, 3)), "face": np.zeros((0, 3), np.int64)}, 0
    for name, count, properties in elements:
        rows = [line.split() for line in lines[at : at + max(0, count)]]
        if count < 0 or len(rows) != count:
            raise ValueError(f"it has {len(rows)} lines of {count} of {name}")
        at += count
        if name == "vertex":
            columns = [[words[-1] for words in properties].index(axis) for axis in "xyz"]
            found[name] = np.array([[float(row[c]) for c in columns] for row in rows]).reshape(-1, 3)
        elif name == "face":
            ids = [[int(word) for word in row[1 : 1 + int(row[0])]] for row in rows]
            fans = [(row[0], b, c) for row in ids for b, c in zip(row[1:], row[2:])]
            found[name] = np.array(fans, np.int64).reshape(-1, 3)
    return found["vertex"], found["face"]


def _ply_binary(
    body: bytes, elements: list[tuple[str, int, list[list[str]]]], order: str
) -> tuple[np.ndarray, np.ndarray]:
    vertices, triangles, at = np.zeros((0, 3)), np.zeros((0, 3), np.int64), 0
    for name, count, properties in elements:
        if name == "face":  # a list of the corners and nothing else, all of three
            if len(properties) != 1 or properties[0][0] != "list":
                raise ValueError("its faces must be lists of corners alone")
            fields = [("count", _PLY_TYPES[properties[0][1]]), ("corners", _PLY_TYPES[properties[0][2]])]
            layout = np.dtype([(fields[0][0], order + fields[0][1]), (fields[1][0], order + fields[1][1], 3)])
        elif any(words[0] == "list" for words in properties):
            raise ValueError(f"its {name} has lists")
        else:
            layout = np.dtype([(words[1], order + _PLY_TYPES[words[0]]) for words in properties])
        size = count * layout.itemsize
        if count < 0 or at + size > len(body):
            raise ValueError(f"it ends {at + size - len(body)} bytes too early")
        rows = np.frombuffer(body[at : at + size], layout) if layout.itemsize else np.zeros(0, layout)
        at += size
        if name == "vertex":
            vertices = np.stack([rows[axis] for axis in "xyz"], axis=1)
        elif name == "face":
            if len(rows) and (rows["count"] != 3).any():
                raise ValueError("its faces must be triangles")
            triangles = rows["corners"].astype(np.int64)
    return vertices, triangles


def _glb(path: Path) -> tuple[np.ndarray, np.ndarray]:
    content = read_bytes(path, "model_bytes")
    magic, version, _, length, kind = struct.unpack_from("<4sIIII", content)
    if magic != b"glTF" or version != 2 or kind != 0x4E4F534A or 20 + length > len(content):
        raise ValueError("it is no binary glTF 2.0 file")
    document = json.loads(content[20 : 20 + length])
    binary = memoryview(content)[20 + length + 8 :]
    primitive = document["meshes"][0]["primitives"][0]
    vertices = _accessor(document, binary, primitive["attributes"]["POSITION"], "VEC3")
    triangles = _accessor(document, binary, primitive["indices"], "SCALAR")
    if triangles.size % 3:
        raise ValueError("its corners are no triangles")
    return vertices, triangles.reshape(-1, 3)


def _accessor(document: Any, binary: memoryview, number: int, kind: str) -> np.ndarray:
    accessor = document["accessors"][number]
    view = document["bufferViews"][accessor["bufferView"]]
    if accessor["type"] != kind or view.get("byteStride") or document["buffers"][view["buffer"]].get("uri"):
        raise ValueError("its arrays must lie in the file, one after the other")
    dtype = np.dtype(_COMPONENTS[accessor["componentType"]])
    width, count = {"VEC3": 3, "SCALAR": 1}[kind], accessor["count"]
    start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
    if type(count) is not int or count < 0 or type(start) is not int or start < 0:
        raise ValueError("its arrays have no proper place")
    return checked_array(binary[start : start + width * count * dtype.itemsize], dtype, (count, width))
