import numpy as np
import pytest
import torch

N, F, K_I, K_E = 400, 30, 4, 3


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def shell(rng):
    """Vertices on a sphere and triangles that face outward."""
    points = rng.normal(size=(N, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    triangles = np.stack([rng.choice(N, 3, replace=False) for _ in range(F)])
    a, b, c = points[triangles].transpose(1, 0, 2)
    inward = np.einsum("fc,fc->f", np.cross(b - a, c - a), a) < 0
    triangles[inward] = triangles[inward][:, ::-1]
    return points.astype(np.float32), triangles


@pytest.fixture
def bases(rng):
    return rng.normal(size=(3 * N, K_I)).astype(np.float32), rng.normal(size=(3 * N, K_E)).astype(np.float32)


@pytest.fixture(scope="session")
def landmarks():
    return np.arange(10, 78)


@pytest.fixture(scope="session")
def tddfa(data_folder):
    """Real mean, topology and landmark rows; the other rows of the bases are zero, for no file here has them."""
    topology = np.load(data_folder / "tddfa" / "mean_and_topology.npz")
    points = np.load(data_folder / "tddfa" / "keypoint_basis.npz")
    rows = points["keypoint_components"]
    bases = [np.zeros((3 * 53215, points[name].shape[1]), np.float32) for name in ("w_shp", "w_exp")]
    bases[0][rows], bases[1][rows] = points["w_shp"], points["w_exp"]
    return topology, points, bases


@pytest.fixture(scope="session")
def check():
    """Says that a model has these arrays."""

    def check(model, mean, bases, triangles, atol=0.0):
        torch.testing.assert_close(model.mean, torch.tensor(mean), rtol=0, atol=atol)
        for got, want in zip((model.identity_basis, model.expression_basis), bases):
            torch.testing.assert_close(got, torch.tensor(want).reshape(len(mean), 3, -1), rtol=0, atol=atol)
        assert torch.equal(model.triangles, torch.tensor(triangles))

    return check
