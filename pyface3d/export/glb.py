"""Binary glTF 2.0 (Khronos), with texture or vertex colors, and morph targets, which trimesh does not write."""

import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pyface3d.atomic import atomic_write
from pyface3d.export.mesh import Mesh
from pyface3d.export.motion import Motion

_COMPONENT = {"f4": 5126, "u4": 5125, "u2": 5123}
_SHAPE = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}
_VERTEX_DATA, _INDEX_DATA = 34962, 34963


class _Buffer:
    """The binary chunk, and the accessors into it."""

    def __init__(self) -> None:
        self.bytes = bytearray()
        self.views: list[dict[str, int]] = []
        self.accessors: list[dict[str, Any]] = []

    def view(self, content: bytes, target: int | None = None) -> int:
        """Appends bytes, aligned to 4; returns the view's number."""
        self.bytes += bytes(-len(self.bytes) % 4)
        view = {"buffer": 0, "byteOffset": len(self.bytes), "byteLength": len(content)}
        self.views.append(view if target is None else {**view, "target": target})
        self.bytes += content
        return len(self.views) - 1

    def accessor(
        self, array: np.ndarray, *, target: int | None = _VERTEX_DATA, bounds: bool = False, **more: Any
    ) -> int:
        """Appends an array (n, c); returns the accessor's number."""
        little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        entry = {
            "bufferView": self.view(little.tobytes(), target),
            "componentType": _COMPONENT[array.dtype.str[1:]],
            "count": len(array),
            "type": _SHAPE[array.shape[1]],
            **more,
        }
        if bounds:
            entry |= {"min": array.min(0).tolist(), "max": array.max(0).tolist()}
        self.accessors.append(entry)
        return len(self.accessors) - 1


def save_glb(path: Path, mesh: Mesh, motion: Motion | None = None) -> None:
    """Writes ``path``, animated where there is a motion."""
    if not len(mesh.triangles):
        raise ValueError("save_mesh: a GLB needs at least one triangle, got none")
    document, binary = _document(*mesh.unified(), motion)
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    binary += bytes(-len(binary) % 4)
    with atomic_write(path) as stream:
        stream.write(struct.pack("<4sII", b"glTF", 2, 12 + 8 + len(text) + 8 + len(binary)))
        stream.write(struct.pack("<I4s", len(text), b"JSON") + text)
        stream.write(struct.pack("<I4s", len(binary), b"BIN\0") + binary)


def _document(mesh: Mesh, normals: np.ndarray, motion: Motion | None) -> tuple[dict[str, Any], bytes]:
    buffer = _Buffer()
    surface: dict[str, Any] = {"metallicFactor": 0.0, "roughnessFactor": 0.75}
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": "pyface3d"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "face"}],
        "meshes": [_shape(mesh, normals, buffer)],
        "materials": [{"name": "skin", "doubleSided": True, "pbrMetallicRoughness": surface}],
    }
    if mesh.texture is not None:
        surface["baseColorTexture"] = {"index": 0}
        document["images"] = [{"bufferView": buffer.view(_png(mesh.texture)), "mimeType": "image/png"}]
        document["samplers"] = [dict(magFilter=9729, minFilter=9987, wrapS=33071, wrapT=33071)]  # linear, clamped
        document["textures"] = [{"source": 0, "sampler": 0}]
    if motion is not None:
        motion.animate(document, buffer.accessor, 0, len(mesh.morph_targets))
    document |= {"accessors": buffer.accessors, "bufferViews": buffer.views}
    document["buffers"] = [{"byteLength": len(buffer.bytes)}]
    return document, bytes(buffer.bytes)


def _shape(mesh: Mesh, normals: np.ndarray, buffer: _Buffer) -> dict[str, Any]:
    """The mesh with its morph targets, whose arrays go into the buffer."""
    attributes = {"POSITION": buffer.accessor(mesh.vertices, bounds=True), "NORMAL": buffer.accessor(normals)}
    if mesh.uv is not None:
        attributes["TEXCOORD_0"] = buffer.accessor(np.stack([mesh.uv[:, 0], 1 - mesh.uv[:, 1]], 1))  # v down
    if mesh.colors is not None and mesh.texture is None:
        attributes["COLOR_0"] = buffer.accessor(_linear(mesh.colors), normalized=True)
    indices = buffer.accessor(mesh.triangles.reshape(-1, 1).astype(np.uint32), target=_INDEX_DATA)
    primitive: dict[str, Any] = {"attributes": attributes, "indices": indices, "material": 0}
    shape: dict[str, Any] = {"name": "face", "primitives": [primitive]}
    if mesh.morph_targets:
        moves = mesh.morph_targets.values()
        primitive["targets"] = [{"POSITION": buffer.accessor(move, bounds=True)} for move in moves]
        shape["weights"] = np.asarray(mesh.morph_weights).tolist()
        shape["extras"] = {"targetNames": list(mesh.morph_targets)}
    return shape


def _png(picture: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "PNG")
    return content.getvalue()


def _linear(colors: np.ndarray) -> np.ndarray:
    """Colors (N, 3) uint8 sRGB -> (N, 4) uint16 linear, opaque: glTF's vertex colors are linear light."""
    srgb = colors / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return np.hstack([(linear * 65535).round(), np.full((len(colors), 1), 65535)]).astype(np.uint16)
