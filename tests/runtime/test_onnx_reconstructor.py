import subprocess
import sys

import numpy as np
import pytest
import torch

import pyface3d
from pyface3d import MorphableModel, camera, runtime
from pyface3d.images import demo_picture

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """An untrained Mobile-FRNet on the embedded face model, its ONNX file and the model's file."""
    from pyface3d.methods.onnx import export_onnx

    folder = tmp_path_factory.mktemp("exported")
    torch.manual_seed(0)
    method = pyface3d.create_method("mobile_frnet").eval()
    export_onnx(method, folder / "method.onnx")
    method.model.save(folder / "face.npz")
    return method, folder


@pytest.fixture(scope="module")
def photo():
    return np.random.default_rng(0).integers(0, 256, (200, 230, 3), np.uint8)


def close(actual, expected, relative=1e-4):
    expected = expected.numpy()
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=0, atol=relative * float(np.abs(expected).max()))


def test_agrees_with_torch(exported, photo):
    method, folder = exported
    roi = np.float32([-10.4, 12.2, 170.1, 192.7])
    face = runtime.OnnxReconstructor(folder / "method.onnx", folder / "face.npz", threads=2)(photo, roi)
    crop = camera.crop(photo, roi, 120)
    difference = np.abs(crop.astype(int) - runtime.crops.crop(photo, roi, 120))
    assert difference.max() <= 1 and (difference > 0).mean() < 0.01
    expected = method.predict(torch.from_numpy(crop).permute(2, 0, 1)[None]).to_image(torch.from_numpy(roi))
    close(face.params, expected.params[0], 2e-4)  # two convolution libraries
    close(face.pose, expected.pose[0])
    close(face.vertices, expected.vertices[0])
    close(face.landmarks, expected.landmarks[0])
    assert list(face.angles) == ["pitch", "yaw", "roll"]
    close(np.array(list(face.angles.values())), torch.rad2deg(expected.angles[0]))
    # from the same parameters on, only the kernels are left
    answer = method.reconstruct((torch.from_numpy(face.params)[None] - method.space.mean) / method.space.std)
    close(face.vertices, answer.to_image(torch.from_numpy(roi)).vertices[0], 1e-6)


def test_mirrored_and_tilted_angles():
    generator = torch.Generator().manual_seed(0)
    poses = torch.rand(20, 3, 4, generator=generator) - 0.5
    for pose in poses:
        close(runtime.crops.pose_to_angles(pose.numpy()), camera.pose_to_angles(pose[None])[0], 1e-5)


def test_crops_around_landmarks(exported, photo):
    reconstruct = runtime.OnnxReconstructor(exported[1] / "method.onnx", exported[1] / "face.npz")
    points = np.random.default_rng(1).uniform(50, 150, (68, 2)).astype(np.float32)
    roi = camera.roi_from_landmarks(torch.from_numpy(points)[None])[0]
    close(reconstruct(photo, landmarks=points).roi, roi, 1e-6)
    with pytest.raises(ValueError, match="not both"):
        reconstruct(photo, roi, landmarks=points)


def test_draws_over_the_photo(exported, photo):
    reconstruct = runtime.OnnxReconstructor(exported[1] / "method.onnx", exported[1] / "face.npz")
    face = reconstruct(photo, (20, 20, 180, 180))
    drawn = face.render(photo)
    assert drawn.shape == photo.shape and drawn.dtype == np.uint8
    changed = (drawn != photo).any(-1)
    assert 0.02 < changed.mean() < 0.98
    assert face.render(size=(64, 48)).shape == (64, 48, 3)
    with pytest.raises(ValueError, match="size="):
        face.render()


def test_another_face_model_is_refused(exported, tmp_path):
    default = MorphableModel.default()
    tensors = {name: tensor for name, tensor in default.named_buffers(recurse=False) if name != "basis"}
    tensors["mean"] = tensors["mean"] + 1e-3
    bases = {"identity_basis": default.identity_basis, "expression_basis": default.expression_basis}
    MorphableModel(**tensors, **bases, name="other").save(tmp_path / "other.npz")
    with pytest.raises(ValueError, match="belongs to the face model ict_face.*got other"):
        runtime.OnnxReconstructor(exported[1] / "method.onnx", tmp_path / "other.npz")


def test_a_changed_model_file_is_refused(exported, tmp_path):
    with np.load(exported[1] / "face.npz") as file:
        arrays = dict(file)
    arrays["mean"] = arrays["mean"] + 1e-3
    np.savez(tmp_path / "changed.npz", **arrays)
    with pytest.raises(ValueError, match="hash"):
        runtime.load_model(tmp_path / "changed.npz")


@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
def test_the_hash_is_the_models(tmp_path, suffix):
    model = MorphableModel.default()
    model.save(tmp_path / f"face.{suffix}")
    assert runtime.load_model(tmp_path / f"face.{suffix}").hash == model.hash()


def test_files_that_are_something_else(exported, tmp_path):
    import onnx

    (tmp_path / "text.onnx").write_text("no graph")
    with pytest.raises(ValueError, match="no ONNX file"):
        runtime.OnnxReconstructor(tmp_path / "text.onnx", exported[1] / "face.npz")
    with pytest.raises(FileNotFoundError, match="no file"):
        runtime.OnnxReconstructor(tmp_path / "absent.onnx", exported[1] / "face.npz")
    graph = onnx.load(exported[1] / "method.onnx")
    del graph.metadata_props[:]
    onnx.save(graph, tmp_path / "bare.onnx")
    with pytest.raises(ValueError, match="no model card"):
        runtime.OnnxReconstructor(tmp_path / "bare.onnx", exported[1] / "face.npz")


def test_searches_as_the_library_does(exported):
    """Two faces in one picture: the same finds, crops and landmarks from both."""
    method, folder = exported
    one = demo_picture().pixels
    photo = np.concatenate([one, one[::2, ::2].repeat(2, 0)], axis=1)
    got = runtime.OnnxReconstructor(folder / "method.onnx", folder / "face.npz").find(photo)
    expected = pyface3d.Reconstructor(method, faces="all", device="cpu")(photo)
    assert len(got) == len(expected) == 2
    for face, other in zip(got, expected):
        assert face.score == pytest.approx(other.score) and np.allclose(face.points, other.points, atol=1e-3)
        assert np.allclose(face.roi, other.roi, atol=0.1) and np.allclose(face.landmarks, other.landmarks, atol=0.2)
    largest = runtime.OnnxReconstructor(folder / "method.onnx", folder / "face.npz").find(photo, largest=True)
    assert len(largest) == 1 and np.array_equal(largest[0].points, got[0].points)
    with pytest.raises(ValueError, match=r"\(H, W, 3\) uint8"):
        runtime.OnnxReconstructor(folder / "method.onnx", folder / "face.npz").find(photo[..., 0])


def test_needs_no_torch(exported):
    """A process in which torch cannot be imported reconstructs, and says what is missing where torch is needed."""
    code = f"""
import sys
sys.modules["torch"] = None
import numpy as np, pyface3d
from pyface3d import runtime
folder = {str(exported[1])!r}
face = runtime.OnnxReconstructor(folder + "/method.onnx", folder + "/face.npz")(np.zeros((120, 120, 3), np.uint8))
print(face.vertices.shape, face.render(size=(120, 120)).shape)
from pyface3d.images import demo_picture
print(len(runtime.OnnxReconstructor(folder + "/method.onnx", folder + "/face.npz").find(demo_picture().pixels)))
try:
    pyface3d.ops
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    shapes, found, sentence = done.stdout.strip().split("\n")
    assert shapes == "(9409, 3) (120, 120, 3)" and found == "1"
    assert sentence.startswith("pyface3d.ops needs torch, which is not installed: pip install")
