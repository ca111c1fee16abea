"""What a network wants its pictures to look like. The one place that knows RGB from BGR."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

CHANNEL_ORDERS = ("RGB", "BGR")


@dataclass(frozen=True)
class ImageFormat:
    """Size, channel order and normalization of a network's input, and the crop it was trained on.

    Pictures are RGB everywhere in this library. ``normalize`` turns them into what the network wants; only there are
    channels swapped, for networks trained on OpenCV's BGR.

    Attributes:
        size: side of the square crop in pixels.
        channels: order the network wants, "RGB" or "BGR".
        offset: subtracted from 0..255 values.
        scale: divides the difference.
        crop: name of the function of :mod:`pyface3d.camera` that gives the crop its box around landmarks.

    Example:
        >>> ImageFormat(120).normalize(torch.zeros(1, 3, 120, 120, dtype=torch.uint8)).unique()
        tensor([-0.9961])
    """

    size: int
    channels: str = "RGB"
    offset: float = 127.5
    scale: float = 128.0
    crop: str = "roi_from_landmarks"

    def __post_init__(self) -> None:
        if self.channels not in CHANNEL_ORDERS:
            raise ValueError(f"ImageFormat: channels must be 'RGB' or 'BGR', got {self.channels!r}")
        if not isinstance(self.size, int) or not 1 <= self.size <= 4096:
            raise ValueError(f"ImageFormat: size must be 1 to 4096 pixels, got {self.size!r}")
        if not (math.isfinite(self.offset) and math.isfinite(self.scale) and self.scale > 0):
            raise ValueError(f"ImageFormat: offset must be finite and scale positive, got {self.offset}, {self.scale}")

    def normalize(self, images: Tensor) -> Tensor:
        """Turns pictures into network input.

        Args:
            images: (B, 3, size, size) RGB, uint8, or floating point with values 0..255.

        Returns:
            (B, 3, size, size) floating point in the network's channel order.

        Raises:
            ValueError: another shape, or floating-point values within 0..1.
            TypeError: another type.
        """
        self.check_shape("preprocess", images)
        return self.scaled(images)

    def scaled(self, images: Tensor) -> Tensor:
        """Like :meth:`normalize`, for pictures (B, 3, R, R) of any side; errors alike."""
        if images.dtype == torch.uint8:
            images = images.float()
        elif not images.is_floating_point():
            raise TypeError(f"preprocess: images must be uint8 or floating point, got {images.dtype}")
        elif (values := _extremes(images)) and values[1] <= 1 and values[0] >= 0:
            raise ValueError("preprocess: float images must hold 0..255, got values within 0..1: multiply by 255")
        if self.channels == "BGR":
            images = images.flip(1)
        return (images - self.offset) / self.scale

    def accept(self, images: Tensor) -> Tensor:
        """Network input from either kind of picture: uint8 is normalized, floating point must be normalized already.

        Args:
            images: (B, 3, size, size), uint8 RGB, or floating point as :meth:`normalize` returns it.

        Raises:
            ValueError: another shape, or floating-point values that show another normalization: all within 0..1 where
                the network wants values of both signs, or values beyond its range.
            TypeError: another type.
        """
        if images.dtype == torch.uint8:
            return self.normalize(images)
        self.check_shape("predict", images)
        if not images.is_floating_point():
            raise TypeError(f"predict: images must be uint8 or floating point, got {images.dtype}")
        low, high = -self.offset / self.scale, (255 - self.offset) / self.scale
        smallest, largest = _extremes(images) or (low, high)
        wanted = f"predict: float images must be normalized to {low:.3g}..{high:.3g}"
        if low < 0 <= smallest and largest <= 1:
            raise ValueError(f"{wanted}, got values within 0..1: pass uint8, or use preprocess")
        if smallest < low - 0.5 or largest > high + 0.5:
            raise ValueError(f"{wanted}, got {smallest:.3g}..{largest:.3g}: pass uint8, or use preprocess")
        return images

    def check_shape(self, caller: str, images: Tensor) -> None:
        """Raises TypeError unless ``images`` is a Tensor, ValueError unless it is (B, 3, size, size)."""
        if not isinstance(images, Tensor):
            raise TypeError(f"{caller}: images must be a Tensor, got {type(images).__name__}")
        if images.ndim != 4 or images.shape[1:] != (3, self.size, self.size):
            got = tuple(images.shape)
            raise ValueError(f"{caller}: images must be (B, 3, {self.size}, {self.size}), got {got}: crop and resize")

    def to_dict(self) -> dict[str, Any]:
        """Its fields as JSON-able values."""
        return asdict(self)


def _extremes(images: Tensor) -> tuple[float, float] | None:
    """Smallest and largest value; None for an empty batch and while a graph is being captured."""
    if images.numel() == 0 or torch.compiler.is_compiling():
        return None
    smallest, largest = images.detach().aminmax()
    return float(smallest), float(largest)
