"""The atlas on the Basel layout and PRNet's files of the data folder."""

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import loadmat

from pyface3d import MorphableModel, UVAtlas

# forehead points 68..80 on PRNet's 256 x 256 chart, column and row
FOREHEAD = [(39, 5), (67, 5), (103, 5), (136, 5), (188, 5), (216, 5), (237, 29),
            (17, 11), (33, 5), (24, 68), (232, 67), (231, 5), (169, 5)]  # fmt: skip


@pytest.fixture(scope="module")
def basel(data_folder):
    topology = np.load(data_folder / "tddfa/mean_and_topology.npz")
    mean = topology["u_shp"] + topology["u_exp"]
    none = np.zeros((len(mean), 3, 0), np.float32)
    keypoints = np.load(data_folder / "tddfa/keypoint_basis.npz")["keypoint_vertices"].astype(np.int64)
    uv = loadmat(data_folder / "uv/BFM_UV.mat")["UV"]
    triangles = topology["triangles"].astype(np.int64)
    return MorphableModel(mean, none, none, triangles, uv=uv, landmarks=keypoints, unit="um", name="basel")


@pytest.fixture(scope="module")
def prnet(data_folder):
    texels = np.loadtxt(data_folder / "uv/uv_kpt_ind.txt").astype(int).T  # (68, 2) column, row
    face = np.asarray(Image.open(data_folder / "uv/uv_face_mask.png")) > 0
    weights = np.asarray(Image.open(data_folder / "uv/uv_weight_mask.png"))
    return texels, face, weights


@pytest.fixture(scope="module")
def atlas(basel, prnet):
    return UVAtlas.from_model(basel, face=prnet[1])


def test_landmark_texels_are_prnets(atlas, prnet):
    assert np.array_equal(atlas.landmark_texels(68).numpy(), prnet[0])
    exact = np.stack([atlas.landmark_uv[:68, 0] * 255, (1 - atlas.landmark_uv[:68, 1]) * 255], 1)
    assert np.abs(exact - prnet[0]).max() <= 0.5 + 1e-4


def test_face_mask_and_area_counts_of_the_published_construction(basel, prnet):
    texels, face, _ = prnet
    places = np.concatenate([texels, FOREHEAD]) / 255
    places[:, 1] = 1 - places[:, 1]
    atlas = UVAtlas.from_model(basel, face=face, landmark_uv=places)
    assert int(atlas.face_mask.sum()) == 43867
    counts = torch.bincount(atlas.areas().flatten().long(), minlength=6)
    assert counts.tolist() == [0, 81, 2840, 1278, 39668, 21669]
    assert atlas.weight_mask().sum() == 139612


def test_prnets_painted_weights_are_near_the_constructed_ones(atlas, prnet):
    _, face, painted = prnet
    weights = atlas.weight_mask("prnet").numpy()
    assert np.array_equal(weights == 16, painted == 255)
    center, ours = (painted >= 56) & face, weights >= 4
    assert (center & ours).sum() / (center | ours).sum() > 0.7


def test_default_face_mask_leaves_out_the_neck(basel, prnet):
    ours, theirs = UVAtlas.from_model(basel).face_mask.numpy(), prnet[1]
    assert (ours & theirs).sum() / theirs.sum() > 0.99
    assert (ours & theirs).sum() / (ours | theirs).sum() > 0.85


def test_all_53215_vertices_come_back(basel, atlas):
    back = atlas.vertices(atlas.render(basel.mean[None]))[0]
    assert len(back) == basel.n_vertices
    error = (back - basel.mean).norm(dim=1)
    edges = (basel.mean[basel.triangles] - basel.mean[basel.triangles.roll(1, 1)]).norm(dim=2)
    assert error.mean() < 0.05 * edges.mean() and error.quantile(0.99) < 0.5 * edges.mean()
    pixel = (basel.mean[:, 0].max() - basel.mean[:, 0].min()) / 200  # a face 200 pixels wide in the 256 crop
    assert error.mean() < 0.05 * pixel and error.quantile(0.99) < 0.5 * pixel


def test_vertices_of_prnets_face_texels_are_the_map_itself(basel, atlas, data_folder):
    # PRNet's face_ind: its vertices are the texels of the face mask in reading order
    face_ind = np.load(data_folder / "uv/face_ind.npy")
    assert np.array_equal(np.flatnonzero(atlas.face_mask.numpy()), face_ind)
    maps = atlas.render(basel.mean[None])[0].flatten(1)[:, face_ind].T  # (43867, 3)
    canonical = torch.from_numpy(np.load(data_folder / "uv/canonical_vertices.npy"))
    # the same mean face up to a similarity: compare after least squares
    design = torch.cat([maps / 1e5, torch.ones(len(maps), 1)], 1).double()
    fit = torch.linalg.lstsq(design, canonical.double()).solution
    residual = (design @ fit - canonical).norm(dim=1)
    assert residual.median() < 1.0  # units of the canonical face, 102 between the outer eye corners
