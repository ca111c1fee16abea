import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

from pyface3d import camera
from pyface3d.images import Source, find_sources, read_photo
from pyface3d.images.detection import whole_picture
from pyface3d.methods import create_method
from pyface3d.reconstructor import Face, Reconstructor
from pyface3d.reconstructor.given_places import Places


@pytest.fixture(scope="module")
def reconstructor(method):
    return Reconstructor(method)


@pytest.fixture(scope="module")
def face(reconstructor, portrait):
    photo, _, roi = portrait
    return reconstructor(photo, rois=roi)[0]


def test_a_given_crop_gives_what_the_method_gives(reconstructor, method, portrait):
    photo, _, roi = portrait
    face = reconstructor(photo, rois=roi)[0]
    crop = camera.crop(torch.from_numpy(photo).permute(2, 0, 1), torch.from_numpy(roi)[None], 120)
    answer = method.predict(crop).to_image(torch.from_numpy(roi))
    assert np.allclose(face.landmarks, answer.landmarks[0].numpy(), atol=0.02)
    assert np.allclose(face.vertices, answer.vertices[0].numpy(), atol=0.02)
    assert np.allclose(face.params, answer.params[0].numpy(), atol=1e-3)
    assert np.array_equal(face.roi, roi)


def test_poses_carry_the_shape_onto_the_photo(face):
    placed = face.shape @ face.photo_pose[:, :3].T + face.photo_pose[:, 3]
    assert np.abs(placed - face.vertices).max() < 0.01
    up = face.shape @ face.pose[:, :3].T + face.pose[:, 3]
    assert np.abs(up[:, 0] - face.vertices[:, 0]).max() < 0.01
    assert np.abs(face.photo.height - 1 - up[:, 1] - face.vertices[:, 1]).max() < 0.01
    assert set(face.angles) == {"pitch", "yaw", "roll"}


def test_boxes_and_landmarks_give_the_same_crop_and_two_passes_crop_again(method, portrait):
    photo, points, _ = portrait
    box = np.concatenate([points.min(0), points.max(0)])
    once = Reconstructor(method, passes=1)
    by_box, by_points = once(photo, boxes=box)[0], once(photo, landmarks=points)[0]
    assert np.allclose(by_box.roi, by_points.roi, atol=1e-3)
    assert np.allclose(by_box.roi, camera.roi_from_landmarks(torch.tensor(points)[None])[0], atol=1e-3)
    twice = Reconstructor(method, passes=2)(photo, boxes=box)[0]
    assert np.allclose(twice.roi, camera.roi_from_landmarks(torch.from_numpy(by_box.landmarks)[None])[0], atol=1e-3)


def test_no_face_and_many_faces(method):
    empty = np.full((200, 300, 3), 128, np.uint8)
    assert Reconstructor(method)(empty) == []

    def two_hundred(image, largest):
        corner = np.stack(np.meshgrid(np.arange(20), np.arange(10)), -1).reshape(-1, 2) * 14.0
        return np.concatenate([corner, corner + 20, np.ones((200, 1))], axis=1).astype(np.float32)

    faces = Reconstructor(method, detector=two_hundred, faces="all")(empty)
    assert len(faces) == 200 and [face.index for face in faces] == list(range(200))


@pytest.mark.parametrize("box", [[-30, -20, 40, 50], [280, 180, 320, 220], [100, 100, 114, 114]])
def test_faces_cut_by_the_border_and_faces_of_few_pixels(method, box):
    face = Reconstructor(method)(np.full((200, 300, 3), 128, np.uint8), boxes=box)[0]
    assert np.isfinite(face.vertices).all()
    assert face.render("overlay").shape == (200, 300, 3)


def test_reduced_photos_answer_in_the_pixels_of_the_file(method, portrait, tmp_path):
    photo, _, roi = portrait
    Image.fromarray(photo).resize((photo.shape[1] * 18, photo.shape[0] * 18)).save(tmp_path / "large.jpg", quality=95)
    small = Reconstructor(method)(photo, rois=roi)[0]
    large = Reconstructor(method)(tmp_path / "large.jpg", rois=roi * 18)[0]
    assert large.photo.reduction.max() > 1.1
    assert np.abs(large.landmarks / 18 - small.landmarks).max() < 2.5
    assert large.render("landmarks").shape == large.photo.pixels.shape


def test_streams_keep_order_and_carry_errors(method, portrait, tmp_path):
    photo, _, roi = portrait
    names = ["a ü.png", "b.png", "c.jpg", "d.png"]
    for name in names:
        Image.fromarray(photo).save(tmp_path / name) if name != "c.jpg" else (tmp_path / name).write_text("no picture")
    Image.fromarray(np.zeros((50, 50, 3), np.uint8)).save(tmp_path / "e.png")
    places = {name.split(".")[0]: Places(rois=roi) for name in names}
    results = list(Reconstructor(method).iter([tmp_path, "missing.png"], batch_size=2, places=places))
    assert [len(result.faces) for result in results] == [1, 1, 0, 1, 0, 0]
    assert [result.error is None for result in results] == [True, True, False, True, True, False]
    assert "c.jpg" in results[2].error and "missing.png" in results[5].error
    assert np.allclose(results[0].faces[0].landmarks, results[3].faces[0].landmarks, atol=1e-2)


def test_streaming_reads_only_a_little_ahead(method, portrait):
    photo, _, roi = portrait
    read = []

    def source(i):
        return Source(str(i), lambda: (read.append(i), read_photo(photo))[1])

    stream = Reconstructor(method).iter(map(source, range(1000)), batch_size=4, threads=2)
    next(stream)
    stream.close()
    assert len(read) < 30


def test_streams_compute_side_by_side_and_leave_torch_as_it_was(method, portrait):
    photo, _, roi = portrait
    usual, inside, together = torch.get_num_threads(), set(), threading.Barrier(2)

    def source(i):
        def read():
            if i < 2:
                together.wait(timeout=30)  # both threads are needed to get on
            inside.add((threading.get_ident(), torch.get_num_threads()))
            return read_photo(photo)

        return Source(str(i), read)

    places = {str(i): Places(rois=roi) for i in range(9)}
    reconstructor = Reconstructor(method)
    faces = [result.faces[0] for result in reconstructor.iter(map(source, range(9)), 2, places=places, threads=2)]
    assert len(inside) == 2 and {threads for _, threads in inside} == {1}
    assert torch.get_num_threads() == usual
    with ThreadPoolExecutor(1) as later:
        assert later.submit(torch.get_num_threads).result() == usual
    assert all(np.array_equal(face.landmarks, faces[0].landmarks) for face in faces[:8])


def test_position_maps_are_faces_too(portrait):
    photo, _, roi = portrait
    face = Reconstructor(create_method("position_map_small"))(photo, rois=roi)[0]
    assert face.position_map.shape == (3, 128, 128) and face.params is None
    assert face.shape.shape == face.vertices.shape and face.triangles.max() < len(face.vertices)


@pytest.mark.parametrize("style", ["overlay", "shaded", "depth", "normals", "landmarks"])
def test_pictures(face, style):
    picture = face.render(style)
    assert picture.shape == face.photo.pixels.shape and picture.dtype == np.uint8
    assert (picture != face.photo.pixels).any()


def test_files_by_suffix(face, tmp_path):
    for suffix in (".obj", ".glb", ".ply"):
        mesh = trimesh.load(face.save(tmp_path / f"face{suffix}"), force="mesh", process=False)
        assert len(mesh.faces) == len(face.triangles)
        size = np.ptp(face.shape, axis=0) / 100  # cm to meters
        assert np.allclose(np.ptp(mesh.vertices, axis=0), size, atol=0.01)
    assert Image.open(face.save(tmp_path / "face.png")).size == (face.photo.width, face.photo.height)
    facts = json.loads(face.save(tmp_path / "face.json").read_text())
    assert np.allclose(facts["landmarks"], face.landmarks) and len(facts["params"]) == 62
    with np.load(face.save(tmp_path / "face.npz")) as arrays:
        assert np.array_equal(arrays["vertices"], face.vertices)
    page = face.save(tmp_path / "face.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>") and len(page) < 8e6
    with pytest.raises(ValueError, match=".glb"):
        face.save(tmp_path / "face.doc")
    with pytest.raises(ValueError, match="no position map"):
        face.save(tmp_path / "face.npy")


@pytest.mark.parametrize(("unit", "meters"), [("um", 1e-6), ("cm", 1e-2), ("dm", 1e-1), ("m", 1.0)])
def test_meshes_are_in_meters_whatever_the_unit_of_the_model(face, unit, meters, tmp_path):
    other = replace(face.reconstruction, model=face.reconstruction.model._replaced(unit=unit))
    mesh = trimesh.load(Face(other, face.photo).save(tmp_path / "face.ply"), process=False)
    assert np.allclose(np.ptp(mesh.vertices, axis=0), np.ptp(face.shape, axis=0) * meters, rtol=1e-3)


def test_notebooks_show_the_page(face):
    assert face._repr_html_().startswith("<iframe srcdoc=")
    assert "mobile_frnet" in repr(face) and isinstance(face, Face)
    assert isinstance(face.mesh(), trimesh.Trimesh)


def test_wrong_arguments(method):
    wrong = (({"faces": "some"}, "largest"), ({"passes": 3}, "passes"), ({"detector": "x"}, "yunet"))
    for arguments, words in wrong:
        with pytest.raises(ValueError, match=words):
            Reconstructor(method, **arguments)
    with pytest.raises(ValueError, match="batch_size"):
        list(Reconstructor(method).iter([], batch_size=0))


def test_whole_pictures_are_not_cropped_again(method, portrait):
    photo, _, roi = portrait
    left, top, right, bottom = roi.astype(int)
    crop = np.ascontiguousarray(photo[top:bottom, left:right])
    face = Reconstructor(method, detector="whole")(crop)[0]
    assert np.allclose(face.roi, [0, 0, 160, 160], atol=1e-2)
    assert Reconstructor(method, detector=whole_picture, passes=1)(crop)[0].roi == pytest.approx(face.roi)


def test_one_path_is_one_input_and_wrong_types_are_named(reconstructor, portrait, tmp_path):
    Image.fromarray(portrait[0]).save(tmp_path / "one.png")
    for named in (tmp_path / "one.png", str(tmp_path / "one.png")):  # not letter by letter
        places = {"one": Places(rois=portrait[2])}
        assert [len(result.faces) for result in reconstructor.iter(named, places=places)] == [1]
    assert len(list(find_sources(str(tmp_path)))) == 1
    assert reconstructor(portrait[0], boxes=[]) == []
    for source in (None, 3, torch.zeros(3, 9, 9, dtype=torch.uint8), ["one.png"]):
        with pytest.raises(TypeError, match="source must be a path"):
            reconstructor(source)
    with pytest.raises(TypeError, match="method must be a name"):
        Reconstructor(5)
    with pytest.raises(TypeError, match="detector must be"):
        Reconstructor(reconstructor.method, detector=5)
    with pytest.raises(ValueError, match="left < right"):
        reconstructor(portrait[0], boxes=[9, 9, 4, 4])
