"""Portraits on another device, without one: a stand-in keeps count of which tensors would lie there."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils import _device
from torch.utils._pytree import tree_flatten

import pyface3d
from pyface3d.data import Augment, Strength, collate
from pyface3d.data.synthetic import SyntheticFaces, parameter_space
from pyface3d.data.synthetic.jpeg import compress
from pyface3d.training import job
from pyface3d.training.head import regress_head

ELSEWHERE = torch.device("cuda")
MIXING = {Tensor.__getitem__, Tensor.__setitem__, Tensor.to, Tensor.copy_}  # may name a host's tensors
LEAVING = {Tensor.cpu, Tensor.tolist, Tensor.item, Tensor.__int__, Tensor.__float__, Tensor.__bool__}


class StandIn(TorchFunctionMode):
    """Tensors made for the device, or from its tensors, count as there; the CPU computes them all.

    Attributes:
        mixed: functions that were given tensors of both, which a real device refuses.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mixed: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func == Tensor.device.__get__:
            return ELSEWHERE if getattr(args[0], "there", False) else torch.device("cpu")
        if func in (torch.device, torch._C._nn._parse_to):
            return func(*args, **kwargs)
        if func in _device._device_constructors():
            kwargs.setdefault("device", _device.CURRENT_DEVICE or torch.device("cpu"))
        named = [kwargs.get("device"), *(arg for arg in args if isinstance(arg, torch.device))]
        sent = ELSEWHERE in named
        args = tuple(torch.device("cpu") if isinstance(arg, torch.device) else arg for arg in args)
        if "device" in kwargs:
            kwargs["device"] = torch.device("cpu")
        given = [leaf for leaf in tree_flatten((args, kwargs))[0] if isinstance(leaf, Tensor)]
        there = [leaf for leaf in given if getattr(leaf, "there", False)]
        here = [leaf for leaf in given if leaf.dim() and not getattr(leaf, "there", False)]
        name = getattr(func, "__name__", str(func))
        if (there and here and func not in MIXING) or (there and func is Tensor.numpy):
            self.mixed.append(name)
        found = func(*args, **kwargs)
        if func is Tensor.to and any(named) and not sent:
            there = []  # moved back
        if func in (Tensor.to, Tensor.cpu) and found is args[0]:
            found = found.clone()
        if (sent or there) and func not in LEAVING:
            for leaf in tree_flatten(found)[0]:
                if isinstance(leaf, Tensor):
                    leaf.there = True
        return found


def test_all_is_made_where_it_is_wanted():
    with StandIn() as mode:
        faces = SyntheticFaces(seed=7, device="cuda")
        found = faces.render(range(6))
        labels = faces.labels(range(6))
        assert {key: value.device.type for key, value in found.items()} == dict.fromkeys(found, "cuda")
        assert {value.device.type for value in labels.values()} == {"cuda"}
    assert mode.mixed == []
    here = SyntheticFaces(seed=7).render(range(6))
    for key in ("params", "landmarks", "visible", "yaw"):
        assert torch.equal(found[key], here[key]), key
    off = (found["image"].int() - here["image"].int()).abs().float()  # apart from the JPEG the same kernels ran
    assert off.mean() < 0.5 and off.amax((1, 2, 3)).min() == 0


def test_a_batch_lies_where_its_portraits_do():
    photo = {"image": torch.zeros(3, 120, 120, dtype=torch.uint8), "params": torch.zeros(62), "name": "photo"}
    with StandIn() as mode:
        portraits = SyntheticFaces(seed=7, device=ELSEWHERE)
        batch = collate([*portraits.__getitems__([0, 1, 2]), photo])
        assert batch["image"].device == batch["params"].device == ELSEWHERE
        method = pyface3d.create_method("compact", space=parameter_space())
        assert regress_head(method, [batch]) == 4  # before training moves the method there
        assert method.network.head.weight.device.type == "cpu"
    assert mode.mixed == []


def test_pictures_are_augmented_where_they_lie():
    strength = Strength(blur=1.0, occlusion=1.0, noise=9.0, gray=0.5)
    images = SyntheticFaces(seed=7).render(range(6))["image"]
    with StandIn() as mode:
        there = {"image": images.to(ELSEWHERE)}
        found = Augment(strength=strength)(there, torch.Generator().manual_seed(3))["image"]
        assert found.device == ELSEWHERE
    assert mode.mixed == []
    here = Augment(strength=strength)({"image": images}, torch.Generator().manual_seed(3))["image"]
    assert torch.equal(found, here)


def test_training_renders_where_it_learns(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("LOCAL_RANK", "1")
    options: dict[str, Any] = {}
    assert job._renders_on(options) == torch.device("cuda", 1) and options == {"workers": 0}
    for asked in ({"workers": 2}, {"accelerator": "cpu"}):
        assert job._renders_on(dict(asked)) is None
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert job._renders_on({}) is None


def test_the_stand_in_sees_a_tensor_left_behind():
    with StandIn() as mode:
        there = torch.ones(3, device=ELSEWHERE)
        there + torch.ones(3)
        there * torch.tensor(2.0)  # a number may come from anywhere
        torch.cat([there, there.cpu()])
    assert len(mode.mixed) == 2


@pytest.mark.parametrize("quality", [30, 60, 95])
def test_compression_is_the_librarys(quality):
    cv2 = pytest.importorskip("cv2")
    pictures = SyntheticFaces(seed=7).render(range(8))["image"][..., :113]  # no whole number of blocks
    found = compress(pictures, torch.full((8,), quality))
    change, off = [], []
    for picture, ours in zip(pictures, found):
        pixels = np.ascontiguousarray(picture.permute(1, 2, 0).numpy())
        code = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        theirs = torch.from_numpy(cv2.imdecode(code, cv2.IMREAD_COLOR)).permute(2, 0, 1).int()
        off.append((ours.int() - theirs).abs().float().mean())
        change.append((picture.int() - theirs).abs().float().mean())
    assert torch.stack(off).mean() < min(1.0, 0.5 * torch.stack(change).mean())
