import pytest
import torch

from pyface3d import create_method
from pyface3d.data.synthetic import parameter_space
from pyface3d.training.head import regress_head


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
