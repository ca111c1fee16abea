"""How a mesh moves: morph weights and a place for each moment, as glTF's animations hold them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation


@dataclass
class Motion:
    """An animation of a mesh.

    Args:
        seconds: (T,) rising.
        weights: (T, M) how far each morph target of the mesh is applied.
        matrices: (T, 4, 4) rotation and translation of the mesh, in meters; None: it stays in place.
        view: (vertical field of view in radians, width over height) of a camera in the origin that looks along
            negative z; None: no camera.

    Raises:
        ValueError: shapes that do not fit, numbers that are not finite, or time that does not rise.

    Example:
        >>> Motion(np.array([0.0, 0.1]), np.zeros((2, 51))).rotations is None
        True
    """

    seconds: np.ndarray
    weights: np.ndarray
    matrices: np.ndarray | None = None
    view: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        self.seconds = np.asarray(self.seconds, np.float32)
        self.weights = np.asarray(self.weights, np.float32)
        count = len(self.seconds)
        if self.seconds.ndim != 1 or not count or self.weights.ndim != 2 or len(self.weights) != count:
            got = f"{self.seconds.shape} and {self.weights.shape}"
            raise ValueError(f"Motion: seconds must be (T,) and weights (T, M), got {got}")
        if not (np.diff(self.seconds) > 0).all() or self.seconds[0] < 0:
            raise ValueError("Motion: seconds must rise from zero or more")
        if self.matrices is not None:
            self.matrices = np.asarray(self.matrices, np.float64)
            if self.matrices.shape != (count, 4, 4):
                raise ValueError(f"Motion: matrices must be ({count}, 4, 4), got {self.matrices.shape}")
        parts = [self.seconds, self.weights, *([] if self.matrices is None else [self.matrices])]
        if not all(np.isfinite(part).all() for part in parts):
            raise ValueError("Motion: all numbers must be finite")

    @property
    def rotations(self) -> np.ndarray | None:
        """(T, 4) unit quaternions x, y, z, w, each on the side of the one before."""
        if self.matrices is None:
            return None
        turns = Rotation.from_matrix(self.matrices[:, :3, :3]).as_quat()
        flips = np.sign(np.sum(turns[1:] * turns[:-1], axis=1))
        turns[1:] *= np.cumprod(np.where(flips < 0, -1.0, 1.0))[:, None]
        return turns.astype(np.float32)

    def animate(self, document: dict[str, Any], accessor: Any, node: int, targets: int) -> None:
        """Adds the animation of a node, and the camera, to a glTF document.

        Args:
            document: with ``nodes`` and ``scenes``.
            accessor: stores an array (n, c) and returns its number.
            node: of the mesh.
            targets: how many morph targets it has.
        """
        if self.weights.shape[1] != targets:
            raise ValueError(f"Motion: weights must be (T, {targets}), got {self.weights.shape}")
        times = accessor(self.seconds[:, None], target=None, bounds=True)
        paths = {"weights": self.weights.reshape(-1, 1)} if targets else {}
        rotations = self.rotations
        if rotations is not None and self.matrices is not None:
            paths |= {"rotation": rotations, "translation": self.matrices[:, :3, 3].astype(np.float32)}
        samplers = [
            {"input": times, "output": accessor(values, target=None), "interpolation": "LINEAR"}
            for values in paths.values()
        ]
        channels = [{"sampler": k, "target": {"node": node, "path": path}} for k, path in enumerate(paths)]
        document["animations"] = [{"name": "performance", "channels": channels, "samplers": samplers}]
        if self.view is not None:
            yfov, aspect = self.view
            document["cameras"] = [
                {"type": "perspective", "perspective": {"yfov": yfov, "aspectRatio": aspect, "znear": 0.01}}
            ]
            document["nodes"].append({"camera": 0, "name": "camera"})
            document["scenes"][0]["nodes"].append(len(document["nodes"]) - 1)
