"""What JPEG does to a picture, in tensor code: for pictures that lie where no library compresses."""

import torch
from torch import Tensor
from torch.nn import functional as F

# ITU-T T.81, tables K.1 and K.2, row by row
_LUMINANCE = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
_CHROMINANCE = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99, *(99,) * 32,
)  # fmt: skip
_TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
_FROM_YCC = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))


def compress(pictures: Tensor, quality: Tensor) -> Tensor:
    """Pictures encoded and decoded: DCT of 8x8 blocks, quantized by the standard's tables, colors at half resolution.

    As libjpeg does it by default, up to its rounding of intermediate results.

    Args:
        pictures: (B, 3, H, W) uint8. The first channel counts as blue, as OpenCV's encoder takes an array.
        quality: (B,) int, 1 to 100.

    Returns:
        (B, 3, H, W) uint8.

    Example:
        >>> compress(torch.full((1, 3, 16, 16), 90, dtype=torch.uint8), torch.tensor([50])).unique()
        tensor([90], dtype=torch.uint8)
    """
    height, width = pictures.shape[2:]
    rgb = pictures.flip(1).float()
    rgb = F.pad(rgb, (0, -width % 16, 0, -height % 16), mode="replicate")
    ycc = torch.einsum("ij,bjhw->bihw", rgb.new_tensor(_TO_YCC), rgb).round()
    light = _quantized(ycc[:, :1] - 128, _scaled(_LUMINANCE, quality)) + 128
    tint = _quantized(F.avg_pool2d(ycc[:, 1:], 2).round(), _scaled(_CHROMINANCE, quality))
    tint = F.interpolate(tint, scale_factor=2.0, mode="bilinear")
    decoded = torch.einsum("ij,bjhw->bihw", rgb.new_tensor(_FROM_YCC), torch.cat([light.clamp(0, 255), tint], 1))
    return decoded[..., :height, :width].round().clamp(0, 255).to(torch.uint8).flip(1)


def _scaled(table: tuple[int, ...], quality: Tensor) -> Tensor:
    """(B, 1, 1, 1, 8, 8) steps of quantization at qualities (B,), by libjpeg's rule."""
    quality = quality.clamp(1, 100).float()
    percent = torch.where(quality < 50, (5000 / quality).floor(), 200 - 2 * quality)
    steps = ((percent[:, None] * quality.new_tensor(table) + 50) / 100).floor().clamp(1, 255)
    return steps.view(-1, 1, 1, 1, 8, 8)


def _quantized(planes: Tensor, steps: Tensor) -> Tensor:
    """Planes (B, C, H, W), their blocks' cosines rounded to multiples of ``steps``."""
    cosines = _cosines(planes)
    blocks = planes.unflatten(3, (-1, 8)).unflatten(2, (-1, 8)).transpose(3, 4)  # (B, C, H/8, W/8, 8, 8)
    rounded = ((cosines @ blocks @ cosines.T) / steps).round() * steps
    return (cosines.T @ rounded @ cosines).round().transpose(3, 4).flatten(4, 5).flatten(2, 3)


def _cosines(like: Tensor) -> Tensor:
    """(8, 8) the orthonormal cosine transform, a frequency in each row."""
    place = torch.arange(8, device=like.device, dtype=torch.float64)
    rows = torch.cos((2 * place + 1) * place[:, None] * (torch.pi / 16)) / 2
    rows[0] /= 2**0.5
    return rows.to(like.dtype)
