"""Methods as ONNX files, through torch's dynamo exporter, with everything a runtime needs in their metadata."""

import json
import os

import torch
from torch import Tensor, nn

from pyface3d.atlas import UVAtlas
from pyface3d.atomic import write_whole
from pyface3d.camera import ParameterSpace, flip_y
from pyface3d.methods.card import CARD, ModelCard
from pyface3d.methods.method import Method
from pyface3d.morphable import MorphableModel
from pyface3d.morphable.landmark_sets import DEFAULT
from pyface3d.nets.folding import fold

OPSET = 18


class ParameterLandmarks(nn.Module):
    """Whitened parameters (B, P) -> 68 landmarks (B, 68, 3) in crop pixels, in operators that ONNX has."""

    mean: Tensor
    basis: Tensor

    def __init__(self, model: MorphableModel, space: ParameterSpace) -> None:
        super().__init__()
        self.space = space
        points = model.landmark_basis()
        self.register_buffer("mean", points.mean.float())  # (68, 3)
        basis = points.basis.float()  # (68, 3, K)
        self.register_buffer("basis", basis.flatten(0, 1).T.contiguous())  # (K, 204)

    def forward(self, outputs: Tensor) -> Tensor:
        """(B, P) -> (B, 68, 3)."""
        pose, coeffs = self.space.split(self.space.unwhiten(outputs))
        shape = self.mean + (coeffs @ self.basis).unflatten(1, (68, 3))
        return flip_y(shape @ pose[:, :, :3].mT + pose[:, None, :, 3], self.space.size, self.space.flip)


class MapLandmarks(nn.Module):
    """Maps (B, 3, U, V) in (0, 1) -> 68 landmarks (B, 68, 3) in crop pixels, bilinear."""

    corners: Tensor
    weights: Tensor

    def __init__(self, atlas: UVAtlas, pixels: float) -> None:
        super().__init__()
        self.pixels = pixels
        place = atlas.landmark_uv[:68].double() * torch.tensor([1.0, -1.0]) + torch.tensor([0.0, 1.0])
        place = place * (atlas.size - 1)  # (68, 2) column and row
        first = place.floor().clamp(0, atlas.size - 2)
        right, lower = (place - first).float().unbind(1)
        column, row = first.long().unbind(1)
        corners = [(row + i) * atlas.size + column + j for i in (0, 1) for j in (0, 1)]
        weights = [(1 - lower) * (1 - right), (1 - lower) * right, lower * (1 - right), lower * right]
        self.register_buffer("corners", torch.cat(corners))  # (272,)
        self.register_buffer("weights", torch.stack(weights)[..., None])  # (4, 68, 1)

    def forward(self, outputs: Tensor) -> Tensor:
        """(B, 3, U, V) -> (B, 68, 3)."""
        read = outputs.flatten(2).mT[:, self.corners].unflatten(1, (4, 68))  # (B, 4, 68, 3)
        return (read * self.weights).sum(1) * self.pixels


class Exported(nn.Module):
    """A folded network, and after it the landmarks where they are wanted."""

    def __init__(self, network: nn.Module, landmarks: nn.Module | None) -> None:
        super().__init__()
        self.network, self.landmarks = network, landmarks

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Normalized images (B, 3, S, S) -> the network's outputs, and landmarks (B, 68, 3)."""
        outputs = self.network(image)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        return outputs if self.landmarks is None else (*outputs, self.landmarks(outputs[0]))


def output_names(method: Method, landmarks: bool = False) -> list[str]:
    """Names of the graph's outputs: ``params`` or ``position_map``, ``attributes``, ``landmarks``."""
    names = ["position_map" if method.space is None else "params"]
    if method.attribute_names:
        names.append("attributes")
    return names + ["landmarks"] * landmarks


def export_onnx(method: Method, path: str | os.PathLike[str], landmarks: bool = False) -> None:
    """Writes a method as an ONNX file, atomically.

    The graph takes ``image`` (B, 3, S, S), RGB or BGR and normalized as the metadata says, any batch size; it answers
    ``params`` (whitened) or ``position_map`` (in (0, 1), to be multiplied by ``position_map_pixels``), ``attributes``
    (logits) of the joint method, and ``landmarks`` (B, 68, 3) in crop pixels on request. Metadata ``pyface3d`` holds
    the model card (:class:`ModelCard`) as JSON: parameter space, image format with the rule of the crop, name and hash
    of the face model; for maps also ``position_map_pixels``.

    Args:
        method: the method, not deployed; BatchNorm is folded here.
        path: file to write.
        landmarks: decodes the landmarks in the graph.

    Raises:
        ImportError: onnx or onnxscript is not installed.
        ValueError: landmarks are asked for and the face model has none.

    Example:
        >>> export_onnx(create_method("mobile_frnet"), "mobile_frnet.onnx", landmarks=True)  # doctest: +SKIP
    """
    try:
        import onnx
        import onnxscript  # noqa: F401  (torch's exporter needs it)
    except ImportError as error:
        raise ImportError("export_onnx: needs onnx and onnxscript: pip install 'pyface3d[onnx]'") from error
    method = method.cpu()
    exported = Exported(fold(method.network), _landmarks_of(method) if landmarks else None).eval()
    size = method.images.size
    program = torch.onnx.export(
        exported.to(memory_format=torch.contiguous_format),  # type: ignore[call-overload]
        (torch.zeros(2, 3, size, size),),
        dynamo=True,
        opset_version=OPSET,
        input_names=["image"],
        output_names=output_names(method, landmarks),
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        verbose=False,
    )
    assert program is not None
    graph = program.model_proto
    metadata = {CARD: json.dumps(ModelCard.of(method).__dict__)}
    if method.position_map_pixels is not None:
        metadata["position_map_pixels"] = repr(method.position_map_pixels)
    onnx.helper.set_model_props(graph, metadata)
    onnx.checker.check_model(graph)
    write_whole(path, graph.SerializeToString())


def _landmarks_of(method: Method) -> nn.Module:
    points = method.model.landmark_sets.get(DEFAULT)
    if points is None or not bool(points.mask.all()):
        raise ValueError(f"export_onnx: {method.model.name} has no 68 landmarks; export without landmarks=True")
    if method.space is not None:
        return ParameterLandmarks(method.model, method.space)
    assert method.atlas is not None and method.position_map_pixels is not None
    return MapLandmarks(method.atlas, method.position_map_pixels)
