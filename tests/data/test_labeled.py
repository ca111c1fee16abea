import json
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from pyface3d import ParameterSpace, UVAtlas
from pyface3d.camera import flip_y, pose_from_para
from pyface3d.data import Augment, LabeledFaces, MatFaces, collate
from pyface3d.data.labeled import label_faces
from pyface3d.morphable import find_landmarks


@pytest.fixture
def source(tmp_path, model):
    """Three faces whose labels are the model's own: one fits, one has foreign landmarks, one has no readable image."""
    folder = tmp_path / "source"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in ("fits", "foreign", "broken"):
        para = np.array([[-0.1, 0.5, 0.05, 225.0, 240.0, -60.0, 12.0]])
        shape, expression = np.zeros((199, 1)), np.zeros((29, 1))
        shape[:40, 0], expression[:10, 0] = rng.normal(size=40), rng.normal(size=10) * 0.2
        coeffs = torch.from_numpy(np.concatenate([shape[:40], expression[:10]]).T).float()
        posed = model.synthesize(coeffs, pose_from_para(torch.from_numpy(para)).float(), model.landmarks)
        points = flip_y(posed, 450, "3ddfa")[0].T.numpy()
        if name == "foreign":
            points[:2] += 60
        fields = {"Pose_Para": para, "Shape_Para": shape, "Exp_Para": expression, "pt3d_68": points}
        savemat(folder / f"{name}.mat", fields)
        Image.fromarray(rng.integers(0, 255, (450, 450, 3), np.uint8)).save(folder / f"{name}.jpg")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 broken")
    return folder


def test_labels_of_a_folder_and_what_was_refused(source, model, tmp_path):
    atlas, seen = UVAtlas.from_model(model, 64), []
    report = label_faces(source, tmp_path / "out", model, atlas, progress=lambda *counts: seen.append(counts))
    assert report.total == 3 and list(report.refused) == ["broken", "foreign"] and seen[-1] == (3, 3)
    assert report.refused["broken"].startswith("unreadable image") and "of the face off" in report.refused["foreign"]
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"labels.npz", "crops.zip", "maps.zip", "report.json"}
    stored = json.loads((tmp_path / "out/report.json").read_text())
    assert stored["refused"] == report.refused and stored["model_hash"] == model.hash()

    faces = LabeledFaces(tmp_path / "out")
    assert faces.names == ["fits"]
    sample = faces[0]
    assert sample["image"].shape == (3, 64, 64) and sample["landmarks"].shape == (81, 3)
    space = ParameterSpace(n_identity=40, n_expression=10, size=64)
    pose, coeffs = space.split(sample["params"][None])
    vertices = flip_y(model.synthesize(coeffs, pose), 64)
    marks = find_landmarks(model, "ibug81").of(vertices[0])
    torch.testing.assert_close(marks, sample["landmarks"], rtol=0, atol=1e-3)
    vertices[..., 2] -= vertices[..., 2].min()
    torch.testing.assert_close(atlas.render(vertices)[0], sample["position_map"], rtol=0, atol=1e-3)
    # the written labels feed training as any other set
    batch = Augment(space, model, atlas)(collate([sample, sample]), torch.Generator().manual_seed(0))
    assert batch["position_map"].shape == (2, 3, 64, 64)


def test_zip_in_and_landmarks_without_a_model(source, tmp_path):
    with zipfile.ZipFile(tmp_path / "faces.zip", "w") as archive:
        for path in source.iterdir():
            archive.write(path, f"inner/{path.name}")
    report = label_faces(tmp_path / "faces.zip", tmp_path / "out")
    assert list(report.refused) == ["inner/broken"]  # nothing to compare the foreign one with
    faces = LabeledFaces(tmp_path / "out")
    assert faces[0]["landmarks"].shape == (68, 3) and faces[0]["image"].shape == (3, 120, 120)
    assert "position_map" not in faces[0]


def test_prnets_framing_is_wider(source, model, tmp_path):
    a, b = (MatFaces(source, model=model, framing=framing).load(1) for framing in ("3ddfa", "prnet"))
    assert b["box"][2] - b["box"][0] > 0.9 * (a["box"][2] - a["box"][0])
    center = (b["box"][:2] + b["box"][2:]) / 2
    points = MatFaces(source).load(1)
    low, high = points["landmarks"].amin(0)[:2], points["landmarks"].amax(0)[:2]
    side = (a["box"][2] - a["box"][0]) / 120
    assert (a["box"][:2] + (low + high) / 2 * side - center).abs().max() < 2
    with pytest.raises(ValueError, match="framing must be one of 3ddfa, prnet"):
        MatFaces(source, framing="tight")


def test_an_interrupted_run_leaves_what_was_there(source, model, tmp_path):
    label_faces(source, tmp_path / "out", model)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        label_faces(source, tmp_path / "out", model, progress=stop)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_bad_arguments_are_one_sentence(source, model, tmp_path):
    with pytest.raises(ValueError, match=r"model must have the 199 \+ 29 coefficients of space, got 40 \+ 10"):
        label_faces(source, tmp_path / "out", model, space=ParameterSpace(n_identity=199, n_expression=29))
    with pytest.raises(ValueError, match="lacks labels.npz, crops.zip"):
        LabeledFaces(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no image with a .mat"):
        label_faces(tmp_path / "empty", tmp_path / "out")


def test_labels_of_aflw2000_match_its_landmarks(data_folder, keypoint_model, tmp_path):
    with zipfile.ZipFile(data_folder / "aflw2000/dev_full450.zip") as whole, \
            zipfile.ZipFile(tmp_path / "part.zip", "w") as part:  # fmt: skip
        for name in sorted(whole.namelist())[:120]:
            part.writestr(name, whole.read(name))
    report = label_faces(tmp_path / "part.zip", tmp_path / "out", keypoint_model)
    assert report.total == 60 and not report.refused
    ours, theirs = LabeledFaces(tmp_path / "out"), MatFaces(tmp_path / "part.zip")
    errors = []
    for index in range(60):
        a, b = ours[index], theirs[index]
        scale = (a["box"][2] - a["box"][0]) / 120  # to pixels of the 450 x 450 image
        errors.append(float((a["landmarks"] - b["landmarks"])[:, :2].norm(dim=1).mean() * scale))
    assert np.mean(errors) < 1.7
