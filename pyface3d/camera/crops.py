"""Square crops around a face: where they lie, and cutting them out.

A region of interest (roi) is (left, top, right, bottom) in pixels of the original image. All functions are vectorized
over faces.
"""

import numpy as np
import torch
from torch import Tensor

ROUNDINGS = ("none", "matlab")

# The square that 3DDFA's rule draws about the 68 landmarks, in units of the span from the eyes to the mouth or between
# the eyes, whichever is longer (foreshortened faces), around the middle of the five points: of the default mean face.
_FIVE_SIDE, _FIVE_SHIFT = 2.99, 0.09


def roi_from_landmarks(
    points: Tensor, visible: Tensor | None = None, rounding: str = "none", clip_to: tuple[int, int] | None = None
) -> Tensor:
    """3DDFA's box around landmarks: a square whose side is the diagonal of the tight square, about its center.

    ``rounding="matlab"`` with ``clip_to=(450, 450)`` is the rule behind the boxes published for AFLW2000-3D: left and
    top are rounded half away from zero, the side is added and rounded, and the square is cut at the border of the
    image (1-based), which part of the published numbers depends on (``legacy_roi``).

    Args:
        points: (B, L, 2) or (B, L, 3) in image pixels.
        visible: (B, L) bool; only these points count. A face without any gets NaN.
        rounding: ``"none"`` or ``"matlab"``.
        clip_to: (height, width) of the image to clip to, on the 1-based grid; None leaves the square whole.

    Returns:
        (B, 4) left, top, right, bottom.

    Raises:
        ValueError: for another shape or an unknown rounding.

    Example:
        >>> roi_from_landmarks(torch.tensor([[[0.0, 0.0], [10.0, 10.0]]]))
        tensor([[-2.0711, -2.0711, 12.0711, 12.0711]])
    """
    if points.ndim != 3 or points.shape[-1] not in (2, 3):
        raise ValueError(f"roi_from_landmarks: points must be (B, L, 2) or (B, L, 3), got {tuple(points.shape)}")
    if rounding not in ROUNDINGS:
        raise ValueError(f"roi_from_landmarks: rounding must be one of {', '.join(ROUNDINGS)}, got {rounding!r}")
    low, high = _bounds(points[..., :2], visible)  # (B, 2) each
    side = (high - low).amax(-1, keepdim=True) * 2**0.5  # (B, 1)
    start = (low + high - side) / 2
    end = start + side
    if rounding == "matlab":
        start = _round_half_away(start)
        end = _round_half_away(start + side)
    if clip_to is not None:
        height, width = clip_to
        start, end = start.clamp(min=1), torch.minimum(end, end.new_tensor([width, height]))
    return torch.cat([start, end], -1)


def _bounds(points: Tensor, visible: Tensor | None) -> tuple[Tensor, Tensor]:
    if visible is None:
        return points.amin(1), points.amax(1)
    seen = visible.bool()[..., None]
    low = points.masked_fill(~seen, torch.inf).amin(1)
    high = points.masked_fill(~seen, -torch.inf).amax(1)
    nothing = ~seen.any(1)  # (B, 1)
    return low.masked_fill(nothing, torch.nan), high.masked_fill(nothing, torch.nan)


def roi_from_five_points(points: Tensor) -> Tensor:
    """The square (4,) that frames a face as 3DDFA's rule does, from eyes, nose tip and mouth corners (5, 2).

    Example:
        >>> roi_from_five_points(torch.tensor([[0.0, 0.0], [10.0, 0.0], [5.0, 5.0], [1.0, 10.0], [9.0, 10.0]]))
        tensor([-10.,  -9.,  20.,  21.])
    """
    eyes, mouth = points[:2].mean(0), points[3:].mean(0)
    span = torch.maximum((points[1] - points[0]).norm(), (mouth - eyes).norm())
    center = (eyes + mouth) / 2 + _FIVE_SHIFT * (mouth - eyes)
    return torch.cat([center - _FIVE_SIDE * span / 2, center + _FIVE_SIDE * span / 2]).round()


def _round_half_away(values: Tensor) -> Tensor:
    return values.sign() * (values.abs() + 0.5).floor()


def roi_from_box(box: Tensor, scale: float = 1.58, shift: float = 0.14) -> Tensor:
    """3DDFA's square around a detector's box: side ``int(scale * (w + h) / 2)``, center moved down by ``shift * (w +
    h) / 2``.

    The defaults come from PRNet and were chosen "by experience" for dlib's detector; other detectors want their own.

    Args:
        box: (B, 4) left, top, right, bottom.
        scale: side of the square over the mean side of the box.
        shift: downward shift of the center over the mean side of the box.

    Returns:
        (B, 4) left, top, right, bottom.

    Raises:
        ValueError: if ``box`` is not (..., 4).

    Example:
        >>> roi_from_box(torch.tensor([[100.0, 100.0, 200.0, 200.0]]))
        tensor([[ 71.,  85., 229., 243.]])
    """
    if box.shape[-1:] != (4,):
        raise ValueError(f"roi_from_box: box must be (B, 4), got {tuple(box.shape)}")
    box = box.to(torch.promote_types(box.dtype, torch.float32))
    low, high = box[..., :2], box[..., 2:]
    mean_side = (high - low).mean(-1, keepdim=True)
    center = (low + high) / 2 + mean_side * box.new_tensor([0.0, shift])
    side = (mean_side * scale).trunc()
    return torch.cat([center - side / 2, center + side / 2], -1)


def crop(image: Tensor | np.ndarray, roi: Tensor | np.ndarray, size: int = 120) -> Tensor | np.ndarray:
    """Cuts faces out and resizes them to size x size, bilinear, with zeros outside the image.

    The corners are rounded to whole pixels first (half to even) and the resize follows ``cv2.resize(...,
    INTER_LINEAR)``, as 3DDFA does.

    Args:
        image: a tensor (C, H, W) or (B, C, H, W), or an array (H, W, C); uint8 or floating point.
        roi: (B, 4), or (4,) for one face. One image with many rois gives many crops.
        size: side of the crop in pixels.

    Returns:
        Tensor (B, C, size, size), or array (B, size, size, C), of the image's type; without B where ``roi`` is (4,).
        Differentiable in a floating-point image.

    Raises:
        ValueError: if the shapes do not fit or a box is empty or not finite.

    Example:
        >>> crop(torch.ones(3, 50, 50), torch.tensor([10.0, 10.0, 30.0, 30.0]), 8).shape
        torch.Size([3, 8, 8])
    """
    if isinstance(image, np.ndarray):
        if image.ndim != 3:
            raise ValueError(f"crop: an array must be (H, W, C), got {image.shape}")
        pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)
        faces = _crop(pixels, torch.as_tensor(np.asarray(roi)), size)
        return np.ascontiguousarray(faces.movedim(-3, -1).numpy())
    return _crop(image, roi, size)


def _crop(image: Tensor, roi: Tensor | np.ndarray, size: int) -> Tensor:
    roi = torch.as_tensor(roi, device=image.device)
    if image.ndim not in (3, 4) or roi.ndim not in (1, 2) or roi.shape[-1] != 4:
        got = f"{tuple(image.shape)} and {tuple(roi.shape)}"
        raise ValueError(f"crop: image must be (C, H, W) or (B, C, H, W) and roi (B, 4), got {got}")
    if size < 1 or 0 in image.shape[-2:]:
        got = f"{size} and {tuple(image.shape)}"
        raise ValueError(f"crop: size must be at least 1 and the image must have pixels, got {got}")
    single = roi.ndim == 1
    boxes = roi.reshape(-1, 4)
    stack = image if image.ndim == 4 else image[None]
    if stack.shape[0] not in (1, len(boxes)):
        raise ValueError(f"crop: {stack.shape[0]} images need as many boxes or one image, got {len(boxes)} boxes")
    faces = _resize(stack, _whole_pixels(boxes), size)
    return faces[0] if single else faces


def _whole_pixels(boxes: Tensor) -> Tensor:
    whole = boxes.to(torch.promote_types(boxes.dtype, torch.float32)).round()  # half to even, as Python's round
    if not bool(whole.isfinite().all()) or not bool((whole[:, 2:] > whole[:, :2]).all()):
        raise ValueError("crop: roi must be finite with right > left and bottom > top after rounding to whole pixels")
    return whole.long()


def _resize(stack: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Bilinear samples at half-pixel centers of each box; reads are clamped to the box and are zero outside the
    image.
    """
    n_images, channels, height, width = stack.shape
    working = stack.dtype if stack.is_floating_point() else torch.float32
    if not len(boxes):
        return stack.new_zeros(0, channels, size, size)
    rows = _taps(boxes[:, 1], boxes[:, 3], height, size, working)  # (B, 2, S) each
    columns = _taps(boxes[:, 0], boxes[:, 2], width, size, working)
    images = stack if n_images > 1 else stack.expand(len(boxes), -1, -1, -1)
    faces = torch.stack([_sample(image, *taps) for image, *taps in zip(images, *rows, *columns)])  # (B, C, S, S)
    return faces if stack.is_floating_point() else faces.round().to(stack.dtype)


def _sample(image: Tensor, y: Tensor, y_weights: Tensor, x: Tensor, x_weights: Tensor) -> Tensor:
    """Weighted sums of two rows and two columns each: image (C, H, W), the others (2, S) -> (C, S, S)."""
    pixels = image.movedim(0, -1)  # (H, W, C)
    by_pixel = pixels.is_contiguous()  # channels stay where they are in memory: index_select copies what is strided
    if by_pixel:
        pixels, y, x = _around(pixels, y, x)
    stored, down, across = (pixels, 0, 1) if by_pixel else (image, 1, 2)
    if by_pixel:  # as rows of S C numbers: products along three channels do not fill vectors
        x_weights = x_weights.repeat_interleave(pixels.shape[2], 1)  # (2, S C)
    y_weights = y_weights[:, :, None]

    def read(row: Tensor) -> Tensor:
        band = stored.index_select(down, row)
        first, second = (band.index_select(across, column).to(x_weights.dtype) for column in x)
        if by_pixel:
            first, second = first.flatten(1), second.flatten(1)
        return first * x_weights[0] + second * x_weights[1]

    face = read(y[0]) * y_weights[0] + read(y[1]) * y_weights[1]  # (S, S C) or (C, S, S)
    return face.unflatten(1, (-1, pixels.shape[2])).movedim(-1, 0) if by_pixel else face


def _around(pixels: Tensor, y: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The part of a picture (H, W, C) that is read, with the places in it, where its rows are much longer than that."""
    left, right = (int(edge) for edge in x.aminmax())
    if pixels.device.type != "cpu" or 2 * (right + 1 - left) > pixels.shape[1]:
        return pixels, y, x
    top, bottom = (int(edge) for edge in y.aminmax())
    return pixels[top : bottom + 1, left : right + 1].contiguous(), y - top, x - left


def _taps(start: Tensor, end: Tensor, length: int, size: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """The two pixels (B, 2, S) each output pixel lies between, and their weights (B, 2, S): 0 outside the image."""
    side = (end - start)[:, None]
    position = (torch.arange(size, device=start.device, dtype=torch.float64) + 0.5) * (side / size) - 0.5  # (B, S)
    position = torch.minimum(position.clamp(min=0), (side - 1).double())
    first = position.floor().long()
    along = (position - first).to(dtype)
    pixels = start[:, None, None] + torch.stack([first, torch.minimum(first + 1, side - 1)], 1)
    weights = torch.stack([1 - along, along], 1) * ((pixels >= 0) & (pixels < length))
    return pixels.clamp(0, length - 1), weights
