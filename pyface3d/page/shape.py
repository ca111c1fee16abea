"""A face model as the page holds it: scaled to one radius, columns in standard deviations, bounded in size."""

from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from pyface3d.morphable import MorphableModel
from pyface3d.morphable.content import METERS
from pyface3d.morphable.landmark_sets import DEFAULT
from pyface3d.page.chart import Chart
from pyface3d.page.payload import RADIUS, Payload

_MAX_MODES = 128  # as many as the shader takes
_MAX_VALUES = 9_000_000  # numbers in the basis; keeps the page under 8 MB

SKIN = (0.84, 0.73, 0.66)
# word in a part's name -> color, and how much of the photo the part may take; all others are skin
_PARTS = {
    "mouth": ((0.45, 0.20, 0.19), 0.0),
    "gum": ((0.66, 0.34, 0.34), 0.0),
    "teeth": ((0.90, 0.88, 0.83), 0.0),
    "eye_socket": ((0.55, 0.33, 0.30), 0.0),
    "eyeball": ((0.93, 0.92, 0.90), 1.0),
}
_IRIS = ((27, (0.32, 0.36, 0.34)), (12, (0.06, 0.06, 0.06)))  # degrees from the axis of the eye; the pupil last


class PageModel:
    """Converts a face model, its coefficients, vertices and poses into page units.

    In page units the mean shape is centered and has the radius ``RADIUS``; coefficients count standard deviations
    (named blendshapes keep their weights). What does not fit the page's budget of modes stays in the faces' residuals.

    Args:
        model: the face model.
    """

    def __init__(self, model: MorphableModel):
        self.model = model
        mean = model.mean.double().cpu().numpy()  # (N, 3)
        self.center = (mean.min(0) + mean.max(0)) / 2
        self.unit_scale = float(np.linalg.norm(mean - self.center, axis=1).max()) / RADIUS
        self.mean = (mean - self.center) / self.unit_scale
        self.kept = self._kept()
        self.chart = Chart(model)
        self.corners, self.weights = self._landmarks()
        std = model.std.double().cpu().numpy()
        self.named = self._named()
        if self.named:
            std[model.n_identity :] = 1.0
        self.std = std[self.kept]
        basis = model.basis.double().cpu().numpy()[:, :, self.kept]
        self.basis = basis * (self.std / self.unit_scale)  # (N, 3, K)

    def _landmarks(self) -> tuple[np.ndarray, np.ndarray]:
        """(L, 3) vertices and their weights: the points of the default landmark set that the model has."""
        marks = self.model.landmark_sets.get(DEFAULT)
        if marks is None:
            return np.zeros((0, 3), np.int32), np.zeros((0, 3), np.float32)
        rows = marks.mask
        corners, weights = marks.corners[rows].numpy(), marks.weights[rows].numpy()
        lacking = ((0, 0), (0, 3 - corners.shape[1]))
        return np.pad(corners, lacking, mode="edge").astype(np.int32), np.pad(weights, lacking).astype(np.float32)

    @property
    def landmarks(self) -> np.ndarray:
        """(L, 3) the landmarks of the mean face, in page units."""
        return np.einsum("lkc,lk->lc", self.mean[self.corners], self.weights)

    def _named(self) -> bool:
        shapes = self.model.blendshapes
        return shapes is not None and list(shapes.names) == list(self.model.expression_names)

    def _kept(self) -> np.ndarray:
        """Columns of the basis on the page: all, or the first of both kinds in proportion."""
        n_identity, n_expression = self.model.n_identity, self.model.n_expression
        most = min(_MAX_MODES, _MAX_VALUES // (3 * len(self.mean)))
        if n_identity + n_expression > most:
            n_identity = max(most - n_expression, most * n_identity // (n_identity + n_expression))
        kept_expression = min(n_expression, most - n_identity)
        return np.concatenate([np.arange(n_identity), self.model.n_identity + np.arange(kept_expression)])

    def coefficients(self, coeffs: np.ndarray) -> np.ndarray:
        """Page coefficients of the model coefficients (K,)."""
        coeffs = np.asarray(coeffs, np.float64)
        if coeffs.shape != (self.model.n_coeffs,):
            raise ValueError(f"PageFace: coeffs must be ({self.model.n_coeffs},), got {coeffs.shape}")
        return coeffs[self.kept] / self.std

    def synthesize(self, coefficients: np.ndarray) -> np.ndarray:
        """Vertices (N, 3) in page units of page coefficients."""
        return self.mean + self.basis @ coefficients

    def vertices(self, coeffs: np.ndarray, vertices: np.ndarray | None) -> np.ndarray:
        """Vertices (N, 3) in page units: the given ones, or those of the model coefficients."""
        if vertices is None:
            basis = self.model.basis.double().cpu().numpy()
            vertices = self.model.mean.double().cpu().numpy() + basis @ np.asarray(coeffs, np.float64)
        if vertices.shape != self.mean.shape:
            raise ValueError(f"PageFace: vertices must be {self.mean.shape}, got {vertices.shape}")
        return (np.asarray(vertices, np.float64) - self.center) / self.unit_scale

    def pose(self, pose: np.ndarray) -> np.ndarray:
        """The pose (3, 4) that takes page units to where ``pose`` takes the model frame."""
        pose = np.asarray(pose, np.float64)
        if pose.shape != (3, 4):
            raise ValueError(f"PageFace: pose must be (3, 4), got {pose.shape}")
        return np.concatenate([pose[:, :3] * self.unit_scale, pose[:, :3] @ self.center[:, None] + pose[:, 3:]], 1)

    def describe(self, payload: Payload) -> dict[str, Any]:
        """Put the model's arrays into the payload and return what the page must know beside them."""
        model = self.model
        payload.add_quantized("mean", self.mean)
        payload.add_quantized("basis", self.basis.transpose(2, 0, 1))  # (K, N, 3)
        payload.add("triangles", model.triangles.cpu().numpy().astype(np.int32))
        payload.add("mirror", self._mirror().astype(np.int32))
        tint, skin = self._tint()
        payload.add("tint", np.round(255 * tint).astype(np.uint8))
        payload.add("skin", skin.astype(np.uint8))
        payload.add("landmarkCorners", self.corners)
        payload.add("landmarkWeights", self.weights)
        if self.chart.usable:
            places, on_chart = self.chart.vertex_places(self.mean)
            payload.add("places", places)
            payload.add("onChart", on_chart.astype(np.uint8))
        return {
            "name": model.name,
            "landmarkSet": f"{DEFAULT}, {len(self.corners)} points" if len(self.corners) else "",
            **self._focus(),
            "center": self.center.tolist(),
            "unitScale": self.unit_scale,
            "metersPerUnit": METERS.get(model.unit, 1.0),
            "identityCount": int((self.kept < model.n_identity).sum()),
            "modes": [self._mode(int(column)) for column in self.kept],
        }

    def _mode(self, column: int) -> dict[str, Any]:
        expression = column - self.model.n_identity
        if expression < 0:
            return {"kind": "identity", "name": f"identity {column + 1}", "min": -3, "max": 3}
        low = 0 if self.named else -3
        return {"kind": "expression", "name": self.model.expression_names[expression], "min": low, "max": low + 1 or 3}

    def _focus(self) -> dict[str, Any]:
        """Where the page looks: the point that turns in place and the radius that fills the view."""
        if not len(self.corners):
            return {"focus": [0.0, 0.0, 0.0], "radius": RADIUS}
        middle, radius = self.landmark_ball()
        return {"focus": (middle + [0.0, 0.25 * radius, -0.35 * radius]).tolist(), "radius": min(RADIUS, 1.75 * radius)}

    def landmark_ball(self) -> tuple[np.ndarray, float]:
        """Middle (3,) and radius of the ball around the landmarks of the mean face, in page units."""
        points = self.landmarks
        middle = (points.min(0) + points.max(0)) / 2
        return middle, float(np.linalg.norm(points - middle, axis=1).max())

    def _mirror(self) -> np.ndarray:
        """For each vertex the one nearest to its mirror image."""
        middle = self.landmarks.mean(0)[0] if len(self.corners) else 0.0
        mirrored = self.mean * [-1, 1, 1] + [2 * middle, 0, 0]
        return cKDTree(self.mean).query(mirrored)[1]

    def _tint(self) -> tuple[np.ndarray, np.ndarray]:
        """(N, 4) color without a photo and how much of the photo the vertex may take; (N,) whether it is skin."""
        tint = np.tile(np.array([*SKIN, 1.0]), (len(self.mean), 1))
        skin = np.ones(len(self.mean), bool)
        if len(self.corners):  # the photo fades out towards neck and back of the head
            middle, radius = self.landmark_ball()
            offset = (self.mean - middle) / radius
            offset[:, 1] *= np.where(offset[:, 1] > 0, 0.85, 1.25)
            away = np.linalg.norm(offset, axis=1)
            tint[:, 3] = np.clip((1.4 - away) / 0.3, 0, 1)
        if self.model.colors is not None:
            tint[:, :3] = self.model.colors.cpu().numpy()
        for name, ids in self.model.parts.items():
            for word, (color, photo) in _PARTS.items():
                if word in name:
                    tint[ids.cpu().numpy()] = [*color, photo]
                    skin[ids.cpu().numpy()] = False
                if word in name and word == "eyeball":
                    self._paint_iris(tint, ids.cpu().numpy())
        return tint, skin

    def _paint_iris(self, tint: np.ndarray, ids: np.ndarray) -> None:
        """Iris and pupil of one eyeball: cones about the viewing axis."""
        ball = self.mean[ids]
        offset = ball - (ball.min(0) + ball.max(0)) / 2
        angle = np.degrees(np.arccos(np.clip(offset[:, 2] / np.linalg.norm(offset, axis=1), -1, 1)))
        for limit, color in _IRIS:
            tint[ids[angle < limit], :3] = color
