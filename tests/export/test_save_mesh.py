import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

from pyface3d import MorphableModel
from pyface3d.export import Mesh, save_mesh

ENDINGS = ("obj", "ply", "glb")


@pytest.fixture(scope="module")
def sphere():
    """A closed mesh with one uv per vertex and a picture."""
    shape = trimesh.creation.icosphere(subdivisions=2)
    uv = shape.vertices[:, :2] / 2.2 + 0.5
    texture = np.random.default_rng(0).integers(0, 256, (16, 32, 3), dtype=np.uint8)
    return dict(vertices=shape.vertices, triangles=shape.faces, uv=uv, texture=texture)


@pytest.fixture(scope="module")
def face():
    return MorphableModel.default()


def read(path):
    return trimesh.load(path, process=False, force="mesh", maintain_order=True)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("inward", [False, True])
def test_trimesh_reads_the_same_closed_mesh(tmp_path, sphere, ending, inward):
    given = Mesh(**sphere | {"triangles": sphere["triangles"][:, ::-1] if inward else sphere["triangles"]})
    save_mesh(tmp_path / f"ball.{ending}", given)
    loaded = read(tmp_path / f"ball.{ending}")
    assert len(loaded.vertices) == len(given.vertices) and len(loaded.faces) == len(given.triangles)
    np.testing.assert_allclose(loaded.vertices, given.vertices, atol=1e-6)
    assert loaded.is_watertight and loaded.volume == pytest.approx(4 / 3 * np.pi, rel=0.05)
    assert (np.einsum("ij,ij->i", loaded.face_normals, loaded.triangles_center) > 0).all()
    np.testing.assert_allclose(loaded.vertex_normals, given.vertices, atol=0.02)
    if ending != "ply":
        np.testing.assert_allclose(loaded.visual.uv, given.uv, atol=1e-6)


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_three_formats_hold_the_same_face(tmp_path, face, ending):
    coeffs = face.sample(1, torch.Generator().manual_seed(0))[0]
    mesh = Mesh.from_model(face, coeffs, texture=np.full((8, 8, 3), 90, np.uint8))
    save_mesh(tmp_path / f"face.{ending}", mesh)
    loaded = read(tmp_path / f"face.{ending}")
    assert loaded.vertices.shape == (face.n_vertices, 3) and len(loaded.faces) == len(face.triangles)
    assert 0.15 < np.ptp(loaded.vertices[:, 1]) < 0.4  # meters
    nose, chin = loaded.vertices[face.landmarks[30]], loaded.vertices[face.landmarks[8]]
    assert nose[1] > chin[1] and nose[2] > loaded.vertices[face.landmarks[[0, 16]], 2].max()  # y up, z to the viewer
    if ending != "ply":
        np.testing.assert_allclose(loaded.visual.uv, mesh.uv, atol=1e-6)


def test_seams_repeat_vertices_and_keep_the_others_in_place():
    corners = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.0]])
    uv = np.array([[0, 0], [0.4, 0], [0.4, 1], [0.6, 0], [1, 1], [0.6, 1.0]])
    mesh = Mesh(corners, [[0, 1, 2], [0, 2, 3]], uv=uv, uv_triangles=[[0, 1, 2], [3, 4, 5]])
    whole, normals = mesh.unified()
    np.testing.assert_array_equal(whole.vertices[:4], mesh.vertices)
    assert len(whole.vertices) == 6 == len(whole.uv) == len(normals)
    np.testing.assert_array_equal(whole.vertices[whole.triangles], mesh.vertices[mesh.triangles])
    np.testing.assert_array_equal(whole.uv[whole.triangles], mesh.uv[mesh.uv_triangles])
    np.testing.assert_array_equal(normals, np.tile([[0, 0, 1]], (6, 1)))


def document_of(path):
    content = path.read_bytes()
    return json.loads(content[20 : 20 + int.from_bytes(content[12:16], "little")]), content


def test_glb_holds_named_morph_targets(tmp_path, face):
    coeffs = torch.zeros(face.n_coeffs)
    coeffs[face.n_identity + 1] = 2.0 * face.expression_std[1]
    mesh = Mesh.from_model(face, coeffs)
    save_mesh(tmp_path / "face.glb", mesh)
    document, content = document_of(tmp_path / "face.glb")
    shape = document["meshes"][0]
    assert shape["extras"]["targetNames"] == face.expression_names
    np.testing.assert_allclose(shape["weights"], [0, 2.0] + [0] * (face.n_expression - 2), atol=1e-6)
    accessor = document["accessors"][shape["primitives"][0]["targets"][1]["POSITION"]]
    view = document["bufferViews"][accessor["bufferView"]]
    binary = content[28 + int.from_bytes(content[12:16], "little") :]
    moves = np.frombuffer(binary, "<f4", accessor["count"] * 3, view["byteOffset"]).reshape(-1, 3)
    shown = torch.from_numpy(mesh.vertices + 2 * moves)
    torch.testing.assert_close(shown, face.synthesize(coeffs[None])[0] * 0.01, atol=1e-6, rtol=1e-5)


VALIDATE = """
const validator = require('gltf-validator');
validator.validateBytes(new Uint8Array(require('fs').readFileSync(process.argv[1])))
  .then(report => console.log(JSON.stringify(report.issues)));
"""


@pytest.mark.parametrize("kind", ["texture", "colors", "plain"])
def test_khronos_validator_finds_nothing(tmp_path, face, kind):
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("no node")
    globally = subprocess.run(["npm", "root", "-g"], capture_output=True, text=True).stdout.strip()
    folders = [folder for folder in (os.environ.get("NODE_PATH"), globally) if folder]
    modules = next((folder for folder in folders if (Path(folder) / "gltf-validator").is_dir()), None)
    if modules is None:
        pytest.skip("no validator: npm install -g gltf-validator")
    extras = {
        "texture": dict(texture=np.full((8, 8, 3), 90, np.uint8)),
        "colors": dict(colors=np.random.default_rng(0).random((face.n_vertices, 3)), uv=None, uv_triangles=None),
        "plain": {},
    }[kind]
    path = tmp_path / "face.glb"
    save_mesh(path, Mesh.from_model(face, **extras))
    run = ["node", "-e", VALIDATE, str(path)]
    done = subprocess.run(run, capture_output=True, text=True, env={"NODE_PATH": modules, "PATH": "/usr/bin:/bin"})
    issues = json.loads(done.stdout)
    assert issues["numErrors"] == issues["numWarnings"] == 0, issues["messages"]


def test_ply_and_obj_keep_colors(tmp_path, sphere):
    colors = np.random.default_rng(0).integers(0, 256, (len(sphere["vertices"]), 3), dtype=np.uint8)
    for ending in ("ply", "obj"):
        save_mesh(tmp_path / f"ball.{ending}", Mesh(sphere["vertices"], sphere["triangles"], colors=colors))
        np.testing.assert_allclose(read(tmp_path / f"ball.{ending}").visual.vertex_colors[:, :3], colors, atol=1)


def test_obj_texture_is_found(tmp_path, sphere):
    save_mesh(tmp_path / "ball.obj", Mesh(**sphere))
    picture = np.asarray(read(tmp_path / "ball.obj").visual.material.image)
    np.testing.assert_array_equal(picture, sphere["texture"])


def test_from_image_turns_y_up_and_winds_outward():
    shape = trimesh.creation.icosphere(subdivisions=2)
    in_photo = shape.vertices * [50, -50, 50] + [128, 100, 0]
    mesh = Mesh.from_image(torch.from_numpy(in_photo), torch.from_numpy(shape.faces))
    np.testing.assert_allclose(mesh.vertices, shape.vertices * 0.1, atol=1e-6)
    np.testing.assert_array_equal(mesh.triangles, shape.faces)


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(vertices=np.zeros((4, 2))), r"vertices must be \(\*, 3\), got \(4, 2\)"),
        (dict(triangles=[[0, 1, 999]]), r"triangles must be in \[0, 162\), got 0 to 999"),
        (dict(uv=None), "texture needs uv"),
        (dict(colors=np.zeros((3, 3))), r"colors must be \(162, 3\)"),
        (dict(morph_targets={"smile": np.zeros((1, 3))}), r"smile must be \(162, 3\)"),
    ],
)
def test_bad_meshes_are_one_sentence(sphere, change, message):
    with pytest.raises(ValueError, match=message):
        Mesh(**sphere | change)


def test_vertices_that_are_not_finite_are_refused(tmp_path, sphere):
    vertices = sphere["vertices"].copy()
    vertices[3] = np.nan
    with pytest.raises(ValueError, match="vertices must be finite"):
        save_mesh(tmp_path / "ball.ply", Mesh(**sphere | {"vertices": vertices}))
    with pytest.raises(ValueError, match=r"path must end in .obj, .ply, .glb"):
        save_mesh(tmp_path / "ball.stl", Mesh(**sphere))
