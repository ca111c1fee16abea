"""The record of ``mobilenet``."""

from torch import Tensor

from pyface3d.testing.record import Draw, OpRecord, instead

# channels, strides, sums, layers kept: blocks with one and a half panels; a stem of half a panel alone, with means;
# whole panels
_LAYERS = (
    ((16, 48, 16, 32), (2, 1, 2), 3, (0, 2)),
    ((16, 48), (1,), 0, ()),
    ((32, 64, 16), (2, 2), 1, (1,)),
)


def _build(
    draw: Draw, B: int, H: int, W: int, layers: tuple[tuple[int, ...], tuple[int, ...], int, tuple[int, ...]]
) -> tuple[Tensor | list[int] | int, ...]:
    channels, strides, sums, kept = layers
    before, last = (0, *channels), len(strides)
    count = 28 * channels[0] + sum(10 * before[i] + (before[i] + 1) * channels[i] for i in range(1, last))
    for stride in strides:
        H, W = (H - 1) // stride + 1, (W - 1) // stride + 1
    count += H * W * sums * before[last] + (max(1, sums) * before[last] + 1) * channels[last]
    return draw.normal(count) * 0.3, list(channels), list(strides), sums, list(kept)


RECORD = OpRecord(
    name="mobilenet",
    build=lambda draw, B, H, W, layers: (draw.normal(B, H, W, 3), *_build(draw, B, H, W, layers)),
    sizes={"B": 2, "H": 5, "W": 4},
    least={"H": 1, "W": 1},
    edges={"B": (1,), "H": (1, 2, 13), "W": (1, 3, 12)},
    choices={"layers": _LAYERS},
    free=("images.1", "images.2"),  # maps of several sizes of pictures are of one size
    scale=10.0,
    errors=(
        instead("channels must be multiples of 16 up to 16384, got 24", channels=lambda c: [16, 24, 16, 32]),
        instead("strides must be 1 or 2, got 3", strides=lambda s: [3, 1, 2]),
        instead("one number a layer and channels one more, got 2 and 4", strides=lambda s: s[:2]),
        instead("sums must be 0 to 16384, got -1", sums=lambda s: -1),
        instead("kept must be layers in order, from 0 to 2, got 3", kept=lambda kept: [3]),
        instead("kept must be layers in order, from 0 to 2, got 1", kept=lambda kept: [1, 1]),
        instead("at least one pixel", images=lambda images: images[:, :0]),
    ),
)
