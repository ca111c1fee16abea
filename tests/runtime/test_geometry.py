import subprocess
import sys

import numpy as np
import pytest
import torch

from pyface3d import MorphableModel, UVAtlas, ops, runtime

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def face():
    model = MorphableModel.default()
    coeffs = model.sample(2, torch.Generator().manual_seed(1))
    pose = torch.eye(3, 4).expand(2, 3, 4) * 4 + torch.tensor([0.0, 0, 0, 40])
    return model, coeffs, pose, model.synthesize(coeffs, pose)


def same(actual, expected):
    assert actual.dtype == expected.numpy().dtype and actual.shape == tuple(expected.shape)
    np.testing.assert_allclose(actual, expected.numpy(), rtol=1e-6, atol=1e-6 * float(expected.abs().max()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("threads", [1, 2])
def test_synthesis_and_projection(face, dtype, threads):
    model, coeffs, pose, _ = face
    mean, basis, coeffs, pose = (x.to(dtype) for x in (model.mean, model.basis, coeffs, pose))
    some = torch.tensor([5, 0, 5])
    arrays = [x.numpy() for x in (mean, basis, coeffs, pose)]
    same(runtime.synthesize_shape(*arrays, threads=threads), ops.synthesize_shape(mean, basis, coeffs, pose))
    same(runtime.synthesize_shape(*arrays, some), ops.synthesize_shape(mean, basis, coeffs, pose, some))
    shape = ops.synthesize_shape(mean, basis, coeffs)
    same(runtime.project_weak_perspective(shape.numpy(), arrays[3]), ops.project_weak_perspective(shape, pose))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_meshes(face, dtype):
    model, _, _, vertices = face
    vertices, triangles = vertices.to(dtype), model.triangles
    ids, barycentrics, depth = ops.rasterize(vertices, triangles, 80, 70)
    have = runtime.rasterize(vertices.numpy(), triangles.numpy(), 80, 70, threads=2)
    np.testing.assert_array_equal(have[0], ids.numpy())
    same(have[1], barycentrics), same(have[2], depth)
    same(runtime.vertex_normals(vertices.numpy(), triangles.numpy()), ops.vertex_normals(vertices, triangles))
    values = torch.rand(2, model.n_vertices, 4, dtype=dtype)
    for attributes in (values, values[0]):
        expected = ops.interpolate(attributes, ids, barycentrics, triangles)
        same(runtime.interpolate(attributes.numpy(), have[0], have[1], triangles.numpy()), expected)


def test_position_maps(face):
    model, _, _, vertices = face
    atlas = UVAtlas.from_model(model, size=64)
    maps = ops.render_position_map(vertices, atlas)
    same(runtime.render_position_map(vertices.numpy(), atlas.corners.numpy(), atlas.barycentrics.numpy()), maps)
    uv = torch.rand(9, 2)
    same(runtime.sample_position_map(maps.numpy(), uv.numpy()), ops.sample_position_map(maps, uv))


def test_dlpack_strides_and_lists():
    mean, basis = torch.rand(4, 3), torch.rand(4, 3, 2)
    expected = ops.synthesize_shape(mean, basis, torch.ones(1, 2))
    same(runtime.synthesize_shape(mean, basis, np.ones((1, 2), np.float32)), expected)  # torch tensors, by DLPack
    strided = np.asfortranarray(basis.numpy())
    same(runtime.synthesize_shape(mean.numpy(), strided, np.ones((1, 4), np.float32)[:, ::2]), expected)


def test_empty():
    assert runtime.synthesize_shape(np.zeros((3, 3)), np.zeros((3, 3, 2)), np.zeros((0, 2))).shape == (0, 3, 3)
    assert (runtime.rasterize(np.zeros((1, 0, 3)), np.zeros((0, 3)), 2, 2)[0] == -1).all()


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: runtime.synthesize_shape(np.ones((5, 2)), np.ones((5, 3, 2)), np.ones((1, 2))),
            r"mean must be \(N, 3\)",
        ),
        (
            lambda: runtime.synthesize_shape(np.ones((5, 3)), np.ones((5, 3, 2)), np.ones((1, 9))),
            r"synthesize_shape: coeffs must be \(B, K\) = \(\*, 2\), got \(1, 9\)",
        ),
        (
            lambda: runtime.synthesize_shape(np.ones((5, 3)), np.ones((5, 3, 2), np.float32), np.ones((1, 2))),
            "basis must have the dtype of mean",
        ),
        (
            lambda: runtime.synthesize_shape(np.ones((5, 3), int), np.ones((5, 3, 2)), np.ones((1, 2))),
            "mean must be float32 or float64",
        ),
        (
            lambda: runtime.synthesize_shape(np.ones((5, 3)), np.ones((5, 3, 2)), np.ones((1, 2)), None, [5]),
            r"indices must lie in \[0, 5\), got 5 at position 0",
        ),
        (lambda: runtime.rasterize(np.ones((1, 3, 3)), [[0, 1, 3]], 2, 2), r"triangles\[0\] names vertex 3"),
        (lambda: runtime.rasterize(np.ones((1, 3, 3)), [[0, 1, 2]], 0, 2), "height and width must be 1 to 32767"),
    ],
)
def test_bad_input_is_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.alone
def test_imports_no_torch_quickly():
    code = """
import sys, time
import numpy
start = time.process_time()  # a busy machine's other programs do not count
import pyface3d.runtime
took = time.process_time() - start
assert 'torch' not in sys.modules
print(took)
"""
    command = [sys.executable, "-c", code]
    times = [float(subprocess.run(command, capture_output=True, check=True).stdout) for _ in range(3)]
    assert min(times) < 0.12, times
