"""USD (OpenUSD, Pixar) with blend shapes and their animation, by ``usd-core``: ``pip install "pyface3d[usd]"``."""

import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pyface3d.atomic import write_whole
from pyface3d.export.mesh import Mesh
from pyface3d.export.motion import Motion

_FOCAL = 50.0  # millimeters of the camera; its aperture makes the view


def save_usd(path: Path, mesh: Mesh, motion: Motion | None = None) -> None:
    """Writes ``path``: a mesh under a ``SkelRoot``, its morph targets as ``BlendShape`` prims of their names.

    Raises:
        ImportError: ``usd-core`` is not installed.
        ValueError: motion of another number of targets.
    """
    try:
        from pxr import Usd, UsdGeom
    except ImportError:
        raise ImportError('save_mesh: USD needs usd-core; run: pip install "pyface3d[usd]"') from None
    if motion is not None and motion.weights.shape[1] != len(mesh.morph_targets):
        raise ValueError(f"Motion: weights must be (T, {len(mesh.morph_targets)}), got {motion.weights.shape}")
    stage = Usd.Stage.CreateInMemory()
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    root, prim = _surface(stage, mesh)
    rate = 1.0 if motion is None else _rate(motion)
    animation = _blend_shapes(stage, prim, mesh)
    if motion is not None:
        _animate(stage, root, animation, motion, rate)
    if mesh.texture is not None:
        picture = io.BytesIO()
        Image.fromarray(mesh.texture).save(picture, "PNG")
        write_whole(path.with_suffix(".png"), picture.getvalue())
        _look(stage, prim, path.with_suffix(".png").name)
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder, "face").with_suffix(path.suffix)
        stage.GetRootLayer().Export(str(whole))
        write_whole(path, whole.read_bytes())


def _surface(stage: Any, mesh: Mesh) -> tuple[Any, Any]:
    """The root, which moves, and the mesh."""
    from pxr import Sdf, UsdGeom, UsdSkel, Vt

    root = UsdSkel.Root.Define(stage, "/face")
    stage.SetDefaultPrim(root.GetPrim())
    prim = UsdGeom.Mesh.Define(stage, "/face/mesh")
    prim.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(mesh.vertices))
    prim.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(len(mesh.triangles), 3, np.int32)))
    prim.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(mesh.triangles.ravel().astype(np.int32)))
    prim.CreateNormalsAttr(Vt.Vec3fArray.FromNumpy(mesh.normals()))
    prim.SetNormalsInterpolation(UsdGeom.Tokens.vertex)
    prim.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    prim.CreateExtentAttr(UsdGeom.Mesh.ComputeExtent(prim.GetPointsAttr().Get()))
    primvars = UsdGeom.PrimvarsAPI(prim)
    if mesh.colors is not None:
        shown = primvars.CreatePrimvar("displayColor", Sdf.ValueTypeNames.Color3fArray, UsdGeom.Tokens.vertex)
        linear = (mesh.colors.astype(np.float32) / 255) ** 2.2
        shown.Set(Vt.Vec3fArray.FromNumpy(linear.astype(np.float32)))
    if mesh.uv is not None:
        chart = primvars.CreatePrimvar("st", Sdf.ValueTypeNames.TexCoord2fArray, UsdGeom.Tokens.faceVarying)
        chart.Set(Vt.Vec2fArray.FromNumpy(mesh.uv))
        chart.SetIndices(Vt.IntArray.FromNumpy(mesh.chart.ravel().astype(np.int32)))
    return root, prim


def _blend_shapes(stage: Any, prim: Any, mesh: Mesh) -> Any:
    """The targets, bound to a skeleton of one joint, and the animation that holds their weights."""
    from pxr import Gf, Tf, UsdSkel, Vt

    skeleton, animation = (
        kind.Define(stage, f"/face/{name}")
        for kind, name in ((UsdSkel.Skeleton, "skeleton"), (UsdSkel.Animation, "animation"))
    )
    one = Vt.Matrix4dArray([Gf.Matrix4d(1.0)])
    skeleton.CreateJointsAttr(["head"])
    skeleton.CreateBindTransformsAttr(one)
    skeleton.CreateRestTransformsAttr(one)
    names, paths = [], []
    for name, moves in mesh.morph_targets.items():
        names.append(Tf.MakeValidIdentifier(name))
        shape = UsdSkel.BlendShape.Define(stage, f"/face/mesh/{names[-1]}")
        moved = np.flatnonzero(np.abs(moves).max(1) > 1e-7)  # meters
        shape.CreateOffsetsAttr(Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(moves[moved])))
        shape.CreatePointIndicesAttr(Vt.IntArray.FromNumpy(moved.astype(np.int32)))
        paths.append(shape.GetPath())
    animation.CreateBlendShapesAttr(names)
    animation.CreateBlendShapeWeightsAttr(Vt.FloatArray.FromNumpy(mesh.morph_weights))
    binding = UsdSkel.BindingAPI.Apply(prim.GetPrim())
    binding.CreateSkeletonRel().SetTargets([skeleton.GetPath()])
    binding.CreateBlendShapesAttr(names)
    binding.CreateBlendShapeTargetsRel().SetTargets(paths)
    UsdSkel.BindingAPI.Apply(skeleton.GetPrim()).CreateAnimationSourceRel().SetTargets([animation.GetPath()])
    return animation


def _rate(motion: Motion) -> float:
    """Frames a second."""
    length = float(motion.seconds[-1] - motion.seconds[0])
    return (len(motion.seconds) - 1) / length if length > 0 else 30.0


def _animate(stage: Any, root: Any, animation: Any, motion: Motion, rate: float) -> None:
    """Weights and places as time samples, and the camera."""
    from pxr import Gf, UsdGeom, Vt

    times = motion.seconds.astype(np.float64) * rate
    stage.SetTimeCodesPerSecond(rate)
    stage.SetFramesPerSecond(rate)
    stage.SetStartTimeCode(float(times[0]))
    stage.SetEndTimeCode(float(times[-1]))
    weights = animation.GetBlendShapeWeightsAttr()
    for time, row in zip(times, motion.weights):
        weights.Set(Vt.FloatArray.FromNumpy(np.ascontiguousarray(row)), float(time))
    if motion.matrices is not None:
        placed = root.AddTransformOp()
        for time, matrix in zip(times, motion.matrices):
            placed.Set(Gf.Matrix4d(*matrix.T.ravel().tolist()), float(time))  # USD multiplies rows
    if motion.view is not None:
        yfov, aspect = motion.view
        camera, aperture = UsdGeom.Camera.Define(stage, "/camera"), 2 * _FOCAL * float(np.tan(yfov / 2))
        camera.CreateFocalLengthAttr(_FOCAL)
        camera.CreateVerticalApertureAttr(aperture)
        camera.CreateHorizontalApertureAttr(aperture * aspect)


def _look(stage: Any, prim: Any, picture: str) -> None:
    """The texture, a file beside."""
    from pxr import Sdf, UsdShade

    material = UsdShade.Material.Define(stage, "/face/material")
    shader, reader, chart = (
        UsdShade.Shader.Define(stage, f"/face/material/{name}") for name in ("surface", "texture", "chart")
    )
    chart.CreateIdAttr("UsdPrimvarReader_float2")
    chart.CreateInput("varname", Sdf.ValueTypeNames.String).Set("st")
    reader.CreateIdAttr("UsdUVTexture")
    reader.CreateInput("file", Sdf.ValueTypeNames.Asset).Set(f"./{picture}")
    reader.CreateInput("st", Sdf.ValueTypeNames.Float2).ConnectToSource(
        chart.CreateOutput("result", Sdf.ValueTypeNames.Float2)
    )
    shader.CreateIdAttr("UsdPreviewSurface")
    shader.CreateInput("diffuseColor", Sdf.ValueTypeNames.Color3f).ConnectToSource(
        reader.CreateOutput("rgb", Sdf.ValueTypeNames.Float3)
    )
    material.CreateSurfaceOutput().ConnectToSource(shader.CreateOutput("surface", Sdf.ValueTypeNames.Token))
    UsdShade.MaterialBindingAPI.Apply(prim.GetPrim()).Bind(material)
