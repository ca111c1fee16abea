"""A second look at a face: features read where a first answer puts the surface, and the identity that they tell."""

import torch
import torch.fx
import torch.nn.functional as F
from torch import Tensor, nn

from pyface3d.atlas import UVAtlas
from pyface3d.camera import ParameterSpace, flip_y
from pyface3d.methods.agreement import Agreement
from pyface3d.morphable import MorphableModel
from pyface3d.nets import MobileNetV1
from pyface3d.nets.layers import conv_bn

CHART = 64  # texels of the chart, in whose cells of 4 and of 8 texels features are laid out
CELLS = (4, 8)
MAPS = ("dw3_1", "dw4_1", "dw6")  # of the trunk
MOST = 255 / 64  # scaled features are cut off here, as the bytes that they are trained from


class SecondLook(nn.Module):
    """Identity from features that lie on the face.

    Two early maps of the trunk are read, bilinearly, at surface points of the face that the first answer stands for,
    and laid out in its chart: there each point of a face has one place, whatever the pose, and what is left to be seen
    is how far this face is off. The idea is PyMAF's mesh-aligned feedback (Zhang et al. 2021, section 3.2), with
    a chart for a mesh and one turn.

    Args:
        model: face model with a UV layout.
        space: parameter space of the answers.
        channels: of the two maps that are read and of the last one.
        side: of the last map.
        widths: channels of the corrector at 16 x 16 and 8 x 8 cells.
        hidden: width of its hidden layer.

    Raises:
        ValueError: the model has no UV layout.
    """

    points: Tensor
    basis: Tensor
    placing: Tensor
    whitening: Tensor
    covered: Tensor
    fine_scale: Tensor
    coarse_scale: Tensor
    last_scale: Tensor

    def __init__(
        self,
        model: MorphableModel,
        space: ParameterSpace,
        channels: tuple[int, int, int],
        side: int,
        widths: tuple[int, int] = (48, 64),
        hidden: int = 160,
    ) -> None:
        super().__init__()
        self._prepare(model, space)
        fine, coarse, last = channels
        wide, deep = widths
        for name, count in zip(("fine", "coarse", "last"), channels):
            self.register_buffer(f"{name}_scale", torch.ones(count))
        self.enter = nn.Sequential(_conv(fine, wide, 1), _conv(wide, wide))
        self.down = _conv(wide, deep, stride=2)
        self.deepen = nn.Sequential(_conv(deep + coarse, deep, 1), _conv(deep, deep), _conv(deep, 24, 1))
        self.whole = _conv(last, 32, 1)
        cells = (CHART // CELLS[1]) ** 2
        self.drop = nn.Dropout(0.1)
        self.hidden = nn.Linear(24 * cells + 32 * side**2 + space.n_params, hidden)
        self.identity = nn.Linear(hidden, space.n_identity)
        nn.init.zeros_(self.identity.weight)
        nn.init.zeros_(self.identity.bias)

    def _prepare(self, model: MorphableModel, space: ParameterSpace) -> None:
        """Surface points of both grids, and the way from parameters to where ``grid_sample`` reads."""
        corners, weights, covered = _grids(model)
        model_mean, model_basis = (table.detach().cpu().float() for table in (model.mean, model.basis))
        points = (model_mean[corners] * weights[..., None]).sum(1)  # (N, 3)
        basis = (model_basis[corners] * weights[..., None, None]).sum(1)  # (N, 3, K)
        ends = flip_y(torch.stack([torch.zeros(3), torch.ones(3)]), space.size, space.flip)[:, :2]
        placing = torch.stack([ends[1] - ends[0], ends[0] + 0.5 - space.size / 2]) * 2 / space.size
        tables = {
            "points": points,
            "basis": basis.flatten(0, 1).T.contiguous(),
            "placing": placing,
            "whitening": torch.stack([space.mean, space.std]).detach().cpu().float(),
            "covered": covered.float(),
        }
        for name, table in tables.items():
            self.register_buffer(name, table, persistent=False)

    def forward(self, fine: Tensor, coarse: Tensor, last: Tensor, first: Tensor) -> Tensor:
        """Whitened identity (B, K_i).

        Args:
            fine: (B, C, h, w) map of the trunk that is read at 16 x 16 surface points.
            coarse: (B, D, h', w') map that is read at 8 x 8.
            last: (B, E, side, side) its last map, which is taken as it is.
            first: (B, P) first answer.
        """
        read = self.read(fine, coarse, first)
        return self.conclude(self.gather(*read, self.scaled(last, self.last_scale)), first)

    def read(self, fine: Tensor, coarse: Tensor, first: Tensor) -> tuple[Tensor, Tensor]:
        """Scaled features (B, C, 16, 16) and (B, D, 8, 8) at the surface points of a first answer (B, P)."""
        found = self.at_surface(fine, coarse, first)
        return self.scaled(found[0], self.fine_scale), self.scaled(found[1], self.coarse_scale)

    def at_surface(self, fine: Tensor, coarse: Tensor, first: Tensor) -> list[Tensor]:
        """The features as the trunk gives them."""
        params = first * self.whitening[1] + self.whitening[0]
        rows = params[:, :8].unflatten(1, (2, 4))  # of the pose: the picture shows no more
        shape = self.points + (params[:, 12:] @ self.basis).unflatten(1, (-1, 3))
        seen = shape @ rows[:, :, :3].transpose(1, 2) + rows[:, :, 3].unsqueeze(1)  # (B, N, 2), y up
        places = seen * self.placing[0] + self.placing[1]
        cut = (CHART // CELLS[0]) ** 2
        found = []
        for part, cell, values in ((slice(0, cut), CELLS[0], fine), (slice(cut, None), CELLS[1], coarse)):
            found.append(
                (sample(values, places[:, part]) * self.covered[part]).unflatten(2, (CHART // cell, CHART // cell))
            )
        return found

    @staticmethod
    def scaled(features: Tensor, scale: Tensor) -> Tensor:
        """Features (B, C, h, w) in units of scale (C,) that fit a byte."""
        return (features * scale[:, None, None]).clamp_max(MOST)  # maps end in a ReLU

    def gather(self, fine: Tensor, coarse: Tensor, last: Tensor) -> Tensor:
        """What scaled features come to, (B, F)."""
        deep = self.deepen(torch.cat([self.down(self.enter(fine)), coarse], 1))
        return torch.cat([deep.flatten(1), self.whole(last).flatten(1)], 1)

    def conclude(self, features: Tensor, first: Tensor) -> Tensor:
        """Whitened identity (B, K_i) from that and the first answer."""
        return self.identity(torch.relu(self.hidden(torch.cat([self.drop(features), first], 1))))


class TwoLooks(nn.Module):
    """A trunk's answer in agreement (:class:`Agreement`) with the identity that a second look at its maps tells.

    Args:
        trunk: answers P parameters.
        model: face model.
        space: parameter space of the answers.
        size: side of the pictures in pixels.
    """

    head_name = "trunk.fc"

    def __init__(self, trunk: MobileNetV1, model: MorphableModel, space: ParameterSpace, size: int) -> None:
        super().__init__()
        self.trunk = trunk
        channels = [getattr(trunk, name).conv_sep.out_channels for name in MAPS]
        self.look = SecondLook(model, space, (channels[0], channels[1], channels[2]), -(-size // 32))
        self.agree = Agreement(model, space)

    def forward(self, images: Tensor) -> Tensor:
        """Whitened parameters (B, P) of normalized images (B, 3, S, S)."""
        fine, coarse, last, first = self.looked(images)
        return self.agree(first, self.look(fine, coarse, last, first))

    def looked(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The three maps that the second look takes, and the first answer (B, P)."""
        fine, coarse, last = self.trunk.maps(images, MAPS)
        return fine, coarse, last, self.trunk.head(self.trunk.pool(last).flatten(1))


@torch.fx.wrap
def sample(values: Tensor, places: Tensor) -> Tensor:
    """Maps (B, C, H, W) read bilinearly at places (B, N, 2) of ``grid_sample``, borders continued: (B, C, N).

    ONNX gets rows of a table, which onnxruntime reads several times faster than its GridSample.
    """
    if not torch.compiler.is_compiling():
        return F.grid_sample(values, places[:, None], padding_mode="border", align_corners=False).squeeze(2)
    batch, channels, *sides = values.shape
    table = values.permute(0, 2, 3, 1).reshape(-1, channels)
    size = torch.tensor(sides[::-1], dtype=values.dtype, device=values.device)  # W, H
    at = (((places + 1) * size - 1) / 2).clamp_min(0).minimum(size - 1)
    low = at.floor()
    share, low = at - low, low.long()
    high = (low + 1).minimum(size.long() - 1)
    first = torch.arange(batch, device=values.device)[:, None] * (sides[0] * sides[1])
    found = torch.zeros(())
    for y, down in ((low[..., 1], 1 - share[..., 1]), (high[..., 1], share[..., 1])):
        for x, across in ((low[..., 0], 1 - share[..., 0]), (high[..., 0], share[..., 0])):
            found = found + table[first + y * sides[1] + x] * (down * across).unsqueeze(2)
    return found.transpose(1, 2)


def _conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return conv_bn(inputs, outputs, kernel, stride, activation=nn.ReLU(inplace=True))


def _grids(model: MorphableModel) -> tuple[Tensor, Tensor, Tensor]:
    """Vertices (N, 3), their weights (N, 3), whether there is a surface (N,): at the middles of both grids' cells."""
    atlas, rows = UVAtlas.from_model(model, size=CHART), []
    for cell in CELLS:
        middle = slice(cell // 2, None, cell)
        tables = atlas.corners.long(), atlas.barycentrics, atlas.triangle_ids >= 0
        rows.append([table[middle, middle].flatten(0, 1) for table in tables])
    corners, weights, covered = (torch.cat(parts) for parts in zip(*rows))
    return corners, weights, covered
