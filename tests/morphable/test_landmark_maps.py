import pickle
import zipfile

import numpy as np
import pytest
import torch

from pyface3d import MorphableModel, fit_landmarks, load_model
from pyface3d.morphable import read_landmark_map


@pytest.fixture(scope="module")
def model():
    return MorphableModel.default()


def seen(model, placed, count=4):
    """Landmarks of known faces in pixels, NaN where the set lacks one, and their true coefficients."""
    generator = torch.Generator().manual_seed(0)
    coeffs = model.sample(count, generator)
    points = placed.of(model.synthesize(coeffs).transpose(0, 1)).transpose(0, 1)[..., :2]
    up = 5 * points + torch.tensor([60.0, 60.0])
    pixels = torch.stack([up[..., 0], 119 - up[..., 1]], 2)
    pixels[:, ~placed.mask] = torch.nan
    return pixels


def test_an_eos_map_is_a_partial_set_that_fits(tmp_path, model):
    ids = model.landmarks.tolist()
    lines = ["# a map", "[landmark_mappings]", "      # 1 to 8 are the contour", f" 9 = {ids[8]}  # chin"]
    lines += [f"{k + 1} = {ids[k]}  # point" for k in range(17, 60)] + ["[contour_landmarks]", "1 = 99999"]
    (tmp_path / "ibug_to_mine.txt").write_text("\n".join(lines))
    placed = read_landmark_map(tmp_path / "ibug_to_mine.txt", model)
    assert len(placed) == 68 and placed.mask.nonzero()[:, 0].tolist() == [8, *range(17, 60)]
    assert placed.corners[30, 0] == ids[30]
    fit = fit_landmarks(seen(model, placed), model, landmarks=placed, noise=0.002)
    assert (fit.error < 0.3).all()
    assert fit.landmarks[:, 0].isnan().all() and fit.landmarks[:, 8].isfinite().all()


@pytest.mark.parametrize("ending", ["npz", "pkl"])
def test_a_flame_embedding_is_a_set_of_surface_points_that_fits(tmp_path, model, ending):
    stream = np.random.default_rng(0)
    faces = stream.choice(len(model.triangles), 51, replace=False).astype(np.uint32)
    weights = stream.dirichlet(np.ones(3), 51)
    content = {"lmk_face_idx": faces, "lmk_b_coords": weights}
    path = tmp_path / f"embedding.{ending}"
    if ending == "npz":
        np.savez(path, **content)
    else:
        path.write_bytes(pickle.dumps(content))
    placed = read_landmark_map(path, model)
    assert torch.equal(placed.corners, model.triangles[torch.from_numpy(faces.astype(np.int64))])
    fit = fit_landmarks(seen(model, placed), model, landmarks=placed, noise=0.002)
    assert (fit.error < 0.3).all()


def test_flames_mediapipe_embedding_is_part_of_478(tmp_path, model):
    places = np.array([3, 33, 400, 10, 200])
    content = {"lmk_face_idx": np.arange(5) * 100, "lmk_b_coords": np.full((5, 3), 1 / 3), "landmark_indices": places}
    np.savez(tmp_path / "mediapipe.npz", **content)
    placed = read_landmark_map(tmp_path / "mediapipe.npz", model)
    assert len(placed) == 478 and placed.mask.nonzero()[:, 0].tolist() == sorted(places)
    assert torch.equal(placed.corners[400], model.triangles[200])


def test_eos_own_map_fits_the_surrey_face(data_folder):
    sfm = load_model(data_folder / "eos" / "sfm_shape_3448.bin")
    placed = read_landmark_map(data_folder / "eos" / "ibug_to_sfm.txt", sfm)
    assert placed.mask[30] and not placed.mask[0] and int(placed.mask.sum()) >= 45
    points = placed.of(sfm.mean)[:, :2]
    pixels = torch.stack([points[:, 0] + 100, 100 - points[:, 1]], 1)[None]
    pixels[:, ~placed.mask] = torch.nan
    assert fit_landmarks(pixels, sfm, landmarks=placed).error.item() < 0.5


def test_mediapipes_points_of_portraits_fit_within_a_hundredth_of_the_face(data_folder, model):
    with np.load(data_folder / "portraits" / "mediapipe478.npz") as arrays:
        points = torch.from_numpy(arrays["points"][::20, :, :2].astype(np.float32))
    size = (points.amax(1) - points.amin(1)).prod(1).sqrt()
    residual = fit_landmarks(points, model, size=275).error / size
    assert residual.mean() < 0.006 and residual.max() < 0.0125


def test_files_of_something_else(tmp_path, model):
    with pytest.raises(FileNotFoundError, match="no file"):
        read_landmark_map(tmp_path / "none.txt", model)
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(ValueError, match="28 = 2842"):
        read_landmark_map(tmp_path / "a.txt", model)
    (tmp_path / "b.txt").write_text("1 = 99999")
    with pytest.raises(ValueError, match="9409 vertices"):
        read_landmark_map(tmp_path / "b.txt", model)
    np.savez(tmp_path / "c.npz", x=np.zeros(3))
    with pytest.raises(ValueError, match="lmk_face_idx"):
        read_landmark_map(tmp_path / "c.npz", model)
    np.savez(tmp_path / "d.npz", lmk_face_idx=np.array([10**7]), lmk_b_coords=np.full((1, 3), 1 / 3))
    with pytest.raises(ValueError, match="triangles"):
        read_landmark_map(tmp_path / "d.npz", model)
    with zipfile.ZipFile(tmp_path / "e.npz", "w") as archive:
        archive.writestr("x.npy", b"broken")
    with pytest.raises(ValueError, match="e.npz"):
        read_landmark_map(tmp_path / "e.npz", model)
