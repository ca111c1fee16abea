import pickle

import numpy as np
import pytest
import scipy.sparse
import torch
from scipy.spatial.transform import Rotation

from pyface3d import MorphableModel, load_model
from pyface3d.morphable import ArticulatedModel, LandmarkSet, read_landmark_map
from pyface3d.morphable.articulated import FLAME_JOINTS, rotations_from_axis_angle

N, PARENTS = 40, [-1, 0, 1, 1, 1]


@pytest.fixture(scope="module")
def content():
    """Random numbers in FLAME's layout."""
    stream = np.random.default_rng(0)
    regressor = stream.random((5, N)) * (stream.random((5, N)) < 0.3)
    return {
        "v_template": stream.normal(size=(N, 3)),
        "shapedirs": 0.1 * stream.normal(size=(N, 3, 305)),
        "posedirs": 0.1 * stream.normal(size=(N, 3, 36)),
        "f": np.stack([np.arange(N - 2), np.arange(N - 2) + 1, np.arange(N - 2) + 2], 1).astype(np.uint32),
        "J_regressor": regressor / regressor.sum(1, keepdims=True),
        "weights": stream.dirichlet(np.ones(5), N),
        "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], [0, 1, 2, 3, 4]], np.uint32),
    }


@pytest.fixture(scope="module")
def flame(content, tmp_path_factory):
    path = tmp_path_factory.mktemp("flame") / "generic_model.pkl"
    path.write_bytes(pickle.dumps(content | {"J_regressor": scipy.sparse.csc_matrix(content["J_regressor"])}))
    return ArticulatedModel.load(path)


def face(content, coeffs, turns):
    """FLAME's equations in NumPy, a vertex at a time."""
    shaped = content["v_template"] + content["shapedirs"] @ coeffs
    joints = content["J_regressor"] @ shaped
    rotations = Rotation.from_rotvec(turns).as_matrix()
    shaped = shaped + content["posedirs"] @ (rotations[1:] - np.eye(3)).ravel()
    world = []
    for j, parent in enumerate(PARENTS):
        local = np.eye(4)
        local[:3, :3], local[:3, 3] = rotations[j], joints[j] - (joints[parent] if j else 0)
        world.append(world[parent] @ local if j else local)
    moved = [m[:3, :3] @ (shaped - joint).T + m[:3, 3:] for m, joint in zip(world, joints, strict=True)]  # (3, N) each
    return sum(weights * points for weights, points in zip(content["weights"].T, moved, strict=True)).T


def test_vertices_are_those_of_the_published_equations(content, flame):
    stream = np.random.default_rng(1)
    coeffs, turns = stream.normal(size=(3, 305)), stream.normal(0, 0.5, (3, 5, 3))
    expected = np.stack([face(content, c, t) for c, t in zip(coeffs, turns, strict=True)])
    found = flame.double().synthesize(torch.from_numpy(coeffs), torch.from_numpy(turns))
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)  # the release's arrays are kept in float32
    turned = flame.synthesize(torch.from_numpy(coeffs), rotations_from_axis_angle(torch.from_numpy(turns)))
    torch.testing.assert_close(turned, found)
    assert flame.joint_names == FLAME_JOINTS and flame.model.unit == "m"


@pytest.mark.parametrize("layout", ["dense", "csc", "csr", "npz"])
def test_releases_of_each_layout_are_one_model(content, flame, layout, tmp_path):
    path = tmp_path / "flame.any"
    if layout == "npz":
        with path.open("wb") as stream:
            np.savez(stream, **content)
        assert load_model(path).n_identity == 300
    else:
        sparse = {"csc": scipy.sparse.csc_matrix, "csr": scipy.sparse.csr_matrix, "dense": np.asarray}[layout]
        path.write_bytes(pickle.dumps(content | {"J_regressor": sparse(content["J_regressor"])}))
    found = ArticulatedModel.load(path).double()
    for name in ("joint_mean", "joint_basis", "skin_weights", "basis"):
        torch.testing.assert_close(getattr(found, name), getattr(flame.double(), name))


def test_at_rest_it_is_the_linear_model_and_the_jaw_moves_what_hangs_on_it(flame):
    flame = flame.double()
    coeffs = flame.model.sample(2, torch.Generator().manual_seed(0)).double()
    turns = torch.zeros(2, 5, 3, dtype=torch.float64)
    rest = flame.synthesize(coeffs, turns)
    torch.testing.assert_close(rest, flame.model.synthesize(coeffs), atol=1e-6, rtol=0)  # weights are float32
    pose = torch.tensor([[2.0, 0, 0, 5], [0, 2, 0, 6], [0, 0, 2, 7]], dtype=torch.float64).expand(2, 3, 4)
    torch.testing.assert_close(
        flame.synthesize(coeffs, turns, pose), 2 * rest + torch.tensor([5.0, 6, 7]).double(), atol=1e-6, rtol=0
    )
    whole = turns.clone()
    whole[:, 0] = torch.tensor([0.3, -0.2, 0.5])  # the root carries everything, without correctives
    about = flame.joints(coeffs)[:, :1]
    turned = (rest - about) @ rotations_from_axis_angle(whole[:, 0]).mT + about
    torch.testing.assert_close(flame.synthesize(coeffs, whole), turned, atol=1e-6, rtol=0)


def test_gradients_reach_coefficients_and_turns_at_rest_too(flame):
    flame = flame.double()
    coeffs = 0.1 * torch.randn(2, 305, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    turns = torch.zeros(2, 5, 3, dtype=torch.float64)
    turns[1] = 0.3 * torch.randn(5, 3, generator=torch.Generator().manual_seed(1))
    assert torch.autograd.gradcheck(flame.synthesize, (coeffs.requires_grad_(), turns.requires_grad_()), fast_mode=True)


def test_landmarks_are_skinned_surface_points(flame, tmp_path):
    flame = flame.double()
    stream = np.random.default_rng(2)
    faces, weights = np.array([3, 30, 7]), stream.dirichlet(np.ones(3), 3)
    np.savez(tmp_path / "embedding.npz", lmk_face_idx=faces, lmk_b_coords=weights)
    placed = read_landmark_map(tmp_path / "embedding.npz", flame.model)
    coeffs = flame.model.sample(2, torch.Generator().manual_seed(0)).double()
    turns = 0.3 * torch.randn(2, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found = flame.landmark_points(coeffs, turns, name=placed)
    corners = flame.synthesize(coeffs, turns)[:, flame.model.triangles[faces]]  # (2, 3, 3, 3)
    torch.testing.assert_close(found, (corners * placed.weights.double()[..., None]).sum(2))
    partial = flame.landmark_points(coeffs, turns, name=LandmarkSet.of_vertices([4, -1, 39]))
    assert partial[:, 1].isnan().all() and partial[:, [0, 2]].isfinite().all()


def test_bad_rigs_turns_and_files_are_refused(content, flame, tmp_path):
    model = MorphableModel.default()
    ones = torch.ones(2, model.n_vertices)
    with pytest.raises(ValueError, match="parents must be -1, then earlier joints"):
        ArticulatedModel(model, ones, [-1, 1], ones)
    with pytest.raises(ValueError, match=r"skin_weights must be \(2, 9409\)"):
        ArticulatedModel(model, ones, [-1, 0], ones.T)
    with pytest.raises(ValueError, match="joint_names must have 2"):
        ArticulatedModel(model, ones, [-1, 0], ones, joint_names=["root"])
    with pytest.raises(ValueError, match=r"turns must be \(2, 5, 3\)"):
        flame.synthesize(flame.model.sample(2), torch.zeros(2, 4, 3))
    path = tmp_path / "flame.pkl"
    for name, value, sentence in (
        ("posedirs", None, "lacks posedirs"),
        ("posedirs", np.zeros((N, 3, 35)), r"correctives must be \(40, 3, 36\)"),
        ("kintree_table", np.zeros((2, 4)), r"kintree_table \(2, J\)"),
        ("J_regressor", scipy.sparse.csc_matrix((5, N + 1)), r"a sparse matrix must be \(5, 40\)"),
        ("J_regressor", np.zeros((N, 5)), r"a matrix must be \(5, 40\)"),
    ):
        changed = {key: kept for key, kept in (content | {name: value}).items() if kept is not None}
        path.write_bytes(pickle.dumps(changed))
        with pytest.raises(ValueError, match=sentence):
            ArticulatedModel.load(path)
    with pytest.raises(FileNotFoundError, match="no file"):
        ArticulatedModel.load(tmp_path / "none.pkl")
