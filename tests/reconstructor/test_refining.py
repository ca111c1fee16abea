import numpy as np
import pytest
import torch

from pyface3d import Reconstructor, create_method
from pyface3d.data.schemes import mirror_permutation
from pyface3d.landmarks import box_size
from pyface3d.reconstructor.refining import Refiner


@pytest.fixture(scope="module")
def compact():
    return Reconstructor("compact", device="cpu", refine=True)


def test_a_mirrored_photo_gives_the_mirrored_face(compact, portrait):
    """Exactly but for the mirror's own residual; one look alone is off by several times as much."""
    photo, _, _ = portrait
    width, roi = photo.shape[1], np.float32([30, 40, 190, 200])
    other = np.float32([width - roi[2], roi[1], width - roi[0], roi[3]])
    mirrored = np.ascontiguousarray(photo[:, ::-1])
    off = []
    for reconstructor in (compact, Reconstructor(compact.method, device="cpu")):
        face, back = reconstructor(photo, rois=roi)[0], reconstructor(mirrored, rois=other)[0]
        turned = back.landmarks[mirror_permutation(68)] * [-1, 1, 1] + [width - 160 / 120, 0, 0]
        off.append(np.abs(turned - face.landmarks)[:, :2].mean())
    assert off[0] < 0.1 < off[1] / 3


def test_parameters_pose_and_landmarks_of_the_mean_agree(compact, portrait):
    photo, points, roi = portrait
    face = compact(photo, rois=roi)[0]
    placed = face.shape @ face.photo_pose[:, :3].T + face.photo_pose[:, 3]
    assert np.abs(placed - face.vertices).max() < 0.01
    assert np.allclose(face.params[12:], face.reconstruction.coeffs[0], atol=1e-6) and np.array_equal(face.roi, roi)
    size = float(box_size(torch.tensor(points)[None])[0])
    assert np.linalg.norm(face.landmarks[:, :2] - points, axis=1).mean() < 0.05 * size


def test_many_photos_are_refined_as_one(compact, portrait):
    photo, points, roi = portrait
    two = compact(photo, rois=np.stack([roi, roi + [4, 2, 4, 2]]))
    for face, place in zip(two, (roi, roi + [4, 2, 4, 2])):
        assert np.allclose(face.landmarks, compact(photo, rois=place)[0].landmarks, atol=0.02)
    assert len(compact(photo, landmarks=points)) == 1 and compact(photo, boxes=[]) == []


def test_position_maps_are_refused():
    with pytest.raises(ValueError, match="only parameters can be averaged, weight_mask answers position maps"):
        Refiner(create_method("weight_mask"))
