import runpy
from pathlib import Path

import pytest

from pyface3d import ops
from pyface3d.testing import CHECKS, RECORDS, check_op

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", RECORDS)
def test_every_op_keeps_every_promise(name, check, request):
    check_op(RECORDS[name], request.config.getoption("--device"), only=[check])


def test_every_op_has_a_record():
    assert set(ops.__all__) <= set(RECORDS)


def test_the_table_in_the_documentation_is_that_of_the_records():
    script = runpy.run_path(str(ROOT / "scripts" / "ops_table.py"))
    assert script["PAGE"].read_text() == script["table"](), "run: python scripts/ops_table.py --write"
