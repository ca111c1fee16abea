"""What a plain install does: everything but training and evaluation runs without the packages of the extras."""

import subprocess
import sys

import pytest

EXTRAS = (
    "lightning pytorch_lightning lightning_fabric torchmetrics matplotlib onnx onnxscript onnxruntime "
    "huggingface_hub ray pyarrow h5py sklearn pytest hypothesis"
).split()

BLOCKED = f"""
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {EXTRAS!r}:
            raise ModuleNotFoundError("No module named " + repr(name), name=name)

sys.meta_path.insert(0, Blocked())
"""

CORE = """
import pathlib, torch
from typer.testing import CliRunner
import pyface3d
from pyface3d import MorphableModel, Reconstructor, UVAtlas, fit_landmarks, ops, render
from pyface3d.cli import app
from pyface3d.export import Mesh, save_mesh
from pyface3d.images import demo_picture

for name in set(pyface3d.__all__) - {"training", "evaluation"}:
    getattr(pyface3d, name)
face, = Reconstructor()(demo_picture())
assert face.vertices.shape[1] == 3 and len(face.landmarks) == 68
for suffix in ("glb", "obj", "ply", "html", "png", "json", "npz"):
    assert face.save(pathlib.Path(f"face.{suffix}")).stat().st_size > 1000
model = MorphableModel.default()
pose = torch.eye(3, 4)[None]
coeffs = model.sample(1).requires_grad_()
ops.synthesize_shape(model.mean, model.basis, coeffs, pose).sum().backward()
assert coeffs.grad.abs().sum() > 0
points = model.landmarks68(model.sample(1), pose)[..., :2]
assert fit_landmarks(points, model).error.item() >= 0
save_mesh("mean.glb", Mesh.from_model(model))
assert UVAtlas.from_model(model, 64)
for command in (["doctor"], ["models"], ["demo", "--out", "demo"]):
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, (command, done.output, done.exception)
"""

SENTENCE = """
from typer.testing import CliRunner
from pyface3d.cli import app

done = CliRunner().invoke(app, {arguments!r})
print(done.exit_code, done.stderr)
"""


def plain(code, folder):
    """Runs code where the packages of the extras cannot be imported."""
    command = [sys.executable, "-W", "ignore", "-c", BLOCKED + code]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_reconstruct_ops_fit_render_and_export_need_no_extra(tmp_path):
    plain(CORE, tmp_path)


@pytest.mark.parametrize(
    "arguments, room",
    [(["train", "mobile_frnet", "--data", "synthetic:8"], "training"), (["evaluate", "compact"], "evaluation")],
)
def test_training_and_evaluation_name_the_extra_in_one_sentence(arguments, room, tmp_path):
    code, sentence = plain(SENTENCE.format(arguments=arguments), tmp_path).strip().split(" ", 1)
    assert code == "1" and sentence.count("\n") == 0
    assert sentence.startswith(f"pyface3d: pyface3d.{room} needs ")
    assert "pip install 'pyface3d[train]'" in sentence


def test_a_picture_of_results_names_the_extra_too(monkeypatch, tmp_path):
    curves = pytest.importorskip("pyface3d.evaluation.curves")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)  # as if it were not installed
    with pytest.raises(ImportError, match=r"^pictures of results need matplotlib .*pip install 'pyface3d\[train\]'$"):
        curves.draw_curves({"one": [1.0, 2.0]}, tmp_path / "curves.png", 10)
