"""The small networks of close-ups in NumPy: a picture at a time, a call of torch takes longer than its computing."""

from collections.abc import Mapping

import numpy as np


class CloseupArrays:
    """What :func:`pyface3d.reconstructor.closeups.build` computes, and within 0 and 1.

    Args:
        arrays: its tensors by name.
        pixels: side of a cut.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], pixels: int) -> None:
        given = {name: np.asarray(array, np.float32) for name, array in arrays.items()}
        self.pixels = pixels
        self._convs = []
        for k in range(3):
            weight = given[f"trunk.{k}.0.weight"]  # (O, C, k, k)
            rows = np.ascontiguousarray(weight.transpose(2, 3, 1, 0)).reshape(-1, len(weight))
            self._convs.append((rows, given[f"trunk.{k}.0.bias"], weight.shape[2]))
        hidden, channels = given["head.0.weight"], self._convs[-1][0].shape[1]
        side = round(((hidden.shape[1] - 2) / channels) ** 0.5)
        seen = hidden[:, :-2].reshape(-1, channels, side, side).transpose(0, 2, 3, 1).reshape(len(hidden), -1)
        self._hidden = np.ascontiguousarray(np.concatenate([seen, hidden[:, -2:]], 1).T), given["head.0.bias"]
        self._last = np.ascontiguousarray(given["head.2.weight"].T), given["head.2.bias"]

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Cuts and angles (B, 1026) float32 to weights (B, O) in [0, 1]."""
        count = len(inputs)
        maps = inputs[:, :-2].reshape(count, self.pixels, self.pixels, 1)
        for rows, bias, side in self._convs:
            maps = convolve(maps, rows, bias, side)
        features = np.concatenate([maps.reshape(count, -1), inputs[:, -2:]], 1)
        hidden = np.maximum(features @ self._hidden[0] + self._hidden[1], 0)
        return np.clip(hidden @ self._last[0] + self._last[1], 0, 1)


def convolve(maps: np.ndarray, rows: np.ndarray, bias: np.ndarray, side: int) -> np.ndarray:
    """A convolution of stride two over maps (B, H, W, C) and its ReLU: (B, (H + 1) / 2, (W + 1) / 2, O).

    Args:
        maps: float32.
        rows: (side side C, O) weights.
        bias: (O,).
        side: of a window, odd; zeros lie around the maps.
    """
    count, height, width, _ = maps.shape
    found = np.maximum(_windows(maps, side) @ rows + bias, 0)
    return found.reshape(count, (height + 1) // 2, (width + 1) // 2, len(bias))


def _windows(maps: np.ndarray, side: int) -> np.ndarray:
    """Every second window (B (H+1)/2 (W+1)/2, side side C) of maps (B, H, W, C), padded by zeros."""
    count, height, width, channels = maps.shape
    edge = side // 2
    padded = np.zeros((count, height + 2 * edge, width + 2 * edge, channels), np.float32)
    padded[:, edge : edge + height, edge : edge + width] = maps
    b, y, x, c = padded.strides
    tall, wide = (height + 1) // 2, (width + 1) // 2
    windows = np.ndarray(
        (count, tall, wide, side, side, channels), np.float32, padded, strides=(b, 2 * y, 2 * x, y, x, c)
    )
    return windows.reshape(count * tall * wide, -1)
