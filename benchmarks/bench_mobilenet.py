"""The default's network on one picture; target: half the time of torch's folded convolutions."""

import torch

from pyface3d import create_method, nets, ops


def bench_one_picture(bench):
    method = create_method("compact").eval()
    folded, fused = nets.fold(method.network), method.deploy().network.get_submodule("fused")
    images = torch.randn(1, 3, 120, 120)
    with torch.inference_mode():
        fused(images)
        weights, layers = fused._packed[1], (fused._channels, fused._strides, fused._sums)
        pixels = images.permute(0, 2, 3, 1).contiguous()
        runs = {
            "pyface3d": lambda: ops.mobilenet(pixels, weights, *layers),
            "eager": lambda: folded(images),
            "oneDNN": lambda: fused.head(fused.pool(fused.convs(images)).flatten(1)),
        }
        flops = 2 * nets.count(method, 120).macs
        ratios = bench.compare("mobilenet, one picture", runs, bytes_moved=weights.nbytes, flops=flops)
    assert ratios["eager"] >= 2
