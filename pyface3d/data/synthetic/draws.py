"""Random numbers of a batch of images: each image owns a stream, named by (seed, index)."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

UNIFORMS, NORMALS = 512, 384  # numbers drawn for an image; a recipe that asks for more is an error


class Draws:
    """Columns of random numbers, one row for each image.

    Image i reads numpy's Philox stream with key (seed, i), whose bits are the same on every machine, so that an image
    does not depend on its batch, its worker or the images before it. Columns are handed out in the order of the calls.

    Args:
        seed: name of the endless set of images.
        indices: B image numbers.
        device: of what is handed out; the numbers themselves come from the CPU, the same everywhere.

    Example:
        >>> draws = Draws(0, [5, 6])
        >>> angle = draws.uniform(-90, 90)  # (2,)
    """

    def __init__(self, seed: int, indices: Sequence[int], device: torch.device | None = None):
        streams = [np.random.Generator(np.random.Philox(key=[seed, index])) for index in indices]
        uniform = [stream.random(UNIFORMS, dtype=np.float32) for stream in streams]
        normal = [stream.standard_normal(NORMALS, dtype=np.float32) for stream in streams]
        # arrays: numpy computes the few numbers of a draw in a fraction of the time that torch takes to start
        self._uniform = np.array(uniform, np.float32).reshape(len(streams), UNIFORMS)
        self._normal = np.array(normal, np.float32).reshape(len(streams), NORMALS)
        self._next_uniform = self._next_normal = 0
        self.batch, self.device = len(streams), device

    @property
    def numbers(self) -> tuple[Tensor, Tensor]:
        """All uniform (B, 512) and normal (B, 384) numbers of the images."""
        return torch.from_numpy(self._uniform), torch.from_numpy(self._normal)

    def uniform(self, low: float | Tensor = 0.0, high: float | Tensor = 1.0, n: int | None = None) -> Tensor:
        """(B,) or (B, n) numbers between low and high."""
        columns = self._uniform[:, self._next_uniform : self._next_uniform + (n or 1)]  # (B, n)
        self._next_uniform += n or 1
        if self._next_uniform > UNIFORMS:
            raise RuntimeError(f"Draws.uniform: an image has {UNIFORMS} uniform numbers, all are used")
        return self._scaled(columns[:, 0] if n is None else columns, high - low, low)

    def normal(self, std: float | Tensor = 1.0, n: int | None = None) -> Tensor:
        """(B,) or (B, n) normal numbers of mean zero."""
        columns = self._normal[:, self._next_normal : self._next_normal + (n or 1)]  # (B, n)
        self._next_normal += n or 1
        if self._next_normal > NORMALS:
            raise RuntimeError(f"Draws.normal: an image has {NORMALS} normal numbers, all are used")
        return self._scaled(columns[:, 0] if n is None else columns, std)

    def log_uniform(self, low: float, high: float, n: int | None = None) -> Tensor:
        """(B,) or (B, n) numbers between low and high, uniform in their logarithm."""
        return self.uniform(float(np.log(low)), float(np.log(high)), n).exp()

    def chance(self, probability: float | Tensor, n: int | None = None) -> Tensor:
        """(B,) or (B, n) true with the given probability."""
        return self.uniform(n=n) < probability

    def pick(self, weights: Sequence[float]) -> Tensor:
        """(B,) int64 choices with chances proportional to weights."""
        edges = torch.tensor(weights, dtype=torch.float64, device=self.device).cumsum(0)
        return torch.bucketize(self.uniform().double() * edges[-1], edges[:-1], right=True)

    def color(self, low: float = 0.0, high: float = 1.0) -> Tensor:
        """(B, 3) linear colors."""
        return self.uniform(low, high, 3)

    def _scaled(self, numbers: np.ndarray, scale: float | Tensor, shift: float | Tensor = 0.0) -> Tensor:
        """``shift + scale * numbers`` in float32."""
        if isinstance(scale, Tensor) or isinstance(shift, Tensor):
            return shift + scale * torch.from_numpy(numbers).to(device=self.device)
        return torch.from_numpy(numbers * np.float32(scale) + np.float32(shift)).to(device=self.device)
