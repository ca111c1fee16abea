"""Methods that regress the whitened parameter vector of the 3DDFA family."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pyface3d.camera import ParameterSpace
from pyface3d.methods.images import ImageFormat
from pyface3d.methods.method import Method, Terms, truth
from pyface3d.methods.reconstruction import Reconstruction
from pyface3d.morphable import MorphableModel
from pyface3d.morphable.landmark_sets import DEFAULT
from pyface3d.nets import Trunk

Backbone = Callable[..., Trunk]


class ParameterMethod(Method):
    """Image -> whitened parameters (B, P).

    Args:
        network: normalized images -> (B, P).
        model: face model; None: ``MorphableModel.default()``.
        space: whitening of the parameters; None: :func:`default_space`.
        images: what the network wants to see.
        arguments: the constructor's own arguments.

    Raises:
        ValueError: parameter space and face model disagree on the number of coefficients, or space and crop on
            the size.
    """

    any_side = True  # trunks end in a mean over the picture
    channels_last = True
    space: ParameterSpace

    def __init__(
        self,
        network: nn.Module,
        model: MorphableModel | None,
        space: ParameterSpace | None,
        images: ImageFormat,
        arguments: Mapping[str, Any],
    ) -> None:
        super().__init__(network, model, images, arguments)
        self.space = default_space(self.model, images.size) if space is None else space
        wanted = (self.model.n_identity, self.model.n_expression)
        got = (self.space.n_identity, self.space.n_expression)
        if wanted != got:
            raise ValueError(
                f"{type(self).__name__}: parameter space must have the {wanted} identity and expression coefficients "
                f"of the face model {self.model.name}, got {got}; see MorphableModel.truncated"
            )
        if self.space.size != images.size:
            raise ValueError(
                f"{type(self).__name__}: parameter space must be of crops of {images.size} pixels, "
                f"got {self.space.size}"
            )

    def loss(self, batch: Mapping[str, Any], outputs: Tensor | None = None) -> tuple[Tensor, Terms]:
        """The paper's loss over the samples that carry parameters; see :meth:`Method.loss`.

        Wants ``image`` and ``params`` (B, P), un-whitened, in the crop.
        """
        outputs = self._outputs(batch, outputs)
        return self.criterion(outputs, *truth(batch, "params", outputs.device), return_terms=True)

    def reconstruct(self, outputs: Tensor) -> Reconstruction:
        """The faces of whitened parameters (B, P)."""
        params = self.space.unwhiten(outputs)
        pose, coeffs = self.space.split(params)
        return Reconstruction(
            self.model, self.space.size, self.space.flip, params=params, coeffs=coeffs, crop_pose=pose
        )


def model_and_outputs(model: MorphableModel | None, space: ParameterSpace | None) -> tuple[MorphableModel, int]:
    """The face model, the embedded one where none is named, and how many numbers a network answers for it."""
    model = MorphableModel.default() if model is None else model
    return model, 12 + model.n_coeffs if space is None else space.n_params


def backbone_of(caller: str, backbones: Mapping[str, Backbone], name: str) -> Backbone:
    """The backbone of that name; ValueError that lists them all where there is none."""
    if name not in backbones:
        raise ValueError(f"{caller}: backbone must be one of {', '.join(backbones)}, got {name!r}")
    return backbones[name]


def require_geometry(caller: str, arguments: Mapping[str, Any], files: str) -> None:
    """Raises ValueError unless face model and parameter space are given: checkpoints without a card belong to both.

    Args:
        caller: named first in the sentence.
        arguments: of the method.
        files: which files of the release hold them, named last.
    """
    missing = [name for name in ("model", "space") if arguments.get(name) is None]
    if missing:
        raise ValueError(
            f"{caller}: these weights belong to a face model and a whitening table: pass {' and '.join(missing)} "
            f"(--{' and --'.join(missing)} of a command); {files}"
        )


def default_space(model: MorphableModel, size: int = 120) -> ParameterSpace:
    """A rough whitening for a face model whose training set is not there yet.

    Frontal pose at the scale of the standard crop (the landmarks' box fills 1/sqrt(2) of it) with half of that scale as
    standard deviation, the model's own deviations for the coefficients. Weights carry the table they were trained with;
    measure it with ``ParameterSpace.measured``.
    """
    placed = model.landmark_sets.get(DEFAULT)
    points = model.mean if placed is None else placed[placed.mask].of(model.mean)  # (L, 3)
    low, high = points[:, :2].amin(0), points[:, :2].amax(0)
    scale = float(size / 2**0.5 / (high - low).amax())
    center = torch.cat([(low + high) / 2, points[:, 2].mean()[None]])  # (3,)
    middle = torch.tensor([size / 2, size / 2, 0.0])
    pose_mean = torch.cat([scale * torch.eye(3), (middle - scale * center.cpu().float())[:, None]], 1)
    pose_std = torch.tensor([scale / 2] * 3 + [size / 8]).repeat(3, 1)
    coeffs = model.std.detach().cpu().float()
    mean, std = torch.cat([pose_mean.flatten(), torch.zeros_like(coeffs)]), torch.cat([pose_std.flatten(), coeffs])
    return ParameterSpace.of_model(model, mean, std, size=size)
