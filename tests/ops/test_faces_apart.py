import pytest
import torch

from pyface3d.testing import RECORDS


@pytest.mark.parametrize("name", ["vertex_normals", "interpolate", "rasterize", "sample_position_map"])
def test_a_large_gradient_of_one_face_costs_the_others_no_digit(name, request):
    # these scatter, on a GPU by tables of who adds to what: no face may reach the sums of another
    record = RECORDS[name]
    sample = record.sample(device=request.config.getoption("--device"))
    grads = []
    for factor in (1.0, 1e8):
        args = record.wanting(sample, record.differentiable[:1])
        outputs = record.op(*args)
        output = outputs if isinstance(outputs, torch.Tensor) else outputs[1]
        cotangent = torch.ones_like(output)
        cotangent[0] *= factor
        (wanted,) = (a for a in args if isinstance(a, torch.Tensor) and a.requires_grad)
        grads.append(torch.autograd.grad(output.square(), wanted, cotangent)[0])
    assert torch.equal(grads[0][1], grads[1][1]) and not torch.equal(grads[0][0], grads[1][0])
