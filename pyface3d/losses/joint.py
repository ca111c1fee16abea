"""Losses of position maps and of attributes, and their sum over mixed batches."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from pyface3d import ops
from pyface3d.losses.loss import Counted, Loss
from pyface3d.morphable import Laplacian


class PositionMapLoss(Loss):
    """Weighted distance between position maps, mean over pixels; see :func:`pyface3d.ops.position_map_loss`.

    Args:
        weight_mask: (U, V) weight of each pixel, not negative; ``UVAtlas.weight_mask`` builds the published ones.
        squared: squared distances (L_shape of the joint network) instead of plain ones (Shi et al. 2020, PRNet).
        pixels: what the sum is divided by; None: U V.
        smoothness: factor of the bumps of the error: its :func:`pyface3d.ops.laplacian_smoothness` on the mesh that is
            read from the maps, mean over vertices. Nothing where a map has its truth's bumps.
        laplacian: of that mesh (:func:`pyface3d.morphable.build_laplacian`); needed with ``smoothness``.
        vertex_uv: (M, 2) where its vertices lie in the maps; needed with ``smoothness``.

    Raises:
        ValueError: weights are negative, not finite or all zero, or ``smoothness`` comes without its mesh.

    Example:
        >>> import torch
        >>> PositionMapLoss(torch.ones(4, 4))(torch.ones(2, 3, 4, 4), torch.zeros(2, 3, 4, 4))
        tensor(1.7321)
    """

    weight_mask: Tensor
    vertex_uv: Tensor | None

    def __init__(
        self,
        weight_mask: Tensor,
        squared: bool = False,
        pixels: float | None = None,
        *,
        smoothness: float = 0.0,
        laplacian: Laplacian | None = None,
        vertex_uv: Tensor | None = None,
    ):
        super().__init__({"position_map": 1.0} | ({"smoothness": smoothness} if smoothness else {}))
        if weight_mask.dim() != 2 or not bool(((weight_mask >= 0) & weight_mask.isfinite()).all()):
            raise ValueError("PositionMapLoss: weight_mask must be (U, V), finite and not negative")
        if not bool(weight_mask.any()):
            raise ValueError("PositionMapLoss: weight_mask is all zero; leave out the loss instead")
        if smoothness and (laplacian is None or vertex_uv is None):
            raise ValueError("PositionMapLoss: smoothness needs the mesh: pass laplacian= and vertex_uv=")
        self.squared, self.pixels, self.laplacian = squared, pixels or weight_mask.numel(), laplacian
        self.register_buffer("weight_mask", weight_mask.float(), persistent=False)
        self.register_buffer("vertex_uv", vertex_uv, persistent=False)

    def terms(self, pred: Tensor, target: Tensor) -> dict[str, Tensor]:
        """``position_map``, in the maps' units, and ``smoothness``, in their square."""
        target, mask = target.to(pred.dtype), self.weight_mask.to(pred.dtype)
        terms = {"position_map": ops.position_map_loss(pred, target, mask, self.squared) / self.pixels}
        if "smoothness" in self.weights:
            assert self.laplacian is not None and self.vertex_uv is not None
            errors = ops.sample_position_map(pred - target, self.vertex_uv.to(pred.dtype))  # (B, M, 3)
            terms["smoothness"] = ops.laplacian_smoothness(errors, *self.laplacian.table) / errors.shape[1]
        return terms


class AttributeLoss(Loss):
    """Weighted binary cross entropy, summed over a sample's known attributes; see :func:`pyface3d.ops.attribute_loss`.

    ``pred`` (B, M) are logits, ``target`` (B, M) labels: 1 yes, 0 no, -1 or NaN unknown; ``mask`` is bool (B,) per
    sample, (B, G) per group (with ``groups``) or (B, M) per attribute. Averaged over the samples that have a known one.

    Args:
        pos_weight: (M,) factor of the positive term, for rare attributes; None: ones.
        groups: int64 (M,) group of each attribute, for masks per group; None: masks are per attribute.

    Example:
        >>> import torch
        >>> AttributeLoss()(torch.zeros(2, 3), torch.tensor([[1, 0, -1], [-1, -1, -1]]))
        tensor(1.3863)
    """

    pos_weight: Tensor | None
    groups: Tensor | None

    def __init__(self, pos_weight: Tensor | None = None, groups: Tensor | None = None):
        super().__init__({"attributes": 1.0})
        if pos_weight is not None and not bool((pos_weight >= 0).all() and pos_weight.any()):
            raise ValueError("AttributeLoss: pos_weight must be (M,), not negative and not all zero")
        self.register_buffer("pos_weight", None if pos_weight is None else pos_weight.float(), persistent=False)
        self.register_buffer("groups", groups, persistent=False)

    def counted_terms(self, pred: Tensor, target: Tensor, mask: Tensor | None) -> Counted:
        """``attributes`` of logits (B, M), and which samples have a known one."""
        mask = self._per_attribute(mask, pred)
        counted = (target >= 0) if mask is None else (target >= 0) & mask
        pos_weight = None if self.pos_weight is None else self.pos_weight.to(pred.dtype)
        return {"attributes": ops.attribute_loss(pred, target, pos_weight, mask)}, counted.any(1)

    def _per_attribute(self, mask: Tensor | None, logits: Tensor) -> Tensor | None:
        if mask is None:
            return None
        if mask.dim() == 1:
            return mask[:, None].expand(logits.shape)
        if self.groups is not None and mask.shape[1] != logits.shape[1]:
            return mask[:, self.groups]
        return mask


class JointLoss(Loss):
    """Shape and attributes of one mixed batch: L_shape and L_attr of the joint network (Weng et al., ICPR 2020).

    Each task is averaged over the samples that are labeled for it, so that an absent task adds exactly nothing. The
    paper's factors are not published.

    Args:
        shape: loss of the position maps.
        attributes: loss of the attributes.
        weights: factors of both.

    Example:
        >>> import torch
        >>> loss = JointLoss(PositionMapLoss(torch.ones(4, 4), squared=True), AttributeLoss())
        >>> maps, logits = torch.zeros(2, 3, 4, 4), torch.zeros(2, 40)
        >>> loss((maps, logits), (maps, torch.full((2, 40), -1.0)), (torch.tensor([True, False]), None))
        tensor(0.)
    """

    def __init__(self, shape: PositionMapLoss, attributes: AttributeLoss, weights: Sequence[float] = (1.0, 0.01)):
        super().__init__(self.factors(("position_map", "attributes"), weights))
        self.shape, self.attributes = shape, attributes

    def forward(  # type: ignore[override]  # two predictions, two labels
        self,
        pred: tuple[Tensor, Tensor],
        target: tuple[Tensor, Tensor],
        mask: tuple[Tensor | None, Tensor | None] = (None, None),
        *,
        reduction: str = "mean",
        return_terms: bool = False,
    ) -> Any:
        """The loss of a batch.

        Args:
            pred: maps (B, 3, U, V) and logits (B, M).
            target: maps (B, 3, U, V) and labels (B, M); missing ones may hold anything.
            mask: bool (B,), samples whose map counts; and labels that count, as in :class:`AttributeLoss`; None: all.
            reduction: see :meth:`Loss.forward`.
            return_terms: see :meth:`Loss.forward`.
        """
        if self.check_finite:
            self.shape.check_finite = self.attributes.check_finite = True
        tasks = zip(("position_map", "attributes"), (self.shape, self.attributes), pred, target, mask)
        return self.sum_up({name: loss(*part, reduction=reduction) for name, loss, *part in tasks}, return_terms)
