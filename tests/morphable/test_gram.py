import pytest
import torch

from pyface3d import MorphableModel


def test_axes_are_the_uncentered_moments_of_each_coordinate():
    model = MorphableModel.default().truncated(4, 3)
    columns = torch.cat([model.mean[:, :, None], model.basis], 2).double()  # (N, 3, K+1)
    expected = torch.einsum("nxi,nxj->xij", columns, columns).float()
    torch.testing.assert_close(model.gram().axes, expected, rtol=1e-6, atol=1e-6 * expected.max().item())


def test_moves_with_its_module_but_not_into_checkpoints():
    gram = MorphableModel.default().gram(rows=2)
    assert gram.double().posed.dtype == torch.float64 and not gram.state_dict()
    assert gram.rows == 2 and gram.n_vertices == 9409 and gram.total_weight == 9409


def test_half_precision_model_keeps_float32_moments():
    assert MorphableModel.default().half().gram().posed.dtype == torch.float32


@pytest.mark.parametrize(
    "weights, rows, message",
    [
        (torch.ones(3), 3, r"weights must be \(9409,\), got \(3,\)"),
        (torch.full((9409,), -1.0), 3, "weights must be finite and not negative"),
        (torch.full((9409,), float("nan")), 3, "weights must be finite and not negative"),
        (torch.zeros(9409), 3, "weights are all zero"),
        (None, 4, "rows must be 3"),
    ],
)
def test_bad_arguments_are_one_sentence(weights, rows, message):
    with pytest.raises(ValueError, match="MorphableModel.gram: " + message):
        MorphableModel.default().gram(weights, rows=rows)
