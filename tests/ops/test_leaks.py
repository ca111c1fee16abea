"""Three thousand calls with gradients keep no memory."""

import os
import subprocess
import sys

import pytest

CODE = """
import gc, re, torch
from pyface3d.testing import RECORDS
from pyface3d.testing.running import run

samples = [(r.op, r.wanting(r.sample(r.dtypes[0], sizes={"B": 512}))) for r in RECORDS.values()]

def resident_after(calls):
    for _ in range(calls // len(samples)):
        for op, sample in samples:
            run(op, sample)
    gc.collect()
    return int(re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read())[1])

torch.set_num_threads(1)
before = resident_after(400)
print(resident_after(3000) - before)
"""


@pytest.mark.slow  # minutes where CUDA is emulated
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.skipif("asan" in os.environ.get("LD_PRELOAD", ""), reason="the sanitizer keeps what was freed")
def test_calls_of_every_op_keep_nothing():
    kilobytes = int(subprocess.check_output([sys.executable, "-c", CODE], text=True))
    assert kilobytes < 1500, kilobytes
