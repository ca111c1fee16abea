"""What augmentation does to the look of pictures: color, blur, grain, occluders."""

import torch
from torch import Tensor

BLUR = 0.015  # largest standard deviation, as a share of the side


def recolor(images: Tensor, gain: float, generator: torch.Generator | None) -> Tensor:
    """Scales each channel of (B, 3, S, S) by 1 +- gain, contrast likewise about mid-gray, and shifts the brightness."""
    count = len(images)

    def draw(*shape: int) -> Tensor:
        return (torch.rand(count, *shape, generator=generator) * 2 - 1) * gain

    channels, contrast, brightness = 1 + draw(3), 1 + draw(1), 64 * draw(1)
    factor = (channels * contrast).to(images)[..., None, None]
    offset = (127.5 * (1 - contrast) + brightness).to(images)[..., None, None]
    return torch.addcmul(offset, images, factor)


def blur(images: Tensor, probability: float, generator: torch.Generator | None) -> Tensor:
    """Gaussian blur of some of (B, 3, S, S), each of its own width."""
    count, channels, size = len(images), images.shape[1], images.shape[-1]
    chosen = torch.rand(count, generator=generator) < probability
    sigma = torch.rand(count, generator=generator) * BLUR * size + 0.3
    if not bool(chosen.any()):
        return images
    sigma = sigma[chosen]
    reach = min(int(3 * float(sigma.max())) + 1, size - 1)
    steps = torch.arange(-reach, reach + 1)
    kernel = torch.exp(-0.5 * (steps / sigma[:, None]).square())
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(channels, 0).to(images)  # (n 3, T)
    places = chosen.nonzero()[:, 0].to(images.device)
    selected = images.index_select(0, places).flatten(0, 1)[None]  # (1, n 3, S, S)
    groups = selected.shape[1]
    padded = torch.nn.functional.pad(selected, (reach, reach, reach, reach), "replicate")
    rows = torch.nn.functional.conv2d(padded, kernel[:, None, None], groups=groups)
    blurred = torch.nn.functional.conv2d(rows, kernel[:, None, :, None], groups=groups)
    return images.index_copy_(0, places, blurred[0].unflatten(0, (-1, channels)))


def grain(images: Tensor, noise: float, gray: float, generator: torch.Generator | None) -> Tensor:
    """Takes the colors out of some of (B, 3, S, S), and adds noise of up to a standard deviation to two of five."""
    count = len(images)
    if gray > 0:
        plain = torch.rand(count, generator=generator) < gray
        images = torch.where(plain.to(images.device)[:, None, None, None], images.mean(1, keepdim=True), images)
    if noise > 0:
        draw = torch.rand(count, 2, generator=generator)
        strength = ((draw[:, 0] < 0.4) * draw[:, 1] * noise).to(images)[:, None, None, None]
        images = torch.addcmul(images, strength, torch.randn(images.shape, generator=generator).to(images))
    return images


def occlude(images: Tensor, probability: float, generator: torch.Generator | None) -> Tensor:
    """Covers parts of some of (B, 3, S, S): a box or an ellipse of a flat color, of noise, or of another picture.

    All at once, but for pieces of pictures that are covered themselves; a device is asked nothing.
    """
    count, size = len(images), images.shape[-1]

    def draw(*shape: int) -> Tensor:
        return torch.rand(count, *shape, generator=generator)

    chosen, center, radius = draw() < probability, draw(2) * size, (0.05 + 0.17 * draw(2)) * size
    box, kind, color = draw() < 0.5, draw(), draw(3) * 255
    rows = chosen.nonzero()[:, 0]  # (n,)
    if not len(rows):
        return images
    places, inside, mask = _shapes(center[rows], radius[rows], box[rows], size)
    noisy, copied = (kind >= 1 / 3) & (kind < 2 / 3), kind[rows] >= 2 / 3
    fill = color[rows, :, None, None].repeat(1, 1, *mask.shape[1:])  # (n, 3, W, W)
    noise = _noise(inside[noisy[rows]], generator)
    fill[noisy[rows]] = 0.5 * noise + 0.5 * color[chosen & noisy][..., None, None]
    numbers = torch.arange(len(rows))
    chained = copied & (rows == rows.roll(1) + 1)  # the picture before is covered, too
    turn = numbers - numbers.where(~chained, 0).cummax(0).values
    sent = [tensor.to(images.device) for tensor in (places, mask, fill, rows, copied)]
    for step in range(int(turn.max()) + 1):
        now = (turn == step).nonzero()[:, 0].to(images.device)
        _cover(images, *(tensor.index_select(0, now) for tensor in sent))
    return images


def _shapes(center: Tensor, radius: Tensor, box: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Windows of one size around ellipses of a center and radii (n, 2).

    Returns:
        places (n, 2, W), the columns and the rows of the picture; bool (n, W, W), which pixels lie in the rectangle
        around the ellipse, and which of these are covered.
    """
    low, high = (center - radius).long().clamp(0, size - 1), (center + radius).ceil().long().clamp(1, size)
    width = int((high - low).max())
    places = low.clamp(max=size - width)[..., None] + torch.arange(width)
    within = (places >= low[..., None]) & (places < high[..., None])
    squares = ((places - center[..., None]) / radius[..., None]).square()
    inside = within[:, 0, None] & within[:, 1, :, None]
    rounded = squares[:, 0, None] + squares[:, 1, :, None] <= 1
    return places, inside, inside & (rounded | box[:, None, None])


def _noise(inside: Tensor, generator: torch.Generator | None) -> Tensor:
    """Numbers (n, 3, W, W) of 0 to 255, drawn where they are needed, picture by picture."""
    inside = inside[:, None].expand(-1, 3, -1, -1)
    drawn = torch.rand(int(inside.sum()), generator=generator) * 255
    return torch.zeros(inside.shape).masked_scatter_(inside, drawn)


def _cover(images: Tensor, places: Tensor, mask: Tensor, fill: Tensor, rows: Tensor, copied: Tensor) -> None:
    """Covers pictures ``rows`` (m,) where a mask says so, by ``fill`` or by what the picture before shows there."""
    pixels = places[:, 1, :, None] * images.shape[-1] + places[:, 0, None]
    pixels = pixels.flatten(1)[:, None].expand(-1, images.shape[1], -1)  # (m, 3, W W)
    before = (rows - 1) % len(images)  # of the first: the last
    own = images.index_select(0, rows).flatten(2)
    shown = images.index_select(0, before).flatten(2).gather(2, pixels)
    fill = torch.where(copied[:, None, None], shown, fill.flatten(2))
    own.scatter_(2, pixels, torch.where(mask.flatten(1)[:, None], fill, own.gather(2, pixels)))
    images.index_copy_(0, rows, own.unflatten(2, images.shape[2:]))
