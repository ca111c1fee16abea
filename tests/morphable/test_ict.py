import json

import numpy as np
import torch

from pyface3d.morphable import MorphableModel, load_model


def test_ict_npz(data_folder):
    model = load_model(data_folder / "ict" / "ict_facekit.npz")
    assert (model.n_vertices, len(model.triangles), model.n_identity, model.n_expression) == (26719, 52220, 100, 53)
    assert model.uv.min() >= 0 and model.uv.max() <= 1
    assert model.expression_names[0] == "browDown_L" and len(model.parts) == 17
    head = MorphableModel.default("head", expression="blendshapes")
    assert torch.equal(model.mean[:24591], head.mean)
    assert torch.equal(model.identity_basis[:24591, :, :40], head.identity_basis)
    assert torch.equal(model.expression_basis[:24591], head.expression_basis)
    assert torch.equal(model.landmarks, head.landmarks)


def test_ict_folder(data_folder, tmp_path):
    """Neutral mesh, two identities and two expressions written as the published OBJ files."""
    with np.load(data_folder / "ict" / "ict_facekit.npz") as file:
        kit = {name: file[name] for name in file.files}
    names = ["jawOpen", "browDown_L"]
    ids = [kit["expression_names"].tolist().index(name) for name in names]
    corners = np.stack([kit["triangles"], kit["triangle_uv"]], axis=2) + 1  # (F, 3, 2)
    polygons: dict[int, list] = {}
    for number, (a, b, c) in zip(kit["triangle_polygon"], corners.tolist()):
        polygons.setdefault(number, [a, b]).append(c)
    faces = ["f " + " ".join(f"{v}/{t}" for v, t in polygon) for polygon in polygons.values()]
    uv = [f"vt {u:.6f} {v:.6f}" for u, v in kit["uv"]]

    def write(name, vertices, *more):
        lines = [f"v {x:.15f} {y:.15f} {z:.15f}" for x, y, z in vertices]
        (tmp_path / f"{name}.obj").write_text("\n".join(["mtllib face.mtl", *lines, *more]) + "\n")

    mean = kit["mean"].astype(np.float64)
    write("generic_neutral_mesh", mean, *uv, "usemtl skin", *faces)
    for k in (0, 1):
        write(f"identity{k:03d}", mean + kit["identity"][k])
        write(names[k], mean + kit["expression"][ids[k]])
    write("PupilDilate_L", mean)  # published beside the 53, not one of them
    (tmp_path / "vertex_indices.json").write_text(json.dumps({"expressions": names}))
    model = load_model(tmp_path)
    whole = load_model(data_folder / "ict" / "ict_facekit.npz")
    assert model.expression_names == names and model.n_identity == 2
    assert torch.equal(model.mean, whole.mean) and torch.equal(model.triangles, whole.triangles)
    torch.testing.assert_close(model.uv, whole.uv, rtol=0, atol=1e-6)
    assert torch.equal(model.uv_triangles, whole.uv_triangles)
    assert torch.equal(model.identity_basis.half(), whole.identity_basis[..., :2].half())
    assert torch.equal(model.expression_basis.half(), whole.expression_basis[..., ids].half())
    assert torch.equal(model.landmarks, whole.landmarks)
    assert {part: len(vertices) for part, vertices in model.parts.items()} == {
        part: len(vertices) for part, vertices in whole.parts.items()
    }
