"""Inference of all methods; target: deployed MobileFRNet at batch 32 at least 1.3x its eager form."""

import pytest
import torch

from pyface3d import MorphableModel, create_method, nets

# name in the table, registered name, arguments, batch
METHODS = [
    ("mb05 (3DDFA_V2)", "tddfa", {"width": 0.5}, 32),
    ("tddfa", "tddfa", {}, 32),
    ("mobile_frnet", "mobile_frnet", {}, 32),
    ("mobile_frnet, no attention", "mobile_frnet", {"attention": False}, 32),
    ("mobilenet_v2", "mobile_frnet", {"backbone": "mobilenet_v2"}, 32),
    ("mobilenet_v2, projection", "mobile_frnet", {"backbone": "mobilenet_v2", "projection": True}, 32),
    ("synergynet", "synergynet", {}, 32),
    ("densenet121", "mobile_frnet", {"backbone": "densenet121"}, 8),
    ("resnext50_32x4d", "mobile_frnet", {"backbone": "resnext50_32x4d"}, 8),
    ("marn (resnet34)", "marn", {}, 8),
    ("marn (resnet50)", "marn", {"backbone": "resnet50"}, 8),
    ("position_map_small", "position_map_small", {}, 8),
    ("weight_mask, prnet", "weight_mask", {}, 2),
    ("joint", "joint", {}, 2),
]


@pytest.fixture(scope="module")
def face_model():
    return MorphableModel.default()


@pytest.mark.parametrize(("label", "name", "arguments", "batch"), METHODS, ids=[m[0] for m in METHODS])
def bench_deployed(bench, face_model, label, name, arguments, batch):
    method = create_method(name, model=face_model, **arguments).eval()
    deployed, size = method.deploy(), method.images.size
    images = torch.randn(batch, 3, size, size)
    with torch.inference_mode():
        ratios = bench.compare(
            f"{label} deployed, batch {batch}",
            {"pyface3d": lambda: deployed(images), "eager": lambda: method(images)},
        )
    counted = nets.count(method, size)
    rate, gmac = batch / bench.median, counted.macs / 1e9
    bench.note(
        label, parameters=counted.parameters, GMAC=gmac, images_per_second=rate, GMAC_per_second=rate * gmac,
        images_per_second_per_GMAC=rate / gmac,
    )  # fmt: skip
    if label == "mobile_frnet":
        assert ratios["eager"] >= 1.3
