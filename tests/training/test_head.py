import pytest
import torch

from pyface3d import create_method
from pyface3d.data.synthetic import parameter_space
from pyface3d.training.head import _Sums, regress_head


def test_the_head_answers_what_the_features_allow():
    """Labels that are an affine map of the features come out exactly."""
    torch.manual_seed(0)
    method = create_method("compact", kernels=1, space=parameter_space())
    network, space = method.network.eval(), method.space
    images = torch.randint(0, 255, (24, 3, 120, 120), dtype=torch.uint8)
    with torch.no_grad():
        truth = space.unwhiten(method(method.preprocess(images)))
    network.head.weight.data.zero_()
    batches = [{"image": images[:16], "params": truth[:16]}, {"image": images[16:], "params": truth[16:]}]
    assert regress_head(method, batches, penalty=1e-8) == 24
    with torch.no_grad():
        found = space.unwhiten(method(method.preprocess(images)))
    torch.testing.assert_close(space.whiten(found), space.whiten(truth), atol=1e-3, rtol=0)


def test_it_needs_parameters():
    method = create_method("compact", space=parameter_space())
    images = torch.zeros(2, 3, 120, 120, dtype=torch.uint8)
    with pytest.raises(ValueError, match="no sample has params"):
        regress_head(method, [{"image": images}])
    with pytest.raises(ValueError, match="weight_mask has no linear head"):
        regress_head(create_method("weight_mask", width=4), [])


def test_the_sum_over_batches_is_the_regression_of_all_rows():
    torch.manual_seed(0)
    sums, x, y = _Sums(5, 2), torch.randn(40, 5).double() + 100, torch.randn(40, 2).double()
    for rows in (slice(0, 0), slice(0, 13), slice(13, 40)):
        sums.add(x[rows], y[rows])
    weight, bias = sums.solve(2.0)
    centered, targets = x - x.mean(0), y - y.mean(0)
    expected = torch.linalg.solve(centered.T @ centered + 2 * torch.eye(5, dtype=x.dtype), centered.T @ targets).T
    torch.testing.assert_close(weight, expected, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(x.mean(0) @ weight.T + bias, y.mean(0), rtol=1e-8, atol=1e-8)
