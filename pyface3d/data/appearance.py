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
    selected = images[chosen.to(images.device)].flatten(0, 1)[None]  # (1, n 3, S, S)
    groups = selected.shape[1]
    padded = torch.nn.functional.pad(selected, (reach, reach, reach, reach), "replicate")
    rows = torch.nn.functional.conv2d(padded, kernel[:, None, None], groups=groups)
    blurred = torch.nn.functional.conv2d(rows, kernel[:, None, :, None], groups=groups)
    images[chosen.to(images.device)] = blurred[0].unflatten(0, (-1, channels))
    return images


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
    """Covers parts of some of (B, 3, S, S): a box or an ellipse of a flat color, of noise, or of another picture."""
    count, size, device = len(images), images.shape[-1], images.device

    def draw(*shape: int) -> Tensor:
        return torch.rand(count, *shape, generator=generator)

    chosen, center, radius = draw() < probability, draw(2) * size, (0.05 + 0.17 * draw(2)) * size
    box, kind, color = draw() < 0.5, draw(), draw(3) * 255
    for index in chosen.nonzero()[:, 0].tolist():
        low = (center[index] - radius[index]).long().clamp(0, size - 1).tolist()
        high = (center[index] + radius[index]).ceil().long().clamp(1, size).tolist()
        place = (slice(low[1], high[1]), slice(low[0], high[0]))
        y, x = (torch.arange(s.start, s.stop) for s in place)
        across, down = (x - center[index, 0]) / radius[index, 0], (y - center[index, 1]) / radius[index, 1]
        mask = (across.square() + down[:, None].square() <= 1) | bool(box[index])
        if kind[index] < 1 / 3:
            fill = color[index, :, None, None].to(device)
        elif kind[index] < 2 / 3:
            grain = torch.rand(3, *mask.shape, generator=generator) * 255
            fill = (0.5 * grain + 0.5 * color[index, :, None, None]).to(device)
        else:
            fill = images[index - 1][:, place[0], place[1]]
        region = images[index][:, place[0], place[1]]
        region.copy_(torch.where(mask.to(device), fill, region))
    return images
