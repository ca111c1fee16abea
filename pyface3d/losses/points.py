"""Predicted parameters against whatever a batch is labeled with: landmarks of any set, vertices, parameters."""

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from pyface3d import ops
from pyface3d.camera import ParameterSpace, flip_y
from pyface3d.camera.parameter_space import T_Z
from pyface3d.losses.identity import IdentityDistance
from pyface3d.losses.loss import Loss, check_wing, mean_of
from pyface3d.morphable import MorphableModel
from pyface3d.morphable.conventions import known_landmarks
from pyface3d.morphable.landmark_sets import LandmarkBasis

PENALTIES = ("wing", "l1")


class PointLoss(Loss):
    """Landmarks in the picture, vertices and whitened parameters; each sample counts for what it is labeled with.

    Landmarks are those of the picture, perspective included, where the set has them; vertices are those of the labeled
    weak-perspective parameters. Depths have no common origin: they are compared without their mean. This is what the
    embedded weights are trained for, and what holds samples with nothing but landmarks, then with a ``prior``.

    Args:
        model: the face model; its landmark sets say what numbers of labeled points it knows
            (:func:`pyface3d.morphable.find_landmarks`).
        space: layout and whitening of the parameters.
        landmarks: factor of the mean penalty of visible landmark coordinates in pixels.
        vertices: factor of the mean penalty of ``n_vertices`` vertices, spread evenly over the model's list.
        params: factor of the mean squared error of whitened parameters, t_z left out.
        prior: factor of the mean squared whitened coefficient of samples without parameters.
        identity: factor of the distance of identities in mm (:class:`IdentityDistance`), of samples with parameters;
            labels whose identity is a guess (fits to a few points) say so by ``identity_weight``.
        depth: weight of a landmark's depth against its x and y, where labels have it.
        penalty: "wing" (Feng et al. 2018, eq. 5) or "l1".
        w: where Wing turns into a line, in pixels.
        epsilon: curvature of Wing's logarithm, in pixels.
        n_vertices: see ``vertices``.

    Example:
        >>> import torch
        >>> from pyface3d import MorphableModel, ParameterSpace
        >>> loss = PointLoss(MorphableModel.default(), ParameterSpace(), landmarks=1.0, prior=0.1)
        >>> labels = {"landmarks": torch.zeros(2, 21, 2), "visible": torch.ones(2, 21, dtype=torch.bool)}
        >>> value, terms = loss(torch.zeros(2, 62), labels)
    """

    def __init__(
        self,
        model: MorphableModel,
        space: ParameterSpace,
        *,
        landmarks: float = 0.0,
        vertices: float = 0.0,
        params: float = 0.0,
        prior: float = 0.0,
        identity: float = 0.0,
        depth: float = 0.0,
        penalty: str = "wing",
        w: float = 10.0,
        epsilon: float = 2.0,
        n_vertices: int = 256,
    ):
        super().__init__(
            {"landmarks": landmarks, "vertices": vertices, "params": params, "prior": prior, "identity": identity}
        )
        check_wing(self, w, epsilon)
        if penalty not in PENALTIES:
            raise ValueError(f"PointLoss: penalty must be one of {', '.join(PENALTIES)}, got {penalty!r}")
        self.model, self.space, self.depth = model, space, depth
        self.penalty, self.w, self.epsilon = penalty, w, epsilon
        self.bases = nn.ModuleDict({str(count): points for count, points in known_landmarks(model).items()})
        self.identity = IdentityDistance(model) if identity else None
        self.register_buffer("spread", torch.linspace(0, model.n_vertices - 1, n_vertices).long(), persistent=False)

    def forward(self, whitened: Tensor, batch: Mapping[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:  # type: ignore[override]
        """Loss and detached terms of predictions (B, P).

        Args:
            whitened: (B, P) output of the network.
            batch: what :func:`pyface3d.data.collate` makes: ``landmarks`` (B, L, 2|3) in crop pixels, y down, with
                ``visible`` (B, L), ``landmark_weights`` (B, L), ``landmark_count`` and ``landmark_dims`` (B,);
                ``params`` (B, P) un-whitened; ``identity_weight`` (B,); ``has_<key>`` where some samples lack a key.

        Raises:
            ValueError: a sample has as many points as no convention that the model knows.
        """
        with torch.autocast(whitened.device.type, enabled=False):
            whitened = whitened.float()
            params = self.space.unwhiten(whitened)
            values: dict[str, tuple[Tensor, Tensor]] = {}  # term -> (B,) values, (B,) bool which count
            if self.weights["landmarks"]:
                values["landmarks"] = self._landmarks(params, batch)
            labeled = rows_with("params", batch, whitened)
            if self._compares_params and bool(labeled.any()):
                target = torch.where(labeled[:, None], batch["params"].to(params), self.space.mean.to(params))
                if self.weights["vertices"]:
                    values["vertices"] = self._vertices(params, target), labeled
                if self.weights["params"]:
                    values["params"] = self._params(whitened, target), labeled
                if self.identity is not None:
                    values["identity"] = self._identity(params, target, batch), labeled
            if self.weights["prior"]:
                coeffs = whitened[:, self.space.slices["identity"].start :]
                values["prior"] = coeffs.square().mean(1), ~labeled
            terms = {name: mean_of(*value) for name, value in values.items()}
            loss = torch.stack([self.weights[name] * term for name, term in terms.items()]).sum()
        return loss, {name: term.detach() for name, term in terms.items()}

    @property
    def _compares_params(self) -> bool:
        return any(self.weights[name] for name in ("vertices", "params", "identity"))

    def _identity(self, params: Tensor, target: Tensor, batch: Mapping[str, Any]) -> Tensor:
        assert self.identity is not None
        part = self.space.slices["identity"]
        distance = self.identity(params[:, part], target[:, part])
        if "identity_weight" not in batch:
            return distance
        given = rows_with("identity_weight", batch, distance)
        return distance * torch.where(given, batch["identity_weight"].to(distance), torch.ones_like(distance))

    def _points(self, params: Tensor, indices: Tensor) -> Tensor:
        """Vertices (B, n, 3) in crop pixels, y down."""
        pose, coeffs = self.space.split(params)
        return flip_y(self.model.synthesize(coeffs, pose, indices), self.space.size, self.space.flip)

    def _landmarks(self, params: Tensor, batch: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
        present = rows_with("landmarks", batch, params)
        values, shown = params.new_zeros(len(params)), torch.zeros_like(present)
        if not bool(present.any()):
            return values, shown
        labels = batch["landmarks"].to(params)
        count = batch.get("landmark_count", torch.full((len(labels),), labels.shape[1])).to(params.device)
        weights = landmark_weights(batch, labels)
        for number in sorted(set(count[present].tolist())):
            rows = present & (count == number)
            points, mask = self._marks(params[rows], number)
            parts = points, labels[rows, :number], weights[rows, :number] * mask
            values[rows], shown[rows] = self._distance(*parts, self._deep(batch, rows))
        return values, shown

    def _marks(self, params: Tensor, number: int) -> tuple[Tensor, Tensor]:
        """(b, L, 3) landmarks of the convention with so many points, in the crop; (L,) which of them the model has."""
        if str(number) not in self.bases:
            known = ", ".join(self.bases) or "none"
            raise ValueError(f"PointLoss: {self.model.name} has landmarks of {known} points, got {number}")
        basis = cast(LandmarkBasis, self.bases[str(number)])
        pose, coeffs = self.space.split(params)
        posed = self.model.landmark_points(coeffs, pose, basis).nan_to_num()
        mask = params.new_ones(number) if basis.mask is None else basis.mask[:, 0].to(params)
        return flip_y(posed, self.space.size, self.space.flip), mask

    def _deep(self, batch: Mapping[str, Any], rows: Tensor) -> Tensor:
        """(b,) weight of depth of the samples ``rows``: zero where labels are flat."""
        dims = batch.get("landmark_dims", torch.full((len(rows),), batch["landmarks"].shape[2])).to(rows.device)
        return self.depth * (dims[rows] == 3)

    def _distance(self, points: Tensor, labels: Tensor, weights: Tensor, deep: Tensor) -> tuple[Tensor, Tensor]:
        """(b,) mean penalty of points (b, L, 3) by labels (b, L, 2|3) and weights (b, L); (b,) whether any counts."""
        labels = torch.where(weights[..., None] > 0, labels, points[..., : labels.shape[2]].detach())
        flat = self._penalty(points[..., :2], labels[..., :2]).mean(2)
        if labels.shape[2] == 3 and bool(deep.any()):
            difference = points[..., 2] - labels[..., 2]
            mean = (difference * weights).sum(1, keepdim=True) / weights.sum(1, keepdim=True).clamp_min(1e-9)
            depth = self._penalty(difference - mean, torch.zeros_like(difference))
            flat = flat + torch.where(deep[:, None] > 0, deep[:, None] * depth, torch.zeros_like(depth))
        return (flat * weights).sum(1) / weights.sum(1).clamp_min(1e-9), weights.sum(1) > 0

    def _penalty(self, pred: Tensor, target: Tensor) -> Tensor:
        if self.penalty == "l1":
            return (pred - target).abs()
        return ops.wing_loss(pred.contiguous(), target.contiguous(), self.w, self.epsilon)

    def _vertices(self, params: Tensor, target: Tensor) -> Tensor:
        spread = self.get_buffer("spread")
        difference = self._points(params, spread) - self._points(target, spread)
        mean = difference[..., 2:].mean(1, keepdim=True)
        difference = torch.cat([difference[..., :2], difference[..., 2:] - mean], 2)
        return self._penalty(difference, torch.zeros_like(difference)).mean((1, 2))

    def _params(self, whitened: Tensor, target: Tensor) -> Tensor:
        squares = (whitened - self.space.whiten(target)).square()
        return squares.sum(1).sub(squares[:, T_Z]) / squares.shape[1]


def rows_with(key: str, batch: Mapping[str, Any], like: Tensor) -> Tensor:
    """(B,) bool, on the device of ``like`` (B, ...): the samples that have ``key``."""
    if key not in batch:
        return torch.zeros(len(like), dtype=torch.bool, device=like.device)
    everyone = torch.ones(len(like), dtype=torch.bool)
    return batch.get(f"has_{key}", everyone).to(like.device).bool()


def landmark_weights(batch: Mapping[str, Any], labels: Tensor) -> Tensor:
    """(B, L) what each landmark of a batch counts: zero where it is hidden or padding."""
    weights = labels.new_ones(labels.shape[:2])
    if "visible" in batch:
        weights = weights * rows_with("visible", batch, labels)[:, None].logical_not().logical_or(
            batch["visible"].to(labels.device)
        )
    if "landmark_weights" in batch:
        given = rows_with("landmark_weights", batch, labels)[:, None]
        weights = weights * torch.where(given, batch["landmark_weights"].to(labels), torch.ones_like(weights))
    return weights
