import pytest

from pyface3d import ops
from pyface3d.testing import CHECKS, RECORDS, check_op


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", RECORDS)
def test_every_op_keeps_every_promise(name, check, request):
    check_op(RECORDS[name], request.config.getoption("--device"), only=[check])


def test_every_op_has_a_record():
    assert set(ops.__all__) <= set(RECORDS)
