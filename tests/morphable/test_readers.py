"""What ``load_model`` takes for a model and what not; each published layout has a test file of its own."""

import pytest

from pyface3d.morphable import MorphableModel, load_model


@pytest.mark.parametrize("name", ["face", "face.npz"])
def test_native(tmp_path, name):
    face = MorphableModel.default().truncated(2, 2)
    face.save(tmp_path / name)
    assert load_model(tmp_path / name).hash() == face.hash()


def test_absent_and_unknown_files(tmp_path, data_folder):
    with pytest.raises(FileNotFoundError, match="load_model: .*absent does not exist"):
        load_model(tmp_path / "absent")
    (tmp_path / "notes.txt").write_text("a text")
    (tmp_path / "empty").write_bytes(b"")
    foreign = [tmp_path / "notes.txt", tmp_path / "empty", tmp_path, data_folder / "photos" / "one_face.jpg",
               data_folder / "tddfa" / "mb05_120x120.pth", data_folder / "uv" / "BFM_UV.mat",
               data_folder / "tddfa" / "mean_and_topology.npz", data_folder / "eos" / "sfm_model_contours.json",
               data_folder / "eos" / "expression_blendshapes_3448.bin"]  # fmt: skip
    for path in foreign:
        with pytest.raises(ValueError, match="no face model that this library knows"):
            load_model(path)


def test_more_than_one_model(tmp_path):
    face = MorphableModel.default().truncated(1, 1)
    face.save(tmp_path / "a")
    face.save(tmp_path / "b")
    with pytest.raises(ValueError, match="holds native and native; name one model file"):
        load_model(tmp_path)


def test_matlab_73(tmp_path):
    (tmp_path / "new.mat").write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64" + bytes(500))
    with pytest.raises(ValueError, match="save it with -v7"):
        load_model(tmp_path / "new.mat")
