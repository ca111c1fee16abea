"""Sets of every kind in one batch: sizes, maps, attributes, 21 and 68 points."""

import numpy as np
import pytest
import torch

from pyface3d import MorphableModel, UVAtlas, create_method
from pyface3d.camera import ParameterSpace
from pyface3d.data import LabeledFaces, collate, select
from pyface3d.data.labeled import label_faces
from pyface3d.data.synthetic import SyntheticFaces, parameter_space
from pyface3d.landmarks import aflw21_from_68
from pyface3d.losses import PointLoss
from pyface3d.training import run_training
from pyface3d.training.log import read_rows
from pyface3d.training.maps import MapLabels, with_maps
from pyface3d.training.sources import open_source

SMALL = {"steps": 1, "workers": 0, "bar": False, "log_every": 1, "processes": 1}


@pytest.fixture
def labels(mat_folder, tmp_path):
    """A label folder of the embedded face with position maps of 64 texels in crops of 120 pixels."""
    model = MorphableModel.default()
    space = ParameterSpace(n_identity=40, n_expression=10)
    label_faces(mat_folder, tmp_path / "labels", model, UVAtlas.from_model(model, 64), space)
    return tmp_path / "labels"


@pytest.mark.parametrize("name", ["mobile_frnet", "marn", "weight_mask", "joint"])
def test_every_kind_of_set_in_one_batch(name, labels, aflw_folder, celeba_folder, tmp_path):
    """Crops of 120 pixels with maps, AFLW's 21 points, CelebA's 178 x 218 pictures with attributes and 5 points."""
    arguments = {"marn": {"backbone": "mobilenet_v2"}, "weight_mask": {"size": 64}, "joint": {"size": 64}}.get(name, {})
    sources = [str(folder) for folder in (labels, aflw_folder / "train.npz")]
    options = SMALL | {"batch_size": 2}
    if name == "joint":
        sources.append(str(celeba_folder))
        options |= {"batch_size": 5, "tests": True}  # its three parts, of one picture each
    report = run_training(name, sources, tmp_path / "run", arguments=arguments, **options)
    assert report["steps"] == 1
    row = read_rows(tmp_path / "run/metrics.csv")[0]
    terms = {key: float(value) for key, value in row.items() if key not in ("step", "seconds")}
    assert all(np.isfinite(value) for value in terms.values())
    if name == "joint":
        assert terms["shape"] > 0 and terms["attributes"] > 0


def test_a_mixed_batch_scores_what_its_parts_score():
    """21 and 68 points of the same faces: the padding of the shorter ones counts nothing."""
    faces, space, model = SyntheticFaces(seed=3), parameter_space(), MorphableModel.default()
    labels = faces.labels(range(4))
    loss = PointLoss(model, space, landmarks=1.0, prior=0.1)
    samples = []
    for row, points in enumerate(labels["landmarks"]):
        points = aflw21_from_68(points) if row % 2 else points
        image = torch.zeros(3, 8, 8, dtype=torch.uint8)
        samples.append({"image": image, "landmarks": points, "visible": torch.ones(len(points), dtype=torch.bool)})
    batch, outputs = collate(samples), space.whiten(labels["params"]) + 0.3
    mixed = float(loss(outputs, batch)[0])
    parts = [float(loss(outputs[row : row + 1], select(batch, [row]))[0]) for row in range(4)]
    assert mixed == pytest.approx(np.mean(parts), rel=1e-4)


def test_samples_without_a_map_get_one_of_their_parameters(labels):
    method = create_method("weight_mask", size=64)
    (faces,) = open_source(str(labels), method)
    with_map, without = dict(faces[0]), dict(faces[1])
    del without["position_map"]
    whole = with_maps(collate([with_map, without]), MapLabels(method, 64))
    assert whole["has_position_map"].all() and torch.equal(whole["position_map"][0], with_map["position_map"])
    own, made = faces[1]["position_map"], whole["position_map"][1]
    face = method.atlas.face_mask
    off = (own - made)[:2, face].abs()
    assert float(off.mean()) < 0.5  # of 64 pixels: half of one of the crop's 120


def test_maps_of_another_side_are_made_anew(labels):
    assert "position_map" in open_source(str(labels), create_method("weight_mask", size=64))[0][0]
    assert "position_map" not in open_source(str(labels), create_method("weight_mask", size=128))[0][0]
    assert "position_map" not in open_source(str(labels), create_method("mobile_frnet"))[0][0]
    assert "position_map" in LabeledFaces(labels)[0]
