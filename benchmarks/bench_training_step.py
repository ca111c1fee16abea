"""Target: a training step of MobileFRNet at batch 128 spends at least 90 % of its time in the network."""

import time

import pytest
import torch

import pyface3d
from pyface3d.data import Pool
from pyface3d.data.synthetic import SyntheticFaces, parameter_space
from pyface3d.training import MethodModule, StepLoader, StepSampler

BATCH, STEPS = 128, 6


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    faces = SyntheticFaces(seed=0)
    portraits = Pool(tmp_path_factory.mktemp("pool"), faces, 2 * BATCH)
    portraits.fill()
    return portraits


def test_share_of_the_network(bench, pool):
    method = pyface3d.create_method("mobile_frnet", space=parameter_space())
    module = MethodModule(method, steps_per_epoch=100)
    optimizer = module.configure_optimizers()["optimizer"]
    method.train()
    shares, totals = [], []
    loader = StepLoader([pool], StepSampler([len(pool)], [BATCH], seed=0, steps=STEPS), workers=1)
    last = time.perf_counter()
    for batch in loader:
        images = method.preprocess(batch["image"])
        start = time.perf_counter()
        outputs = method(images)
        network = time.perf_counter() - start
        leaf = outputs.detach().requires_grad_()
        loss, _ = method.loss(batch, leaf)
        loss.backward()
        start = time.perf_counter()
        outputs.backward(leaf.grad)
        network += time.perf_counter() - start
        torch.nn.utils.clip_grad_norm_(method.network.parameters(), 10.0)
        optimizer.step()
        optimizer.zero_grad()
        now = time.perf_counter()
        shares.append(network / (now - last))
        totals.append(now - last)
        last = now
    share = sorted(shares[1:])[len(shares[1:]) // 2]
    bench.note("training step, batch 128", seconds=sorted(totals[1:])[len(totals[1:]) // 2], share_of_network=share)
    assert share >= 0.9
