import numpy as np
import pytest

from pyface3d import MorphableModel
from pyface3d.export import Mesh, Motion, save_mesh

USD = "usd-core is not installed"


@pytest.fixture(scope="module")
def mesh():
    model = MorphableModel.default(expression="arkit")
    return Mesh.from_model(model, texture=np.full((16, 16, 3), 200, np.uint8))


def motion_of(mesh):
    """A second in which the jaw opens while the head turns and moves."""
    way = np.linspace(0, 1, 11)
    weights = np.zeros((11, len(mesh.morph_targets)))
    weights[:, list(mesh.morph_targets).index("jawOpen")] = way
    matrices = np.tile(np.eye(4), (11, 1, 1))
    matrices[:, 0, 0] = matrices[:, 2, 2] = np.cos(0.5 * way)
    matrices[:, 0, 2], matrices[:, 2, 0] = np.sin(0.5 * way), -np.sin(0.5 * way)
    matrices[:, :3, 3] = np.stack([0.05 * way, 0 * way, np.full(11, -0.6)], 1)
    return Motion(way, weights, matrices, (0.9, 4 / 3))


@pytest.mark.parametrize("ending", ["usda", "usdc"])
def test_blend_shapes_move_the_points_as_the_targets_do(mesh, tmp_path, ending):
    pxr = pytest.importorskip("pxr", reason=USD)
    from pxr import Usd, UsdGeom, UsdSkel

    motion = motion_of(mesh)
    save_mesh(tmp_path / f"face.{ending}", mesh, motion)
    stage = Usd.Stage.Open(str(tmp_path / f"face.{ending}"))
    assert pxr and UsdGeom.GetStageMetersPerUnit(stage) == 1.0
    names = stage.GetPrimAtPath("/face/mesh").GetAttribute("skel:blendShapes").Get()
    assert list(names) == list(mesh.morph_targets) and "jawOpen" in names
    assert (stage.GetStartTimeCode(), stage.GetEndTimeCode(), stage.GetTimeCodesPerSecond()) == (0, 10, 10)
    root = UsdSkel.Root(stage.GetPrimAtPath("/face"))
    place = np.array(UsdGeom.Xformable(root).ComputeLocalToWorldTransform(5.0)).T
    np.testing.assert_allclose(place, motion.matrices[5], atol=1e-6)
    assert UsdSkel.BakeSkinning(root, pxr.Gf.Interval(0, 10))  # USD's own deformation
    shown = np.array(UsdGeom.Mesh(stage.GetPrimAtPath("/face/mesh")).GetPointsAttr().Get(5.0))
    np.testing.assert_allclose(shown, mesh.vertices + 0.5 * mesh.morph_targets["jawOpen"], atol=1e-6)
    camera = UsdGeom.Camera(stage.GetPrimAtPath("/camera")).GetCamera(0)
    assert np.radians(camera.GetFieldOfView(camera.FOVVertical)) == pytest.approx(0.9, abs=1e-4)
    assert (tmp_path / "face.png").is_file()


def test_a_mesh_alone_shows_its_weights(mesh, tmp_path):
    pytest.importorskip("pxr", reason=USD)
    from pxr import Usd

    save_mesh(tmp_path / "face.usda", mesh)
    stage = Usd.Stage.Open(str(tmp_path / "face.usda"))
    weights = np.array(stage.GetPrimAtPath("/face/animation").GetAttribute("blendShapeWeights").Get())
    np.testing.assert_allclose(weights, mesh.morph_weights)
    assert len(stage.GetPrimAtPath("/face/mesh").GetAttribute("primvars:st").Get()) == len(mesh.uv)


def test_without_usd_core_a_sentence_says_what_to_install(mesh, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pxr", None)
    with pytest.raises(ImportError, match=r"pip install \"pyface3d\[usd\]\""):
        save_mesh(tmp_path / "face.usda", mesh)
    assert not list(tmp_path.iterdir())


def test_motion_of_other_targets_is_refused(mesh, tmp_path):
    pytest.importorskip("pxr", reason=USD)
    with pytest.raises(ValueError, match="weights must be"):
        save_mesh(tmp_path / "face.usdc", mesh, Motion(np.array([0.0]), np.zeros((1, 3))))
