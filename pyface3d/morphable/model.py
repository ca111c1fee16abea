"""The linear face model: faces from coefficients, distances between them, models of some of its parts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from pyface3d import ops
from pyface3d.morphable.arrays import ArrayOrTensor
from pyface3d.morphable.blendshapes import Blendshapes
from pyface3d.morphable.content import ModelContent
from pyface3d.morphable.gram import Gram, build_gram
from pyface3d.morphable.landmark_sets import DEFAULT, LandmarkBasis, LandmarkSet
from pyface3d.morphable.subset import subset_changes


class MorphableModel(ModelContent):
    """A 3D Morphable Model: V = mean + identity_basis @ a_identity + expression_basis @ a_expression.

    The model (Blanz and Vetter 1999) keeps one basis, identity columns first. Coefficients are raw multiples of the
    basis columns; ``identity_std`` and ``expression_std`` say how large a standard deviation of each is. Frame of the
    vertices: x to the subject's left, y up, z towards the viewer, triangles counter-clockwise seen from outside.

    Buffers are not part of ``state_dict``: weights of a network do not carry the face model (nor its license).
    The model is stored with ``save`` and recognized by ``hash``.

    Args:
        mean: (N, 3) mean shape in ``unit``.
        identity_basis: (N, 3, K_i).
        expression_basis: (N, 3, K_e).
        triangles: (F, 3) vertex ids.
        identity_std: (K_i,) standard deviations of the identity coefficients; ones when absent.
        expression_std: (K_e,) the same for expression.
        uv: (T, 2) texture coordinates in [0, 1], v up.
        uv_triangles: (F, 3) uv ids of the corners; absent: ``triangles`` (one uv per vertex).
        landmarks: (68,) vertex ids of the 68 landmarks (iBUG order); -1 for what the model lacks, which leaves the
            others as the partial set ``"300w-lp"``.
        forehead: (13,) vertex ids of points 68 to 80 of the 81-point scheme.
        landmark_sets: conventions by name to their points on this model; ``"300w-lp"`` and ``"forehead13"`` are
            ``landmarks`` and ``forehead`` where they are left out.
        colors: (N, 3) mean albedo in [0, 1].
        parts: part name to vertex ids, without overlap, in rising order of vertex ids.
        expression_names: names of the expression columns.
        blendshapes: the named blendshapes that the expression basis stands for.
        unit: unit of the vertices ("m", "dm", "cm", "mm", "um").
        name: name of the model.

    Raises:
        ValueError: an argument has the wrong shape or an index is out of range.

    Example:
        >>> model = MorphableModel.default()
        >>> vertices = model.synthesize(model.sample(4))  # (4, 9409, 3)
    """

    @staticmethod
    def default(
        parts: Literal["face", "head"] = "face",
        expression: Literal["directions", "blendshapes", "arkit"] = "directions",
    ) -> "MorphableModel":
        """The embedded model: ICT-FaceKit light (USC Institute for Creative Technologies, MIT license), in cm.

        Identity: 40 modes, coefficients in standard deviations. Expression: ten principal directions of the 53 named
        ARKit-like blendshapes, these themselves, or ARKit's.

        Args:
            parts: "face": 9,409 vertices with one uv chart filling the unit square; "head": all 24,591 vertices with
                neck, mouth and eye sockets, gums, teeth and eyeballs, named in ``model.parts``.
            expression: "directions" (10 columns), "blendshapes" (53, names in ``expression_names``) or "arkit": the 51
                of ARKit's 52 that they make up, by Apple's names (all but tongueOut).

        Example:
            >>> MorphableModel.default("head").parts["teeth"].shape
            torch.Size([4412])
        """
        from pyface3d.morphable.default import load_default

        return load_default(parts, expression)

    def synthesize(self, coeffs: Tensor, pose: Tensor | None = None, indices: Tensor | None = None) -> Tensor:
        """Vertices of the faces with the given coefficients, posed when ``pose`` is given.

        A model held in half precision is only stored so: the vertices are computed and returned in float32.

        Args:
            coeffs: (B, K) identity then expression coefficients.
            pose: (B, 3, 4) [f R | t], or None for the model frame.
            indices: int64 (L,) vertices to compute; None: all.

        Returns:
            (B, N, 3), or (B, L, 3) with ``indices``.
        """
        return self._synthesized(self.mean, self.basis, coeffs, pose, indices)

    def _synthesized(
        self, mean: Tensor, basis: Tensor, coeffs: Tensor, pose: Tensor | None, indices: Tensor | None = None
    ) -> Tensor:
        if mean.dtype in (torch.float16, torch.bfloat16):
            mean, basis, coeffs = mean.float(), basis.float(), coeffs.float()
            pose = None if pose is None else pose.float()
        return ops.synthesize_shape(mean, basis, coeffs, pose, indices)

    def landmarks68(self, coeffs: Tensor, pose: Tensor | None = None) -> Tensor:
        """The 68 landmarks (B, 68, 3) where 300W-LP has them; arguments as in ``synthesize``."""
        return self.landmark_points(coeffs, pose)

    def landmark_points(
        self, coeffs: Tensor, pose: Tensor | None = None, name: str | LandmarkBasis = DEFAULT
    ) -> Tensor:
        """The landmarks of a named set; as cheap as so many vertices.

        Args:
            coeffs: (B, K) as in ``synthesize``.
            pose: (B, 3, 4) or None, as there.
            name: one of ``landmark_sets`` or a convention that follows from one, such as ``"ibug51"`` or ``"wflw98"``;
                or what ``landmark_basis`` gave for it, which is faster where it follows from another.

        Returns:
            (B, L, 3), differentiable; NaN for points that the model lacks.

        Raises:
            ValueError: the model has no such set.

        Example:
            >>> model = MorphableModel.default()
            >>> model.landmark_points(model.sample(2), name="mediapipe478").shape
            torch.Size([2, 478, 3])
        """
        points = name if isinstance(name, LandmarkBasis) else self.landmark_basis(name)
        found = self._synthesized(points.mean, points.basis, coeffs, pose)
        return found if points.mask is None else torch.where(points.mask, found, torch.nan)

    def at_landmarks(self, name: str = DEFAULT) -> "MorphableModel":
        """The model of the landmarks alone: a vertex for each point of the set that the model has, no triangles."""
        points = self.landmark_basis(name)
        kept = slice(None) if points.mask is None else points.mask[:, 0]
        identity, expression = points.basis[kept].tensor_split([self.n_identity], dim=2)
        return MorphableModel(
            points.mean[kept], identity, expression, self.triangles[:0], identity_std=self.identity_std,
            expression_std=self.expression_std, expression_names=self.expression_names, unit=self.unit,
            name=f"{self.name} at {name}",
        )  # fmt: skip

    def with_landmarks(self, sets: Mapping[str, LandmarkSet]) -> "MorphableModel":
        """The same model with these landmark sets beside its own, or in their place.

        Example:
            >>> model = MorphableModel.default().with_landmarks({"nose": LandmarkSet.of_vertices([4, 8])})
        """
        return self._replaced(landmark_sets={**self.landmark_sets, **sets})

    def gram(self, weights: Tensor | None = None, indices: Tensor | None = None, rows: int = 3) -> Gram:
        """Gram matrices for squared distances between faces (``ops.vertex_distance``); build once, use for every batch.

        Args:
            weights: (N,) weight of each vertex, or (L,) with ``indices``; None: ones.
            indices: int64 (L,) vertices that count, for example ``model.landmarks``; None: all.
            rows: rows of the pose that count: 3 (x, y, z) or 2 (x, y as seen in the image).

        Raises:
            ValueError: weights of another shape, negative, not finite or all zero; ``rows`` neither 3 nor 2.
        """
        return build_gram(self, weights, indices, rows)

    def split(self, coeffs: Tensor) -> tuple[Tensor, Tensor]:
        """Identity (..., K_i) and expression (..., K_e) parts of the coefficients (..., K)."""
        if coeffs.shape[-1:] != (self.n_coeffs,):
            raise ValueError(f"MorphableModel.split: coeffs must be (..., {self.n_coeffs}), got {tuple(coeffs.shape)}")
        return coeffs[..., : self.n_identity], coeffs[..., self.n_identity :]

    def sample(self, batch: int, generator: torch.Generator | None = None) -> Tensor:
        """Coefficients (batch, K) of random faces, drawn on the generator's device.

        Independent normals with the model's standard deviations; the expression of a model of named blendshapes is that
        of random blendshape weights instead (``Blendshapes.sample``).
        """
        drawn = torch.randn(batch, self.n_coeffs, generator=generator, device=generator.device if generator else None)
        coeffs = drawn.to(self.mean) * self.std
        if self.blendshapes is not None:
            weights = self.blendshapes.sample(batch, generator)
            coeffs[:, self.n_identity :] = self.blendshapes.to_coeffs(weights).to(coeffs)
        return coeffs

    def expression_from_blendshapes(self, weights: Tensor) -> Tensor:
        """Expression coefficients (B, K_e) of named blendshape weights (B, M); names in ``blendshapes.names``."""
        return self._named().to_coeffs(weights)

    def blendshapes_from_expression(self, coeffs: Tensor) -> Tensor:
        """Named blendshape weights (B, M) in [0, 1] nearest to the expression coefficients (B, K_e)."""
        return self._named().to_weights(coeffs)

    def _named(self) -> Blendshapes:
        if self.blendshapes is None:
            raise ValueError(f"MorphableModel: the expressions of {self.name} are not made of named blendshapes")
        return self.blendshapes

    def truncated(self, n_identity: int, n_expression: int) -> "MorphableModel":
        """The model with the first ``n_identity`` and ``n_expression`` basis columns."""
        for name, wanted in (("n_identity", n_identity), ("n_expression", n_expression)):
            if not 0 <= wanted <= getattr(self, name):
                raise ValueError(f"MorphableModel.truncated: {name} must be 0 to {getattr(self, name)}, got {wanted}")
        return self._replaced(
            identity_basis=self.identity_basis[..., :n_identity],
            expression_basis=self.expression_basis[..., :n_expression],
            identity_std=self.identity_std[:n_identity],
            expression_std=self.expression_std[:n_expression],
            expression_names=self.expression_names[:n_expression],
            blendshapes=self.blendshapes and self.blendshapes.truncated(n_expression),
        )

    def subset(self, vertex_indices: ArrayOrTensor) -> "MorphableModel":
        """The model of some of the vertices, in the order given.

        Triangles that lose a corner go, and uv that no triangle uses; landmarks and forehead points stay only if all of
        their vertices do. Blendshape weights are still those nearest on the whole face.

        Args:
            vertex_indices: (M,) distinct vertex ids.

        Raises:
            ValueError: an id is out of range or occurs twice.
        """
        return self._replaced(**subset_changes(self, vertex_indices))

    def save(self, path: str | Path) -> None:
        """Write the model to ``path``: safetensors with a JSON header, or npz where the name ends so."""
        from pyface3d.morphable.native import save_native

        save_native(self, path)

    @staticmethod
    def load(path: str | Path) -> "MorphableModel":
        """Read what ``save`` wrote; ``pyface3d.load_model`` reads the published formats too."""
        from pyface3d.morphable.native import load_native

        return load_native(path)

    def _replaced(self, **changes: Any) -> "MorphableModel":
        """A model built anew from this one's constructor arguments, some of them changed."""
        same = ("mean", "identity_basis", "expression_basis", "triangles", "identity_std", "expression_std", "uv",
                "uv_triangles", "landmarks", "forehead", "landmark_sets", "colors", "parts", "expression_names",
                "blendshapes", "unit", "name")  # fmt: skip
        return MorphableModel(**{**{key: getattr(self, key) for key in same}, **changes})
