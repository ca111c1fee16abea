import json
import pickle

import numpy as np
import pytest
import torch

from pyface3d.camera import LAYOUTS, ParameterSpace, pad_params
from pyface3d.camera.whitening import read_release


def space_with_wide_range():
    std = torch.cat([torch.full((12,), 3e-4), torch.full((40,), 5e5), torch.full((10,), 0.5)])
    return ParameterSpace(mean=torch.linspace(-70, 70, 62), std=std, size=120, flip="3ddfa_v2")


@pytest.mark.parametrize("length", sorted(LAYOUTS))
def test_layouts_cover_the_vector(length):
    space = ParameterSpace.of_length(length)
    assert space.n_params == length
    params = torch.arange(float(length))[None]
    parts = [params[:, part] for part in space.slices.values()]
    assert torch.equal(torch.cat(parts, 1), params)
    pose, coeffs = space.split(params)
    assert pose[0, 1].tolist() == [4, 5, 6, 7]  # row-major 3x4
    assert coeffs.shape == (1, sum(LAYOUTS[length][:2])) and coeffs[0, 0] == 12
    assert torch.equal(space.join(pose, coeffs, params[:, space.slices["texture"]]), params)


def test_whitening_by_hand_and_round_trip():
    space = ParameterSpace(mean=[1.0] * 13, std=[2.0] * 13, n_identity=1, n_expression=0)
    assert space.whiten(torch.full((1, 13), 5.0)).unique().tolist() == [2.0]
    assert space.unwhiten(torch.full((1, 13), 2.0)).unique().tolist() == [5.0]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_unwhiten_is_wide(dtype):
    space = space_with_wide_range()
    whitened = torch.ones(2, 62, dtype=dtype)
    expected = space.std + space.mean
    with torch.autocast("cpu", dtype=torch.bfloat16):
        params = space.unwhiten(whitened)
    assert params.dtype == torch.promote_types(dtype, torch.float32)
    torch.testing.assert_close(params[0].float(), expected, rtol=0, atol=0)


def test_half_leaves_the_tables_wide():
    space = torch.nn.Sequential(space_with_wide_range()).half()[0]
    assert space.std.dtype == torch.float32 and space.std.isfinite().all()
    assert torch.equal(space.std, space_with_wide_range().std)
    assert space.double().mean.dtype == torch.float64


def test_save_load_and_dict(tmp_path):
    space = space_with_wide_range()
    space.save(tmp_path / "space.safetensors")
    assert [file.name for file in tmp_path.iterdir()] == ["space.safetensors"]
    for again in (
        ParameterSpace.load(tmp_path / "space.safetensors"),
        ParameterSpace.from_dict(json.loads(json.dumps(space.to_dict()))),
    ):
        assert torch.equal(again.mean, space.mean) and torch.equal(again.std, space.std)
        assert (again.n_identity, again.n_expression, again.size, again.flip) == (40, 10, 120, "3ddfa_v2")


@pytest.mark.parametrize(("keys", "flip"), [(("param_mean", "param_std"), "3ddfa"), (("mean", "std"), "3ddfa_v2")])
def test_released_tables(tmp_path, keys, flip):
    table = dict(zip(keys, (np.arange(62, dtype=np.float32), np.arange(1, 63, dtype=np.float32))))
    (tmp_path / "table.pkl").write_bytes(pickle.dumps(table, protocol=2))
    space = ParameterSpace.load(tmp_path / "table.pkl")
    assert space.flip == flip and space.mean[3] == 3 and space.std[3] == 4
    with pytest.raises(ValueError, match="holds no whitening table of 3DDFA"):
        read_release(tmp_path / "table.pkl", "3ddfa" if flip == "3ddfa_v2" else "3ddfa_v2")


def test_a_pickle_of_something_else_is_refused_and_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("run",))

    (tmp_path / "other.pkl").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(ValueError, match="no whitening table"):
        ParameterSpace.load(tmp_path / "other.pkl")
    (tmp_path / "evil.pkl").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(ValueError, match="print"):
        ParameterSpace.load(tmp_path / "evil.pkl")


def test_measured_tables():
    params = torch.tensor([[0.0] * 13, [4.0] * 12 + [0.0]])
    space = ParameterSpace.measured(params, n_identity=1, n_expression=0)
    assert space.mean.tolist() == [2.0] * 12 + [0.0]
    assert space.std.tolist() == [2.0] * 12 + [1.0]  # population std; a constant entry gets 1


def test_pad_params():
    assert pad_params(torch.ones(3, 12)).sum() == 36
    padded = pad_params(torch.arange(1.0, 62.0)[None])
    assert padded.shape == (1, 62) and padded[0, 10] == 11 and padded[0, 11] == 0 and padded[0, 12] == 12
    with pytest.raises(ValueError, match="pad_params"):
        pad_params(torch.ones(60))


def test_errors():
    with pytest.raises(ValueError, match=r"ParameterSpace.split: params must be \(..., 62\), got \(2, 50\)"):
        ParameterSpace().split(torch.zeros(2, 50))
    with pytest.raises(ValueError, match="std must be positive"):
        ParameterSpace(std=torch.zeros(62))
    with pytest.raises(ValueError, match="mean must be finite"):
        ParameterSpace(mean=torch.full((62,), torch.nan))
    with pytest.raises(ValueError, match="flip must be one of"):
        ParameterSpace(flip="none")
    with pytest.raises(ValueError, match="length must be one of"):
        ParameterSpace.of_length(63)


@pytest.mark.parametrize("wrong", [{"size": 0}, {"size": -1}, {"n_identity": -40}, {"n_texture": -1}])
def test_spaces_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match="must not be negative and size must be positive"):
        ParameterSpace(**wrong)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_deviations_that_make_no_sense_are_refused(value):
    with pytest.raises(ValueError, match="ParameterSpace: std must be"):
        ParameterSpace(std=torch.full((62,), value))
