"""The base of all methods: network, face model, image format and recipe in one module."""

import copy
import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from pyface3d.atlas import UVAtlas
from pyface3d.camera import ParameterSpace
from pyface3d.methods.fused import fuse
from pyface3d.methods.fused_mobilenet import fuse_mobilenet
from pyface3d.methods.images import ImageFormat
from pyface3d.methods.recipe import Recipe
from pyface3d.methods.reconstruction import Reconstruction
from pyface3d.morphable import MorphableModel
from pyface3d.nets.folding import fold

Terms = dict[str, Tensor]


class Method(nn.Module):
    """A published method: picture of a face -> :class:`Reconstruction`.

    Args:
        network: normalized images -> outputs.
        model: the face model the outputs belong to; None: ``MorphableModel.default()``.
        images: what the network wants to see.
        arguments: the constructor's own arguments as JSON-able values, for the model card.

    Attributes:
        recipe: how it is trained.
        supervision: keys of a batch that its own loss learns from.
        any_side: whether the network takes pictures of any side, in training: labels then still count ``images.size``.
        channels_last: whether training in that memory layout is faster (and right).
        space: parameter space of the outputs; None: they are no parameters.
        atlas: chart of the outputs; None: they are no position maps.
        position_map_pixels: crop pixels that a map value of 1 stands for; None: they are no position maps.
        attribute_names: of the attributes that it predicts; empty: none.
        pos_weight: (A,) weights of their positive labels in the loss; None: none.
    """

    name: str = ""
    recipe: ClassVar[Recipe]
    supervision: ClassVar[tuple[str, ...]] = ("params",)
    any_side: ClassVar[bool] = False
    channels_last: ClassVar[bool] = False
    space: ParameterSpace | None
    atlas: UVAtlas | None
    position_map_pixels: float | None = None
    attribute_names: tuple[str, ...] = ()
    pos_weight: Tensor | None
    model: MorphableModel
    network: nn.Module

    def __init__(
        self, network: nn.Module, model: MorphableModel | None, images: ImageFormat, arguments: Mapping[str, Any]
    ) -> None:
        super().__init__()
        self.space, self.atlas = None, None
        self.register_buffer("pos_weight", None, persistent=False)
        self.network = network
        self.model = MorphableModel.default() if model is None else model
        self.images = images
        self.arguments = json.loads(json.dumps(dict(arguments)))  # as a card gives them back

    @property
    def size(self) -> int:
        """Side S of the crops that the network wants, in pixels."""
        return self.images.size

    def features(self, images: Tensor) -> Tensor:
        """(B, D) the network's shared feature of normalized images (B, 3, S, S), its encoder's mean over the picture.

        Raises:
            ValueError: a network without an encoder.
        """
        encoder = dict(self.network.named_children()).get("encoder")
        if encoder is None:
            raise ValueError(f"{self.name}: the method has no shared feature, as its network has no encoder")
        with self._evaluating():
            return encoder(images).flatten(2).mean(2)

    def preprocess(self, images: Tensor) -> Tensor:
        """RGB pictures (B, 3, S, S), uint8 or float 0..255 -> network input; see :meth:`ImageFormat.normalize`."""
        return self.images.normalize(images)

    def forward(self, images: Tensor) -> Any:
        """Raw outputs of the network for normalized images (B, 3, S, S)."""
        self.images.check_shape(type(self).__name__, images)
        return self.network(images)

    @abstractmethod
    def reconstruct(self, outputs: Any) -> Reconstruction:
        """The faces that the outputs of :meth:`forward` stand for."""

    @abstractmethod
    def loss(self, batch: Mapping[str, Any], outputs: Any = None) -> tuple[Tensor, Terms]:
        """The method's own loss on a batch of samples.

        Args:
            batch: collated samples as :mod:`pyface3d.data` documents them; pictures under ``image`` (uint8, or float
                0..255), ``has_<key>`` masks where some samples lack a key.
            outputs: outputs of :meth:`forward` on these pictures, when they are there already.

        Returns:
            The scalar loss and its detached terms by name.
        """

    def build_criterion(self) -> nn.Module:
        """The loss as a module, where the method has one: (prediction, truth) -> scalar and terms."""
        raise NotImplementedError(f"{type(self).__name__} computes its loss without a module")

    @property
    def criterion(self) -> nn.Module:
        """The loss as a module, built when it is first needed: inference does without."""
        if "_criterion" not in self._modules:
            self.add_module("_criterion", self.build_criterion().to(self.model.mean.device))
        return self.get_submodule("_criterion")

    @torch.no_grad()
    def predict(self, images: Tensor) -> Reconstruction:
        """Reconstructs faces, in eval mode whatever the mode of the module.

        Args:
            images: (B, 3, S, S) crops in RGB: uint8, or floating point normalized as :meth:`preprocess` does it.

        Returns:
            The faces in crop pixels; ``.to_image(roi)`` carries them to the photo.

        Raises:
            ValueError: another shape, or floating-point values of another normalization.
        """
        with self._evaluating():
            return self.reconstruct(self(self.images.accept(images)))

    @contextmanager
    def _evaluating(self) -> Iterator[None]:
        """Eval mode, and back; a method that is in it already is not walked through: that takes a millisecond."""
        if not (self.training or self.network.training):
            yield
            return
        training = self.training
        self.eval()
        try:
            yield
        finally:
            self.train(training)

    @classmethod
    def foreign_arguments(cls, state: Mapping[str, Tensor], arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Constructor arguments for a checkpoint without a card: ``arguments`` and what its tensors tell."""
        return dict(arguments)

    def adapt_state(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Renames the tensors of a foreign checkpoint to those of the network; here: none."""
        return state

    def deploy(self) -> "Method":
        """A copy for inference: BatchNorm folded into the convolutions, channels_last, no gradients.

        On x86-64, a few pictures at a time go through oneDNN's convolutions with their ReLU in one call
        (:mod:`pyface3d.methods.fused`), through a whole MobileNet by one op (:mod:`pyface3d.methods.fused_mobilenet`).
        The outputs agree to 1e-4; the copy cannot be trained.
        """
        folded = fuse_mobilenet(fuse(fold(self.network)))
        deployed = copy.copy(self)
        deployed._modules = {**self._modules, "network": folded}
        return deployed.eval()

    def _outputs(self, batch: Mapping[str, Any], outputs: Any) -> Any:
        return self(self.preprocess(batch["image"])) if outputs is None else outputs


def truth(batch: Mapping[str, Any], key: str, device: torch.device) -> tuple[Tensor, Tensor | None]:
    """Labels under ``key``, and which samples carry them, (B,) bool; None: all.

    Raises:
        KeyError: the batch has none.
    """
    if key not in batch:
        raise KeyError(f"loss: the batch has no {key!r}, which this method is trained on")
    present = batch.get(f"has_{key}")
    return batch[key].to(device), None if present is None else present.to(device).bool()
