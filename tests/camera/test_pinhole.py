import cv2
import numpy as np
import pytest

from pyface3d.camera import CAMERA_CONVENTIONS, PinholeCamera

CAMERA = PinholeCamera(1280, 720, (1000.0, 1010.0), (600.0, 380.0))


def weak_pose(rotation, scale, anchor, pixel):
    """(3, 4) y-down affine map that shows ``anchor`` at ``pixel``."""
    linear = scale * np.diag([1.0, -1.0, 1.0]) @ rotation
    return np.column_stack([linear, np.array([*pixel, 0]) - linear @ anchor])


def test_the_anchor_is_seen_where_the_pose_says_and_small_faces_as_the_pose_shows_them():
    stream = np.random.default_rng(0)
    rotation = cv2.Rodrigues(np.array([0.1, 0.4, -0.2]))[0]
    anchor, points = np.array([1.0, 2, 3]), stream.normal(0, 1, (50, 3)) + [1, 2, 3]
    aside = weak_pose(rotation, 3.0, anchor, (700, 300))
    pose = weak_pose(rotation, 3.0, anchor, CAMERA.principal)  # 3 pixels a centimeter: far away
    for convention in CAMERA_CONVENTIONS:
        matrix = CAMERA.place(pose, anchor, 0.01, convention)
        placed = points @ matrix[:3, :3].T + matrix[:3, 3]
        seen = CAMERA.project(placed, convention)
        assert np.abs(seen - (points @ pose[:2, :3].T + pose[:2, 3])).max() < 0.2
        matrix = CAMERA.place(aside, anchor, 0.01, convention)
        assert np.abs(CAMERA.project((matrix @ [*anchor, 1])[None, :3], convention) - [700, 300]).max() < 1e-9
        assert np.linalg.det(matrix[:3, :3]) == pytest.approx(1e-6, rel=1e-9)


def test_opencv_projects_the_same_pixels():
    rotation = cv2.Rodrigues(np.array([-0.2, 0.3, 0.1]))[0]
    pose = weak_pose(rotation, 40.0, np.zeros(3), (500, 420))
    matrix = CAMERA.place(pose, np.zeros(3), 0.01, "opencv")
    points = np.random.default_rng(1).normal(0, 5, (20, 3))
    turn = cv2.Rodrigues(matrix[:3, :3] / 0.01)[0]
    there = cv2.projectPoints(points * 0.01, turn, matrix[:3, 3], CAMERA.matrix, None)[0][:, 0]
    ours = CAMERA.project(points @ matrix[:3, :3].T + matrix[:3, 3], "opencv")
    assert np.abs(there - ours).max() < 1e-6
    assert matrix[2, 3] > 0  # OpenCV looks along positive z


def test_opengls_face_is_before_the_camera_and_upright():
    matrix = CAMERA.place(weak_pose(np.eye(3), 40.0, np.zeros(3), (600, 380)), np.zeros(3), 0.01)
    assert np.allclose(matrix[:3, :3], 0.01 * np.eye(3))
    assert matrix[2, 3] == pytest.approx(-0.01 * (1000 * 1010) ** 0.5 / 40)


def test_bad_cameras_and_poses_are_refused():
    with pytest.raises(ValueError, match="positive"):
        PinholeCamera(10, 0, (1.0, 1.0))
    with pytest.raises(ValueError, match="180"):
        PinholeCamera.of_view(10, 10, 180)
    with pytest.raises(ValueError, match="convention"):
        CAMERA.place(np.eye(3, 4), np.zeros(3), 1.0, "blender")
    with pytest.raises(ValueError, match=r"\(3, 4\)"):
        CAMERA.place(np.eye(4), np.zeros(3), 1.0)
    with pytest.raises(ValueError, match="no size"):
        CAMERA.place(np.zeros((3, 4)), np.zeros(3), 1.0)
