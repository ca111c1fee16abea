"""Albedo of a batch of faces: skin, brows, lips, beard, lashes and eyes, painted where ``Regions`` says they are."""

import torch
from torch import Tensor

from pyface3d.data.synthetic.draws import Draws
from pyface3d.data.synthetic.noise import look_up
from pyface3d.data.synthetic.regions import Regions

# sRGB skin tones, light to dark; an image mixes two neighbors and tints the result.
SKIN_TONES = (
    (0.96, 0.80, 0.71), (0.92, 0.72, 0.60), (0.85, 0.63, 0.50), (0.74, 0.52, 0.39),
    (0.58, 0.39, 0.28), (0.42, 0.27, 0.20), (0.27, 0.17, 0.13),
)  # fmt: skip
TONE_WEIGHTS = (2.0, 3.0, 3.0, 2.0, 1.2, 1.0)  # chance of each pair of neighbors
# sRGB hair: black, dark brown, brown, light brown, blond, red, gray.
HAIR_TONES = (
    (0.05, 0.04, 0.04), (0.16, 0.10, 0.07), (0.30, 0.20, 0.13), (0.45, 0.32, 0.20),
    (0.75, 0.60, 0.38), (0.50, 0.22, 0.10), (0.65, 0.64, 0.62),
)  # fmt: skip
HAIR_WEIGHTS = (3.0, 3.0, 2.0, 1.5, 1.5, 0.6, 1.0)
IRIS_TONES = ((0.20, 0.11, 0.06), (0.33, 0.20, 0.10), (0.30, 0.33, 0.20), (0.30, 0.42, 0.52), (0.40, 0.45, 0.48))

FIELDS = ("chart", "azimuth", "brow", "brow_line", "lips", "eyes", "beard", "moustache", "cheeks", "nose", "ears")
Fields = dict[str, Tensor]  # the fields of Regions over the S painted vertices of the skin


def linear(srgb: Tensor) -> Tensor:
    """Linear light of display values in [0, 1] (gamma 2.2)."""
    return srgb.clamp_min(0) ** 2.2


def tone(draws: Draws, tones: tuple[tuple[float, ...], ...], weights: tuple[float, ...], spread: float) -> Tensor:
    """(B, 3) linear colors: a tone mixed with its lighter or darker neighbor and tinted."""
    table = torch.tensor(tones)
    first = draws.pick(weights)
    mixed = torch.lerp(table[first], table[(first + 1).clamp_max(len(tones) - 1)], draws.uniform()[:, None])
    return linear((mixed * (1 + draws.normal(spread, 3))).clamp(0.02, 1.0))


class Paint:
    """Paints the vertices of a model, a batch at a time."""

    def __init__(self, regions: Regions):
        self.regions = regions
        self.field = {name: getattr(regions, name).movedim(0, -1).contiguous() for name in FIELDS}  # (N,), chart (2, N)
        self.parts = {name: mask.nonzero()[:, 0] for name, mask in regions.part.items()}
        self.gaze = {name: regions.gaze_angle(name) for name in regions.part if name.startswith("eyeball")}

    def __call__(self, draws: Draws, hair: Tensor, bald: Tensor, shown: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Paints the vertices that are shown, in an order of its own.

        Args:
            draws: random numbers of the batch.
            hair: (B, 3) linear color of the hair.
            bald: (B,) bool, no hair painted on the scalp.
            shown: (N,) bool.

        Returns:
            ids (P,) of the painted vertices, their albedo (B, 3, P), linear, and gloss (B, P).
        """
        skin = (self.regions.skin & shown).nonzero()[:, 0]
        fields = {name: field[..., skin] for name, field in self.field.items()}
        painted = [(skin, *self._skin(draws, fields, hair, bald)), *self._inner_parts(draws, shown)]
        ids, albedo, gloss = zip(*painted)
        return torch.cat(ids), torch.cat(albedo, 2), torch.cat(gloss, 1)

    def _skin(self, draws: Draws, f: Fields, hair: Tensor, bald: Tensor) -> tuple[Tensor, Tensor]:
        color = tone(draws, SKIN_TONES, TONE_WEIGHTS, 0.05)
        shift, zoom = draws.uniform(0, 1, 2)[..., None], draws.log_uniform(0.1, 0.35)[:, None, None]
        noise = look_up(f["chart"] * zoom + shift)  # (B, 4, S)
        mottle = (noise * draws.uniform(0.0, 1.0, 4)[..., None] * torch.tensor([[0.08], [0.06], [0.05], [0.05]])).sum(1)
        albedo = color[..., None] * (1 + mottle[:, None])  # (B, 3, S)
        redness = draws.uniform(0, 0.25)[:, None] * f["cheeks"] + draws.uniform(0, 0.25)[:, None] * f["nose"]
        redness = redness + draws.uniform(0, 0.15)[:, None] * f["ears"]
        albedo = albedo * (1 - redness[:, None] * torch.tensor([[0.1], [0.7], [0.6]]))
        freckled = draws.chance(0.2) * draws.uniform(0.1, 0.35)
        freckles = freckled[:, None] * (noise[:, 3] > 1.6) * (noise[:, 0] > -0.5)
        albedo = albedo * (1 - freckles[:, None])
        female = draws.chance(0.5)
        albedo = _eyes(draws, f, albedo, color, female)
        albedo, lip_gloss = _lips(draws, f, albedo, color, female)
        albedo = _facial_hair(draws, f, albedo, hair, noise, female)
        albedo = _scalp(draws, f, albedo, hair, bald, noise)
        albedo = _clothes(draws, f, albedo)
        base = draws.uniform(0.05, 0.5)[:, None] * (1 + 0.2 * noise[:, 2]).clamp_min(0)
        return albedo, base + lip_gloss

    def _inner_parts(self, draws: Draws, shown: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Mouth, teeth and eyes: for each part what ``__call__`` returns."""
        flesh = linear(torch.stack([draws.uniform(0.35, 0.75), draws.uniform(0.1, 0.35), draws.uniform(0.1, 0.35)], 1))
        ivory = linear(torch.stack([draws.uniform(0.75, 1.0), draws.uniform(0.7, 0.95), draws.uniform(0.55, 0.9)], 1))
        pink = torch.tensor([1.0, 0.85, 0.83])
        white = linear(draws.uniform(0.5, 0.85)[:, None] * torch.lerp(pink, torch.ones(3), draws.color()))
        colors = {"mouth_socket": (flesh * 0.5, 0.2), "gums_and_tongue": (flesh, 0.5), "teeth": (ivory, 0.6)}
        colors |= {"eye_socket_left": (flesh, 0.2), "eye_socket_right": (flesh, 0.2)}
        colors |= {"eyeball_left": (white, 0.4), "eyeball_right": (white, 0.4)}
        iris, size = tone(draws, IRIS_TONES, (1,) * len(IRIS_TONES), 0.1), draws.uniform(0.36, 0.44)[:, None]
        pupil = size * draws.uniform(0.3, 0.6)[:, None]
        painted = []
        for name, ids in self.parts.items():
            color, shine = colors.get(name, (flesh, 0.2))
            here = shown[ids]
            ids = ids[here]
            albedo, gloss = color[..., None].expand(-1, -1, len(ids)), torch.full((draws.batch, len(ids)), shine)
            if name in self.gaze:
                angle = self.gaze[name][here]
                albedo = _cover(albedo, torch.sigmoid((size - angle) / 0.03), iris)
                albedo = _cover(albedo, torch.exp(-(((angle - size) / 0.06) ** 2)) * 0.7, iris * 0.2)
                albedo = _cover(albedo, torch.sigmoid((pupil - angle) / 0.03), torch.full_like(iris, 0.003))
            painted.append((ids, albedo, gloss))
        return painted


def _eyes(draws: Draws, f: Fields, albedo: Tensor, color: Tensor, female: Tensor) -> Tensor:
    eyes, above = f["eyes"], (f["chart"][1] > 0).float()
    shadow = torch.exp(-((eyes / draws.uniform(0.06, 0.14)[:, None]) ** 2))
    makeup = (female & draws.chance(0.4)) * draws.uniform(0.1, 0.7)
    albedo = _cover(albedo, shadow * (above * makeup[:, None]), linear(draws.color(0.05, 0.6)))
    albedo = _cover(albedo, shadow * draws.uniform(0, 0.4)[:, None], color * torch.tensor([0.55, 0.4, 0.4]))
    width = torch.where(female, draws.uniform(0.012, 0.04), draws.uniform(0.006, 0.018))[:, None]
    lashes = torch.exp(-((eyes / width) ** 2)) * (0.35 + 0.65 * above)
    return _cover(albedo, lashes * draws.uniform(0.3, 1.0)[:, None], torch.full_like(color, 0.01))


def _lips(draws: Draws, f: Fields, albedo: Tensor, color: Tensor, female: Tensor) -> tuple[Tensor, Tensor]:
    mask = torch.sigmoid(-f["lips"] / draws.uniform(0.006, 0.02)[:, None])
    natural = color * torch.stack([draws.uniform(0.65, 1.0), draws.uniform(0.3, 0.65), draws.uniform(0.3, 0.7)], 1)
    stick = linear(torch.stack([draws.uniform(0.4, 0.85), draws.uniform(0.02, 0.4), draws.uniform(0.05, 0.45)], 1))
    painted = female & draws.chance(0.6)
    strength = torch.where(painted, draws.uniform(0.4, 0.95), draws.uniform(0.2, 0.8))
    albedo = _cover(albedo, mask * strength[:, None], torch.where(painted[:, None], stick, natural))
    return albedo, mask * draws.uniform(0.0, 0.6)[:, None]


def _facial_hair(draws: Draws, f: Fields, albedo: Tensor, hair: Tensor, noise: Tensor, female: Tensor) -> Tensor:
    strands = 0.75 + 0.25 * noise[:, 3].clamp(-1, 1)
    width = draws.log_uniform(0.03, 0.09)[:, None] * (1.15 - 0.6 * f["brow_line"])
    brow = torch.exp(-((f["brow"] / width) ** 4)) * strands
    dark = hair * draws.uniform(0.3, 0.9)[:, None]
    albedo = _cover(albedo, brow * draws.uniform(0.2, 1.0)[:, None], dark)
    style = draws.pick((4.0, 2.5, 2.0, 1.0, 1.0))  # shaved, stubble, full beard, moustache, chin
    male = (~female).float()
    full, lip, chin = draws.uniform(0.5, 1.0), draws.uniform(0.4, 1.0), draws.uniform(0.5, 1.0)
    zero = torch.zeros(())
    beard = torch.where(style == 1, draws.uniform(0.05, 0.4), torch.where(style == 2, full, zero)) * male
    moustache = torch.where(style == 3, lip, torch.where(style == 4, 0.8 * chin, beard)) * male
    goatee = torch.where(style == 4, chin, zero) * male
    about_chin = (1 - (f["azimuth"] / 0.35) ** 2).clamp(0, 1)
    patchy = strands * (1 + 0.3 * noise[:, 1]).clamp(0, 1.2)
    mask = torch.maximum(beard[:, None] * f["beard"], goatee[:, None] * f["beard"] * about_chin)
    mask = torch.maximum(mask, moustache[:, None] * f["moustache"]) * patchy
    return _cover(albedo, mask.clamp(0, 1), dark)


def _scalp(draws: Draws, f: Fields, albedo: Tensor, hair: Tensor, bald: Tensor, noise: Tensor) -> Tensor:
    line = draws.uniform(0.58, 0.9)[:, None] + 0.04 * noise[:, 1]  # height of the hairline over the eyes
    beside = ((f["azimuth"].abs() - 0.75) / 0.5).clamp(0, 1)
    behind = ((f["azimuth"].abs() - 1.75) / 0.3).clamp(0, 1)
    edge = line * (1 - beside) + (0.05 - 0.8 * behind) * beside
    mask = torch.sigmoid((f["chart"][1] - edge) / draws.uniform(0.01, 0.06)[:, None]) * (1 - f["ears"])
    mask = mask * torch.where(bald, draws.uniform(0, 0.25), draws.uniform(0.6, 1.0))[:, None]
    strands = 1 + 0.35 * noise[:, 3:] + 0.2 * noise[:, 2:3]
    return torch.lerp(albedo, (hair[..., None] * strands).clamp(0.002, 1), mask[:, None])


def _clothes(draws: Draws, f: Fields, albedo: Tensor) -> Tensor:
    collar = draws.uniform(-2.3, -1.45)[:, None] - draws.uniform(-0.2, 0.5)[:, None] * torch.cos(f["azimuth"])
    mask = torch.sigmoid((collar - f["chart"][1]) / 0.02)
    return _cover(albedo, mask, linear(draws.color() * draws.uniform(0.1, 1.0)[:, None]))


def _cover(albedo: Tensor, mask: Tensor, color: Tensor) -> Tensor:
    """Color (B, 3) over albedo (B, 3, S) where mask (B, S) is 1."""
    return torch.lerp(albedo, color[..., None], mask[:, None])
