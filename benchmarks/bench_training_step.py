"""Target: a training step of MobileFRNet at batch 128 spends at least 90 % of its time in the network."""

import statistics
import time

import pytest
import torch

import pyface3d
from pyface3d.data import Pool
from pyface3d.data.synthetic import SyntheticFaces, parameter_space
from pyface3d.training import MethodModule, StepLoader, StepSampler

BATCH, STEPS = 128, 20


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    faces = SyntheticFaces(seed=0)
    portraits = Pool(tmp_path_factory.mktemp("pool"), faces, 2 * BATCH)
    portraits.fill()
    return portraits


def bench_share_of_the_network(bench, pool):
    method = pyface3d.create_method("mobile_frnet", space=parameter_space())
    module = MethodModule(method, steps_per_epoch=100)
    optimizer = module.configure_optimizers()["optimizer"]
    method.train()
    batches = iter(StepLoader([pool], StepSampler([len(pool)], [BATCH], seed=0, steps=STEPS), workers=1))
    network = []  # seconds of each step inside it

    def step():
        batch = next(batches)
        images = method.preprocess(batch["image"])
        start = time.perf_counter()
        outputs = method(images)
        forward = time.perf_counter() - start
        leaf = outputs.detach().requires_grad_()
        loss, _ = method.loss(batch, leaf)
        loss.backward()
        start = time.perf_counter()
        outputs.backward(leaf.grad)
        network.append(forward + time.perf_counter() - start)
        torch.nn.utils.clip_grad_norm_(method.network.parameters(), 10.0)
        optimizer.step()
        optimizer.zero_grad()

    bench.compare(f"training step, batch {BATCH}", {"pyface3d": step})
    share = statistics.median(network) / bench.median
    bench.note("training step", share_of_network=share)
    assert share >= 0.9
