"""Losses between parameter vectors: whitened predictions against un-whitened labels."""

from copy import deepcopy

import torch
from torch import Tensor

from pyface3d import ops
from pyface3d.camera import ParameterSpace
from pyface3d.camera.parameter_space import T_Z
from pyface3d.losses.loss import Loss, check_wing
from pyface3d.morphable import MorphableModel


class ParameterLoss(Loss):
    """A loss of whitened predictions (B, P) against un-whitened labels (B, P), as datasets hold them.

    Args:
        model: the face model of the labels.
        space: their layout and whitening.
        weights: see :class:`Loss`.

    Raises:
        ValueError: model and space differ in coefficients.
    """

    def __init__(self, model: MorphableModel, space: ParameterSpace, weights: dict[str, float]):
        super().__init__(weights)
        counts = (space.n_identity, space.n_expression), (model.n_identity, model.n_expression)
        if counts[0] != counts[1]:
            raise ValueError(
                f"{type(self).__name__}: the space has {counts[0][0]} identity and {counts[0][1]} expression "
                f"coefficients, {model.name} has {counts[1][0]} and {counts[1][1]}; use model.truncated"
            )
        self.space = without_state(space)

    def faces(self, pred: Tensor, target: Tensor, keep_depth: bool = True) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Coefficients (B, K) and poses (B, 3, 4) of both; without ``keep_depth`` the predicted t_z is the target's."""
        _check_params(self, self.space, pred, target)
        params = self.space.unwhiten(pred)
        target = target.to(params.dtype)
        if not keep_depth:
            params = torch.cat([params[:, :T_Z], target[:, T_Z : T_Z + 1], params[:, T_Z + 1 :]], 1)
        pose, coeffs = self.space.split(params)
        target_pose, target_coeffs = self.space.split(target)
        return coeffs, pose, target_coeffs, target_pose


class VDCLoss(ParameterLoss):
    """3DDFA's vertex distance cost (Zhu et al. 2016, eq. 7): mean squared error of the posed vertices' coordinates.

    In closed form over all vertices; as in 3DDFA's code the predicted t_z is replaced by the target's.

    Args:
        model: the face model.
        space: layout and whitening of the parameters.
        vertex_weights: (N,), or (L,) with ``indices``; None: ones.
        indices: int64 (L,) vertices that count; None: all.

    Example:
        >>> import torch
        >>> from pyface3d import MorphableModel, ParameterSpace
        >>> space = ParameterSpace()
        >>> VDCLoss(MorphableModel.default(), space)(torch.zeros(2, 62), space.mean.expand(2, 62))
        tensor(0.)
    """

    def __init__(
        self,
        model: MorphableModel,
        space: ParameterSpace,
        vertex_weights: Tensor | None = None,
        indices: Tensor | None = None,
    ):
        super().__init__(model, space, {"vertices": 1.0})
        self.gram = model.gram(vertex_weights, indices)

    def terms(self, pred: Tensor, target: Tensor) -> dict[str, Tensor]:
        """``vertices`` in squared pixels."""
        distance = ops.vertex_distance(self.gram, *self.faces(pred, target, keep_depth=False))
        return {"vertices": distance / (3 * self.gram.total_weight)}


class WPDCLoss(ParameterLoss):
    """3DDFA's weighted parameter distance cost (Zhu et al. 2016, eq. 9 and 10); see :func:`pyface3d.ops.wpdc_loss`.

    The weights cover all vertices in closed form. ``resample=132`` draws as 3DDFA does: the 68 landmarks and 132 random
    vertices at each call (with replacement, which costs nothing; 3DDFA permutes all vertices to avoid it).

    Args:
        model: the face model.
        space: layout and whitening of the parameters.
        resample: random vertices per call in addition to the landmarks; None: all vertices, no chance.
        generator: source of the random vertices, on the CPU; None: torch's.
        scale: pixels per model unit; None: 3DDFA's constant, converted to the model's unit and the crop's size.
        epsilon: added to the weights.

    Example:
        >>> import torch
        >>> from pyface3d import MorphableModel, ParameterSpace
        >>> loss = WPDCLoss(MorphableModel.default(), ParameterSpace())
        >>> loss(torch.zeros(2, 62), torch.zeros(2, 62))
        tensor(0.)
    """

    landmarks: Tensor | None

    def __init__(
        self,
        model: MorphableModel,
        space: ParameterSpace,
        resample: int | None = None,
        generator: torch.Generator | None = None,
        scale: float | None = None,
        epsilon: float = 1e-6,
    ):
        super().__init__(model, space, {"wpdc": 1.0})
        if resample is not None and (model.landmarks is None or resample < 0):
            raise ValueError(f"WPDCLoss: resample must be a count and needs landmarks in {model.name}, got {resample}")
        self.shapes = model.gram() if resample is None else model
        self.n_vertices = model.n_vertices
        self.register_buffer("landmarks", model.landmarks, persistent=False)
        self.resample, self.generator, self.scale, self.epsilon = resample, generator, scale, epsilon

    def terms(self, pred: Tensor, target: Tensor) -> dict[str, Tensor]:
        """``wpdc``, whitened."""
        _check_params(self, self.space, pred, target)
        whitened = self.space.whiten(target.to(pred.dtype))
        indices = self._drawn()
        return {"wpdc": ops.wpdc_loss(pred, whitened, self.space, self.shapes, indices, self.scale, self.epsilon)}

    def _drawn(self) -> Tensor | None:
        if self.resample is None or self.landmarks is None:
            return None
        random = torch.randint(self.n_vertices, (self.resample,), generator=self.generator)
        return torch.cat([self.landmarks, random.to(self.landmarks.device)])


class PDCLoss(Loss):
    """Parameter distance cost: mean squared error of the whitened parameters.

    Args:
        space: layout and whitening of the parameters.

    Example:
        >>> import torch
        >>> from pyface3d import ParameterSpace
        >>> PDCLoss(ParameterSpace())(torch.ones(2, 62), torch.zeros(2, 62))
        tensor(1.)
    """

    def __init__(self, space: ParameterSpace):
        super().__init__({"parameters": 1.0})
        self.space = without_state(space)

    def terms(self, pred: Tensor, target: Tensor) -> dict[str, Tensor]:
        """``parameters``, whitened."""
        _check_params(self, self.space, pred, target)
        return {"parameters": (pred - self.space.whiten(target)).square().mean(1)}


class WingVertexLoss(ParameterLoss):
    """Wing (or L1, smooth L1, L2) on posed vertices, mean over coordinates; see :func:`pyface3d.ops.wing_vertex_loss`.

    Mobile-FRNet's L_wing (Li et al., ICPR 2020) with DAMDNet's w, epsilon and target t_z, on all vertices.

    Args:
        model: the face model.
        space: layout and whitening of the parameters.
        kind: ``"wing"``, ``"l1"``, ``"smooth_l1"`` or ``"l2"``.
        w: where the penalty turns into a line, in pixels.
        epsilon: curvature of the logarithm, in pixels.
        vertex_weights: (N,), or (L,) with ``indices``; None: ones.
        indices: int64 (L,) vertices that count; None: all.

    Example:
        >>> import torch
        >>> from pyface3d import MorphableModel, ParameterSpace
        >>> face, labels = MorphableModel.default(), torch.zeros(2, 62)
        >>> WingVertexLoss(face, ParameterSpace(), kind="l1", indices=face.landmarks)(labels, labels)
        tensor(0.)
    """

    vertex_weights: Tensor | None
    indices: Tensor | None

    def __init__(
        self,
        model: MorphableModel,
        space: ParameterSpace,
        kind: str = "wing",
        w: float = 10.0,
        epsilon: float = 2.0,
        vertex_weights: Tensor | None = None,
        indices: Tensor | None = None,
    ):
        super().__init__(model, space, {"wing": 1.0})
        check_wing(self, w, epsilon)
        self.model, self.w, self.epsilon, self.kind = model, w, epsilon, kind
        self.register_buffer("vertex_weights", vertex_weights, persistent=False)
        self.register_buffer("indices", indices, persistent=False)
        count = model.n_vertices if indices is None else len(indices)
        self.total_weight = float(count if vertex_weights is None else vertex_weights.sum())

    def terms(self, pred: Tensor, target: Tensor) -> dict[str, Tensor]:
        """``wing`` in pixels."""
        faces, penalty = self.faces(pred, target, keep_depth=False), (self.w, self.epsilon)
        loss = ops.wing_vertex_loss(
            self.model.mean, self.model.basis, *faces, *penalty, self.vertex_weights, self.indices, self.kind
        )
        return {"wing": loss / (3 * self.total_weight)}


def _check_params(loss: Loss, space: ParameterSpace, pred: Tensor, target: Tensor) -> None:
    if pred.dim() != 2 or pred.shape[1] != space.n_params or target.shape != pred.shape:
        got = f"{tuple(pred.shape)} and {tuple(target.shape)}"
        raise ValueError(f"{type(loss).__name__}: pred and target must both be (B, {space.n_params}), got {got}")


def without_state(space: ParameterSpace) -> ParameterSpace:
    """A copy of the space whose tables stay out of ``state_dict``: a loss is no part of a network's weights."""
    space = deepcopy(space)
    space._non_persistent_buffers_set.update(name for name, _ in space.named_buffers())
    return space
