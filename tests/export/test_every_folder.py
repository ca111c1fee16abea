"""Outputs of several files, or of several parts of the library, under limits of size, on a full disk and in a hurry."""

import importlib.util

import pytest

SAVE = """
import errno, json, os, resource, sys, warnings
from pathlib import Path
import lightning
import numpy as np
import torch
from lightning.pytorch.demos.boring_classes import BoringModel
from pyface3d import MorphableModel, ParameterSpace, Reconstructor, UVAtlas
from pyface3d.data.dataset import Report
from pyface3d.data.labeled import write_labels
from pyface3d.data.profiling.sheet import Sheet
from pyface3d.evaluation.report import EvaluationReport
from pyface3d.evaluation.worst import Thumbnail
from pyface3d.images import Source
from pyface3d.methods import create_method
from pyface3d.methods.onnx import export_onnx
from pyface3d.reconstructor.folder import OutputFolder
from pyface3d.reconstructor.reconstructor import PhotoFaces
from pyface3d.training.callbacks import LastCheckpoint

try:
    from pyface3d.bulk.output import Parts
except ImportError:  # no Ray
    Parts = None

warnings.simplefilter("error", UserWarning)  # a training warns of a checkpoint that cannot be written, and goes on
random = np.random.default_rng(0)
pixels = torch.from_numpy(random.integers(0, 256, (3, 64, 64), dtype=np.uint8))
samples = [
    {"name": name, "image": pixels, "params": torch.zeros(62), "landmarks": torch.rand(68, 2), "yaw": 3.0,
     "box": torch.tensor([0, 0, 9, 9.0])}
    for name in "abc"
]
errors = {"errors": torch.rand(3), "yaws": torch.rand(3), "numbers": torch.arange(3)}
report = EvaluationReport(
    "aflw2000-3d/2d-68", "title", "compact", "%", ("mean",), 8.0, {}, {"mean": 3.0, "images": 3.0}, per_image=errors,
    names=["a", "b", "c"], worst=[Thumbnail(3.0, "a", pixels)],
)
method = create_method("compact", width=0.05, size=32)
atlas = UVAtlas.from_model(method.model, size=32)
(face,) = Reconstructor(method, detector="whole")(pixels.permute(1, 2, 0).numpy())
photo = PhotoFaces(Source("a.jpg", None, "a"), [face])
rows = [{"path": "a.jpg", "face": 0, "params": face.params, "landmarks": face.landmarks.ravel()}] * 50
exported = []
export = torch.onnx.export


def export_once(*given, **options):
    exported.append(exported[0] if exported else export(*given, **options))
    return exported[0]


torch.onnx.export = export_once
trainer = lightning.Trainer(logger=False, enable_checkpointing=False, enable_progress_bar=False, accelerator="cpu")
trainer.strategy.connect(BoringModel())


def drawn(folder):
    sheet = Sheet([30.0], 64)
    sheet.add(samples[0] | {"name": "a_+30"})
    sheet.save(folder / "sheet.png")


def results(folder):
    outputs = OutputFolder(folder, ["csv", "parquet", "arrays", "overlay"])
    outputs.write(photo)
    outputs.finish()


SAVERS = {
    "method.onnx": lambda folder: export_onnx(method, folder / "method.onnx"),
    "atlas": lambda folder: atlas.save(folder / "atlas.safetensors"),
    "labels": lambda folder: write_labels(iter(samples), folder, ParameterSpace(), Report(3), maps=False),
    "report": report.save, "sheet": drawn, "results": results,
    "face.json": lambda folder: face.save(folder / "face.json"),
    "face.html": lambda folder: face.save(folder / "face.html"),
    "checkpoint": lambda folder: LastCheckpoint(folder).save(trainer),
}
if Parts is not None:
    SAVERS["part"] = lambda folder: Parts(str(folder)).write("0" * 12, rows)
FREE = 0  # bytes on the full disk
"""


@pytest.mark.slow
@pytest.mark.parametrize("disk", ["limited", "full"])
def test_each_file_is_the_old_one_or_the_new_one(disk, told_of):
    for package in ("onnx", "onnxscript", "pyarrow"):
        pytest.importorskip(package)
    told = told_of(SAVE, disk)
    assert len(told) == 9 + (importlib.util.find_spec("ray") is not None) and not any(told.values()), told
