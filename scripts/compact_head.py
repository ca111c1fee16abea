r"""Corrects the head of ``compact`` in closed form towards what three permissive teachers see on turned photos.

pyface3d profile portraits/ --yaw -90:90:15 --spread 7.5 --pitch 7 --jitter 0.03 --seed 0 --out profiled
python scripts/compact_head.py profiled --points points.npz --start run/compact_two_looks.safetensors \
    --openseeface lm_model0_opt.onnx --peppa slim_160_latest.onnx --out run/compact_head.safetensors

The network itself in three crops, OpenSeeFace and Peppa see each view and its mirror image; what their mean asks of the
first look's parameters is a ridge regression on the features that its head has already. Photos of every fifth person
are left out. The trunk stays as it is, and so does what a second look reads in it.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pyface3d.camera.parameter_space import POSE_LENGTH
from pyface3d.data.schemes import mirror_permutation
from pyface3d.methods import Method, create_method, save_weights
from pyface3d.methods.card import read_card
from pyface3d.nets.layers import Trunk
from pyface3d.reconstructor.views import View, views_around
from pyface3d.teachers.looking import look
from pyface3d.teachers.onnx_landmarks import OpenSeeFace, Peppa
from pyface3d.teachers.teacher import MethodTeacher, Teacher
from pyface3d.training.head import first_look
from pyface3d.training.sources import open_source

SHARES = (0.75, 0.15, 0.1)  # of the network itself, OpenSeeFace and Peppa
STIFF, PENALTY = 3.0, 100.0  # of a step in parameters beside square pixels; of the regression
SURE = 0.95  # part of the views that is learned from: the others are farthest from the teachers
BATCH = 250


def opinion(teachers: Sequence[tuple[Teacher, Sequence[View]]], image: Tensor) -> Tensor:
    """(68, 2) the mean of the teachers, in pixels of a crop (3, S, S); points that one does not know are others'."""
    roi = torch.tensor([0.0, 0.0, *2 * [image.shape[-1]]])
    seen = torch.stack([look(teacher, image, roi, views).mean(0) for teacher, views in teachers])  # (T, 68, 2)
    counts = torch.tensor(SHARES)[:, None, None] * seen.isfinite()
    return (seen.nan_to_num() * counts).sum(0) / counts.sum(0)


def slopes(method: Method, first: Tensor) -> Tensor:
    """(B, 136, P) how landmarks in pixels, y down, follow whitened parameters (B, P): they are bilinear in them."""
    space, points = method.space, method.model.landmark_basis()
    assert space is not None
    pose, coeffs = space.split(space.unwhiten(first))
    shape = points.mean + torch.einsum("lck,bk->blc", points.basis, coeffs)
    ends = torch.cat([shape, torch.ones_like(shape[..., :1])], 2)  # (B, 68, 4)
    found = first.new_zeros(len(first), 68, 2, first.shape[1])
    found[:, :, 0, :4], found[:, :, 1, 4:8] = ends, -ends
    rows = pose[:, :2, :3] * torch.tensor([[1.0], [-1.0]])
    found[..., POSE_LENGTH:] = torch.einsum("bic,lck->blik", rows, points.basis)
    return (found * space.std).flatten(1, 2)


def observe(method: Method, images: Tensor, landmarks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Features (B, F) of the head, the step (B, P) that is asked of it, and how far (B,) it is off in pixels."""
    trunk = first_look(method.network)
    assert isinstance(trunk, Trunk)
    features = trunk.pool(trunk.forward_features(method.images.accept(images))).flatten(1)
    first = trunk.head(features)
    off = landmarks - method.reconstruct(first).landmarks[..., :2]  # (B, 68, 2)
    follow = slopes(method, first)
    normal = follow.mT @ follow + STIFF * torch.eye(first.shape[1])
    asked = torch.linalg.solve(normal, follow.mT @ off.flatten(1).unsqueeze(2)).squeeze(2)
    return features, asked, off.norm(dim=2).mean(1)


def correct(method: Method, features: Tensor, asked: Tensor) -> None:
    """Adds the ridge regression of steps on features to the head."""
    x, y = features.double(), asked.double()
    middle = x.mean(0)
    normal = (x - middle).T @ (x - middle) + PENALTY * torch.eye(x.shape[1])
    weight = torch.linalg.solve(normal, (x - middle).T @ (y - y.mean(0)))
    head = first_look(method.network).head
    head.weight.add_(weight.T.to(head.weight))
    head.bias.add_((y.mean(0) - middle @ weight).to(head.bias))


@torch.no_grad()
def main() -> None:
    """Looks, solves, saves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("views", help="folder that `pyface3d profile` wrote")
    parser.add_argument("--points", required=True, help="npz: names of the photos, in the order of their numbers")
    parser.add_argument("--start", required=True, help="weights whose head is corrected")
    parser.add_argument("--openseeface", required=True)
    parser.add_argument("--peppa", required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    method, card = create_method("compact", options.start).eval(), read_card(options.start)
    assert card is not None
    teachers = [(MethodTeacher(method), views_around(7)[:3]), (OpenSeeFace(options.openseeface), [View()]),
                (Peppa(options.peppa), [View()])]  # fmt: skip
    (data,) = open_source(options.views, method)
    people = {Path(str(name)).stem: k for k, name in enumerate(np.load(options.points)["names"])}
    rows = [k for k, name in enumerate(data.names) if people[name.rpartition("_")[0]] % 5 != 4]
    parts = []
    for start in range(0, len(rows), BATCH):
        images = torch.stack([data[k]["image"] for k in rows[start : start + BATCH]])
        marks = torch.stack([opinion(teachers, image) for image in images])
        mirrored = torch.stack([images.shape[-1] - 1 - marks[..., 0], marks[..., 1]], 2)[:, mirror_permutation(68)]
        parts += [observe(method, images, marks), observe(method, images.flip(3), mirrored)]
    features, asked, off = (torch.cat(column) for column in zip(*parts))
    near = off <= off.quantile(SURE)
    correct(method, features[near], asked[near])
    about = {
        **card.training,
        "head, correction": f"ridge regression on {len(rows)} views and their mirror images, seen by three teachers",
        "head, command": shlex.join(["python", "scripts/compact_head.py", *sys.argv[1:]]),
    }
    save_weights(method, options.out, training=about)


if __name__ == "__main__":
    main()
