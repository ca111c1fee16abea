"""Rows of numbers over time without their jitter."""

from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

SMOOTHERS = ("one-euro", "zero-phase", "off")
_CUTOFF = 2.0  # hertz of a still face at strength 1
_SPEED = 1.0  # hertz more for each unit a second
_DERIVATIVE = 1.0  # hertz: of the speed's own filter
_HALF = 5  # frames on each side of a zero-phase window at strength 1


@dataclass(frozen=True)
class Smoothing:
    """How the numbers of a face are smoothed.

    Args:
        kind: "one-euro" (Casiez, Roussel and Vogel, "1 Euro Filter", CHI 2012): causal, each number by itself, quick
            where it moves and steady where it rests; "zero-phase": a local quadratic over frames before and after
            (Savitzky and Golay 1964, with a weighted window), which lags by nothing and answers a few frames late;
            "off".
        strength: 1 is the default; twice as much smooths twice as long.

    Raises:
        ValueError: another kind, or a strength that is not positive.

    Example:
        >>> Smoothing("zero-phase").ahead
        5
    """

    kind: Literal["one-euro", "zero-phase", "off"] = "one-euro"
    strength: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in SMOOTHERS:
            raise ValueError(f"Smoothing: kind must be one of {', '.join(SMOOTHERS)}, got {self.kind!r}")
        if not 0 < self.strength < float("inf"):
            raise ValueError(f"Smoothing: strength must be positive, got {self.strength}")

    @property
    def ahead(self) -> int:
        """Frames that must be known before one can be answered."""
        return max(1, round(_HALF * self.strength)) if self.kind == "zero-phase" else 0


class OneEuro:
    """One row of numbers through the One-Euro filter.

    Args:
        strength: divides both cut-off frequencies.
    """

    def __init__(self, strength: float = 1.0) -> None:
        self.strength = strength
        self._last: tuple[float, np.ndarray, np.ndarray] | None = None  # seconds, row, speed

    def __call__(self, row: np.ndarray, seconds: float) -> np.ndarray:
        """The smoothed row (D,)."""
        if self._last is None or seconds <= self._last[0]:
            self._last = (seconds, row, np.zeros_like(row))
            return row
        before, smooth, speed = self._last
        step = seconds - before
        speed = speed + _share(_DERIVATIVE, step) * ((row - smooth) / step - speed)
        cutoff = (_CUTOFF + _SPEED * np.abs(speed)) / self.strength
        smooth = smooth + _share(cutoff, step) * (row - smooth)
        self._last = (seconds, smooth, speed)
        return smooth


def _share(cutoff: np.ndarray | float, step: float) -> np.ndarray | float:
    """How much of a new value a first-order low-pass takes over."""
    return 1 / (1 + 1 / (2 * np.pi * cutoff * step))


class ZeroPhase:
    """Rows by number of their frame; those of the frames around one give it smoothed.

    Args:
        half: frames on each side.
    """

    def __init__(self, half: int) -> None:
        self.half = half
        self._rows: deque[tuple[int, np.ndarray]] = deque()

    def add(self, frame: int, row: np.ndarray) -> None:
        """One more frame's row (D,)."""
        self._rows.append((frame, row))

    def at(self, frame: int) -> np.ndarray:
        """The smoothed row (D,) of a frame that was added."""
        while self._rows[0][0] < frame - self.half:
            self._rows.popleft()
        window = [(number - frame, row) for number, row in self._rows if number <= frame + self.half]
        share = _shares(tuple(number for number, _ in window), self.half)
        return share @ np.stack([row for _, row in window])


@lru_cache(maxsize=1024)
def _shares(numbers: tuple[int, ...], half: int) -> np.ndarray:
    """(W,) how much each of a window's frames, counted from the one asked for, has in its smoothed row."""
    away = np.array(numbers) / (half + 1)
    weights = (1 - np.abs(away) ** 3) ** 1.5  # the square root of the tricube
    powers = np.vander(away, min(3, len(away)), increasing=True) * weights[:, None]
    return np.linalg.lstsq(powers, np.diag(weights), rcond=None)[0][0]
