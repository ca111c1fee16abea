"""Labels of one face model as those of another: how near they come, that they are kept, and what is refused."""

import json

import pytest
import torch
from typer.testing import CliRunner

from pyface3d import MorphableModel, create_method, load_model
from pyface3d.camera import ParameterSpace, flip_y
from pyface3d.cli import app
from pyface3d.data import MatFaces, UnreadableError
from pyface3d.data.synthetic import parameter_space
from pyface3d.data.translated import Translated, belongs, cache_folder
from pyface3d.fitting import fit_landmarks, register_models, save_correspondence
from pyface3d.landmarks import box_size
from pyface3d.methods import read_card
from pyface3d.training.job import _way_to
from pyface3d.training.sources import open_source


@pytest.fixture
def known(mat_folder):
    """Labels that are the default face's own: the stand-in for the Basel face has its first coefficients."""
    return MatFaces(mat_folder, ParameterSpace(n_identity=40, n_expression=10))


def test_labels_of_the_own_model_are_told_from_those_of_another(known, model, data_folder):
    assert belongs(known, model, known.space)
    basel = MatFaces(data_folder / "300wlp/samples", known.space)
    assert not belongs(basel, model, basel.space)


def test_real_labels_come_as_near_as_the_model_can(data_folder, model):
    """300W-LP's labels as the default face's: 1.8 % of the face off, 1.3 to 1.9 % where hardly a prior holds."""
    space = parameter_space()
    faces = Translated(MatFaces(data_folder / "300wlp/samples"), model, space)
    points = torch.stack([faces.faces.load(row)["landmarks"] for row in range(len(faces))])
    free = fit_landmarks(points, model, space, noise=0.0005, iterations=20).error / box_size(points)  # hardly a prior
    assert bool((faces.residual < 0.021).all()) and bool((faces.residual < 1.25 * free).all())
    method = create_method("mobile_frnet", space=space)
    rows = list(range(len(faces)))
    params, targets = faces.params[rows], torch.stack([faces[row]["landmarks"] for row in rows])
    pose, coeffs = space.split(params)
    decoded = flip_y(model.landmarks68(coeffs, pose), space.size, space.flip)[..., :2]
    off = (decoded - targets[..., :2]).norm(dim=2).mean(1) / box_size(targets)
    torch.testing.assert_close(off, faces.residual[rows], rtol=1e-3, atol=1e-5)
    whitened = (params - space.mean) / space.std
    batch = {"image": torch.zeros(len(rows), 3, 120, 120, dtype=torch.uint8), "params": params}
    at_truth, at_mean = (float(method.loss(batch, outputs)[0]) for outputs in (whitened, torch.zeros_like(whitened)))
    assert at_truth < 1e-3 * at_mean


def test_with_the_labels_own_model_translated_landmarks_are_within_a_percent(data_folder, model):
    """What people marked in 300W-LP's files is 3 to 6 % off its parameters; translated are the parameters."""
    space, basis = parameter_space(), load_model(data_folder / "tddfa/keypoint_basis.npz")
    faces = Translated(MatFaces(data_folder / "300wlp/samples"), model, space, labels_model=basis)
    assert bool((faces.residual < 0.006).all())
    method = create_method("mobile_frnet", space=space)
    params, targets = faces.params, torch.stack([faces[row]["landmarks"] for row in range(len(faces))])
    pose, coeffs = space.split(params)
    decoded = flip_y(model.landmarks68(coeffs, pose), space.size, space.flip)[..., :2]
    off = (decoded - targets[..., :2]).norm(dim=2).mean(1) / box_size(targets)
    assert bool((off < 0.01).all())
    batch = {"image": torch.zeros(len(params), 3, 120, 120, dtype=torch.uint8), "params": params}
    whitened = (params - space.mean) / space.std
    at_truth, at_mean = (float(method.loss(batch, outputs)[0]) for outputs in (whitened, torch.zeros_like(whitened)))
    assert at_truth < 1e-3 * at_mean


def test_another_model_than_the_labels_is_refused(known, data_folder, model):
    basis = load_model(data_folder / "tddfa/keypoint_basis.npz")
    with pytest.raises(ValueError, match="its labels are not those of"):
        Translated(known, model, parameter_space(), labels_model=basis)


def test_the_result_is_kept_and_read_again(known, model, tmp_path, monkeypatch):
    first = Translated(known, model, parameter_space(), tmp_path)
    monkeypatch.setattr("pyface3d.data.translated.fit_landmarks", None)
    again = Translated(known, model, parameter_space(), tmp_path)
    assert torch.equal(first.params, again.params) and torch.equal(first.residual, again.residual)
    with pytest.raises(TypeError):  # of another frame: translated anew
        Translated(known, model, ParameterSpace(n_identity=40, n_expression=10, size=60), tmp_path)
    label = known.archive.path / known.files[0][1]
    label.write_bytes(label.read_bytes() + b" ")
    with pytest.raises(TypeError):  # other content under the same names
        Translated(MatFaces(known.archive.path, known.space), model, parameter_space(), tmp_path)


def test_the_cache_lies_beside_the_data_unless_that_is_read_only(tmp_path, monkeypatch):
    monkeypatch.delenv("PYFACE3D_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    assert cache_folder(tmp_path / "set.zip") == tmp_path / ".pyface3d"
    sealed = tmp_path / "sealed"
    sealed.mkdir(mode=0o555)
    assert cache_folder(sealed / "set.zip") == tmp_path / "home" / "pyface3d"


def test_labels_of_the_model_that_is_named_are_not_translated(data_folder, tmp_path):
    """`train --model` of the labels' own model: 3DDFA's 68-point basis is the Basel face's."""
    basis = data_folder / "tddfa/keypoint_basis.npz"
    call = ["train", "tddfa", "--data", data_folder / "300wlp/samples", "--model", basis, "--out", tmp_path, "--json"]
    call += ["--steps", 1, "--batch-size", 2, "--workers", 0, "--processes", 1, "--argument", "width=0.125"]
    result = CliRunner().invoke(app, list(map(str, call)))
    assert result.exit_code == 0, result.output
    assert not any("translated" in note for note in json.loads(result.stdout)["notes"])
    card = read_card(tmp_path / "tddfa.safetensors")
    assert card.face_model["hash"] == load_model(basis).hash()
    assert "--argument" in card.training["command"] and "keypoint_basis" in card.training["command"]


def test_samples_say_what_they_belong_to_and_those_that_cannot_be_are_named(known, model):
    faces = Translated(known, model, parameter_space())
    assert faces[1]["face_model"] == model.hash() and faces[1]["index"] == 1
    faces.residual[2] = torch.nan
    with pytest.raises(UnreadableError, match="label out of range .*face_2"):
        faces[2]
    assert "1 of 4 left out" in faces.summary()


def test_training_translates_and_says_so(data_folder, tmp_path):
    notes = []
    method = create_method("mobile_frnet", space=parameter_space())
    (faces,) = open_source(str(data_folder / "300wlp/samples"), method, cache=tmp_path, tell=notes.append)
    assert isinstance(faces, Translated) and "labels of bfm2009 translated to" in notes[0]
    assert [file.suffix for file in tmp_path.iterdir()] == [".npz"]


def test_a_correspondence_translates_labels_without_a_fit(known, model, tmp_path, monkeypatch):
    """A turned model of the same faces in millimeters: its labels come back as the default face's, exactly."""
    turn = torch.linalg.qr(torch.randn(40, 40, generator=torch.Generator().manual_seed(0)))[0]
    other = MorphableModel(
        10 * model.mean, 10 * model.identity_basis @ turn, 10 * model.expression_basis, model.triangles,
        expression_std=model.expression_std, landmarks=model.landmarks, landmark_sets=model.landmark_sets, unit="mm",
        name="other",
    )  # fmt: skip
    there, back = register_models(model, other)
    monkeypatch.setattr("pyface3d.data.translated.fit_landmarks", None)
    faces = Translated(known, other, parameter_space(), tmp_path, correspondence=there)
    assert bool((faces.residual < 1e-3).all()) and "surfaces 0.0" in faces.summary()
    for index in range(len(known)):
        pose, coeffs = known.space.split(known[index]["params"][None])
        expected = model.synthesize(coeffs, pose)
        pose, coeffs = known.space.split(faces[index]["params"][None])
        assert (other.synthesize(coeffs, pose) - expected).norm(dim=2).mean() < 0.05  # pixels of a crop of 120
    with pytest.raises(ValueError, match="must lead to other"):
        Translated(known, other, parameter_space(), correspondence=back)
    save_correspondence(tmp_path / "pair.npz", there, back)
    method = create_method("mobile_frnet", model=other, space=parameter_space())
    assert _way_to(method, str(tmp_path / "pair.npz")).target == other.hash()
    with pytest.raises(ValueError, match="other face models than"):
        _way_to(create_method("mobile_frnet", model=other.truncated(40, 9)), str(tmp_path / "pair.npz"))
