import numpy as np
import pytest
import torch

from pyface3d.morphable import MorphableModel
from pyface3d.ops import reference

N, K_I, K_E = 90, 3, 2


@pytest.fixture
def fields():
    generator = torch.Generator().manual_seed(0)
    draw = lambda *size: torch.randn(*size, generator=generator)  # noqa: E731
    corners = torch.stack([torch.arange(N - 2) + k for k in range(3)], dim=1)
    return {
        "mean": draw(N, 3),
        "identity_basis": draw(N, 3, K_I),
        "expression_basis": draw(N, 3, K_E),
        "triangles": corners,
        "identity_std": torch.tensor([3.0, 2, 1]),
        "uv": torch.rand(N + 2, 2, generator=generator),
        "uv_triangles": corners + 2,
        "landmarks": torch.arange(68),
        "forehead": torch.arange(70, 83),
        "colors": torch.rand(N, 3, generator=generator),
        "parts": {"skin": torch.arange(80), "teeth": torch.arange(80, N)},
        "unit": "mm",
        "name": "toy",
    }


@pytest.fixture
def model(fields):
    return MorphableModel(**fields)


def test_basis_is_identity_then_expression(model, fields):
    assert (model.n_vertices, model.n_identity, model.n_expression, model.n_coeffs) == (N, K_I, K_E, K_I + K_E)
    assert torch.equal(model.identity_basis, fields["identity_basis"])
    assert torch.equal(model.expression_basis, fields["expression_basis"])
    assert torch.equal(model.std, torch.tensor([3.0, 2, 1, 1, 1]))
    assert model.expression_names == ["expression_0", "expression_1"]


def test_synthesize_agrees_with_the_reference(model):
    model = model.double()
    coeffs, pose = model.sample(4, torch.Generator().manual_seed(1)), torch.randn(4, 3, 4, dtype=torch.float64)
    ids = torch.tensor([5, 0, 5, 88])
    for given_pose in (None, pose):
        for indices in (None, ids):
            got = model.synthesize(coeffs, given_pose, indices)
            want = reference.synthesize_shape(model.mean, model.basis, coeffs, given_pose, indices)
            torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)


def test_landmarks68_are_rows_of_the_shape(model):
    coeffs = model.sample(2)
    torch.testing.assert_close(model.landmarks68(coeffs), model.synthesize(coeffs)[:, :68])
    assert model.landmarks81.tolist() == [*range(68), *range(70, 83)]


def test_gradient_reaches_the_coefficients(model):
    coeffs = torch.zeros(2, K_I + K_E, requires_grad=True)
    model.synthesize(coeffs).square().sum().backward()
    assert coeffs.grad.abs().min() > 0


def test_split(model):
    coeffs = torch.arange(10.0).reshape(2, 5)
    identity, expression = model.split(coeffs)
    assert torch.equal(identity, coeffs[:, :3]) and torch.equal(expression, coeffs[:, 3:])
    with pytest.raises(ValueError, match=r"split: coeffs must be \(\.\.\., 5\), got \(2, 4\)"):
        model.split(coeffs[:, :4])


def test_sample_has_the_models_deviations(model):
    coeffs = model.sample(20000, torch.Generator().manual_seed(3))
    torch.testing.assert_close(coeffs.std(dim=0), model.std, rtol=0.03, atol=0)
    assert torch.equal(coeffs, model.sample(20000, torch.Generator().manual_seed(3)))
    assert model.sample(0).shape == (0, 5)


def test_truncated(model):
    small = model.truncated(2, 1)
    assert (small.n_identity, small.n_expression, small.expression_names) == (2, 1, ["expression_0"])
    coeffs = model.sample(3)
    coeffs[:, [2, 4]] = 0
    torch.testing.assert_close(small.synthesize(coeffs[:, [0, 1, 3]]), model.synthesize(coeffs))
    with pytest.raises(ValueError, match="n_identity must be 0 to 3, got 4"):
        model.truncated(4, 1)


def test_truncated_blendshapes():
    face = MorphableModel.default().truncated(5, 4)
    assert face.expression_from_blendshapes(torch.zeros(2, 53)).shape == (2, 4)
    assert face.blendshapes_from_expression(torch.zeros(2, 4)).shape == (2, 53)


def test_subset(model):
    ids = torch.cat([torch.arange(83).flip(0), torch.tensor([85, 86, 87])])
    part = model.subset(ids)
    assert torch.equal(part.mean, model.mean[ids]) and torch.equal(part.basis, model.basis[ids])
    kept = torch.isin(model.triangles, ids).all(dim=1)
    assert torch.equal(ids[part.triangles], model.triangles[kept]) and kept.sum() == 82
    assert torch.equal(part.uv[part.uv_triangles], model.uv[model.uv_triangles[kept]])
    assert torch.equal(ids[part.landmarks], model.landmarks) and torch.equal(ids[part.forehead], model.forehead)
    assert torch.equal(part.colors, model.colors[ids])
    assert torch.equal(ids[part.parts["teeth"]], torch.tensor([80, 81, 82, 85, 86, 87]))
    coeffs = model.sample(2)
    torch.testing.assert_close(part.synthesize(coeffs), model.synthesize(coeffs)[:, ids])


def test_subset_without_all_landmarks(model):
    part = model.subset(np.arange(10, N))
    assert part.landmarks is None and part.forehead is not None
    kept = part.landmark_sets["300w-lp"].mask
    assert torch.equal(kept, model.landmarks >= 10) and not kept.all()
    coeffs = part.sample(1)
    found, whole = part.landmarks68(coeffs), model.landmarks68(coeffs)
    torch.testing.assert_close(found[:, kept], whole[:, kept])
    assert found[:, ~kept].isnan().all()
    with pytest.raises(ValueError, match="toy has no 81-point scheme"):
        _ = part.landmarks81


def test_subset_bad_input(model):
    with pytest.raises(ValueError, match="vertex_indices must be distinct"):
        model.subset([1, 1])
    with pytest.raises(ValueError, match=r"vertex_indices must be in \[0, 90\), got 0 to 90"):
        model.subset([0, 90])
    with pytest.raises(TypeError, match="vertex_indices must hold integers"):
        model.subset([0.5])
    assert model.subset(torch.arange(0)).n_vertices == 0


def test_half_is_storage(model):
    coeffs = model.sample(2)
    whole = model.synthesize(coeffs)
    half = model.half()
    assert half.basis.dtype == torch.float16 and half.triangles.dtype == torch.int64
    got = half.synthesize(coeffs.half(), torch.eye(3, 4).half().expand(2, 3, 4))
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, whole, rtol=0.02, atol=0.02)


def test_half_refuses_micrometers(fields):
    model = MorphableModel(**{**fields, "mean": fields["mean"] * 1e5})
    with pytest.raises(ValueError, match="float16 ends at 65504"):
        model.half()
    assert model.mean.dtype == torch.float32
    assert torch.isfinite(model.bfloat16().mean).all()


def test_hash_follows_the_content(model, fields):
    assert len(model.hash()) == 64
    assert MorphableModel(**fields).hash() == model.hash()
    assert MorphableModel(**fields).double().hash() == model.hash()
    fields["mean"] = fields["mean"].clone()
    fields["mean"][0, 0] += 1
    assert MorphableModel(**fields).hash() != model.hash()


def test_state_dict_leaves_the_face_model_out(model):
    assert not model.state_dict()


def test_numpy_arrays_of_any_kind(fields):
    arrays = {key: value.numpy() if isinstance(value, torch.Tensor) else value for key, value in fields.items()}
    arrays["triangles"] = arrays["triangles"].astype(">u4")
    arrays["mean"] = np.asfortranarray(arrays["mean"].astype(">f4"))
    arrays["mean"].flags.writeable = False
    assert MorphableModel(**arrays).hash() == MorphableModel(**fields).hash()


def test_no_coefficients_and_no_vertices():
    empty = MorphableModel(torch.zeros(0, 3), torch.zeros(0, 3, 0), torch.zeros(0, 3, 0), torch.zeros(0, 3).long())
    assert empty.synthesize(torch.zeros(2, 0)).shape == (2, 0, 3)
    still = MorphableModel(torch.ones(4, 3), torch.zeros(4, 3, 0), torch.zeros(4, 3, 0), torch.tensor([[0, 1, 2]]))
    assert torch.equal(still.synthesize(torch.zeros(2, 0)), torch.ones(2, 4, 3))


def test_nan_and_empty_batch(model):
    coeffs = torch.zeros(2, 5)
    coeffs[0, 0] = torch.nan
    vertices = model.synthesize(coeffs)
    assert vertices[0].isnan().all() and torch.equal(vertices[1], model.mean)
    assert model.synthesize(coeffs[:0]).shape == (0, N, 3)
    assert model.landmarks68(coeffs[:0]).shape == (0, 68, 3)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"mean": torch.zeros(N, 2)}, ValueError, r"mean must be \(\*, 3\), got \(90, 2\)"),
        ({"identity_basis": torch.zeros(N + 1, 3, 1)}, ValueError, r"identity_basis must be \(90, 3, \*\), got \(91,"),
        ({"expression_basis": torch.zeros(N, 3)}, ValueError, r"expression_basis must be \(90, 3, \*\)"),
        ({"triangles": torch.zeros(4, 4).long()}, ValueError, r"triangles must be \(\*, 3\), got \(4, 4\)"),
        ({"triangles": torch.zeros(4, 3)}, TypeError, "triangles must hold integers, got torch.float32"),
        ({"triangles": torch.full((88, 3), N)}, ValueError, r"triangles must be in \[0, 90\), got 90 to 90"),
        ({"triangles": torch.full((88, 3), -1)}, ValueError, r"triangles must be in \[0, 90\), got -1 to -1"),
        ({"identity_std": torch.ones(4)}, ValueError, r"identity_std must be \(3\), got \(4,\)"),
        ({"landmarks": torch.arange(67)}, ValueError, r"landmarks must be \(68\), got \(67,\)"),
        ({"uv": torch.zeros(5, 3)}, ValueError, r"uv must be \(\*, 2\), got \(5, 3\)"),
        ({"uv_triangles": torch.zeros(3, 3).long()}, ValueError, r"uv_triangles must be \(88, 3\), got \(3, 3\)"),
        ({"uv": None}, ValueError, r"uv_triangles must be in \[0, 0\)"),
        ({"expression_names": ["smile"]}, ValueError, "expression_names must have 2 names, got 1"),
        ({"parts": {"skin": torch.tensor([N])}}, ValueError, r"parts\['skin'\] must be in \[0, 90\)"),
        ({"mean": torch.zeros(N, 3, dtype=torch.complex64)}, TypeError, "mean must hold real numbers"),
    ],
)
def test_bad_arguments(fields, change, error, message):
    with pytest.raises(error, match=message):
        MorphableModel(**{**fields, **change})


def test_wrong_coefficients(model):
    with pytest.raises((ValueError, RuntimeError), match=r"synthesize_shape: coeffs must be .* got \(2, 6\)"):
        model.synthesize(torch.zeros(2, 6))
    with pytest.raises(ValueError, match="not made of named blendshapes"):
        model.expression_from_blendshapes(torch.zeros(2, 53))
