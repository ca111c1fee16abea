"""``pyface3d register`` and ``pyface3d convert-params``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pyface3d.cli.command import CommandError, screen

if TYPE_CHECKING:
    from pyface3d.fitting import Correspondence
    from pyface3d.morphable import MorphableModel

_RED = 3.0  # millimeters that are drawn red
_SIDE = 400

FaceModel = Annotated[
    str, typer.Argument(help="A face model's file; 'default': the embedded face.", show_default=False)
]
Map = Annotated[Path | None, typer.Option(help="Where that model has iBUG's 68: eos' .txt, FLAME's .pkl or .npz.")]


def register(
    first: FaceModel,
    second: FaceModel,
    out: Annotated[Path, typer.Option("--out", "-o", help="Correspondence to write, .npz; a picture .png beside it.")],
    first_map: Map = None,
    second_map: Map = None,
) -> dict[str, Any]:
    """Find which point of one face model each vertex of another is, so that parameters of either become the other's.

    [bold]Example:[/bold] pyface3d register default sfm_shape_3448.bin --second-map ibug_to_sfm.txt --out ict_sfm.npz
    """
    from pyface3d.fitting import register_models, save_correspondence
    from pyface3d.morphable import read_landmark_map

    models = [_model(first), _model(second)]
    maps = [
        "ibug68" if given is None else read_landmark_map(given, model)
        for given, model in zip((first_map, second_map), models)
    ]
    there, back = register_models(models[0], models[1], *maps)
    save_correspondence(out, there, back)
    picture = out.with_suffix(".png")
    _draw(picture, models[1], there)
    ways = [_told(models[0], models[1], there), _told(models[1], models[0], back)]
    screen.table(["from", "to", "vertices found, %", "surfaces apart, mm", "faces apart, mm"], ways)
    screen.say(f"wrote {out} and {picture}")
    names = ("from", "to", "found", "surfaces", "faces")
    return {"file": str(out), "picture": str(picture), "ways": [dict(zip(names, way)) for way in ways]}


def convert_params(
    params: Annotated[Path, typer.Argument(help="Rows of coefficients, .npy, or of 12 of a pose before them.")],
    correspondence: Annotated[Path, typer.Option(help="What `pyface3d register` wrote.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Rows of the other model to write, .npy.")],
    back: Annotated[bool, typer.Option("--back", help="The parameters are those of the second model.")] = False,
) -> dict[str, Any]:
    """Turn parameters of one face model into those of another, and say how far apart the surfaces are.

    [bold]Example:[/bold] pyface3d convert-params faces.npy --correspondence ict_sfm.npz --out surrey.npy
    """
    import numpy as np
    import torch

    from pyface3d.atomic import atomic_write
    from pyface3d.fitting import read_correspondence
    from pyface3d.foreign.arrays import read_npy

    rows = read_npy(params, "convert-params")
    rows = rows[None] if rows.ndim == 1 else rows
    if rows.ndim != 2 or rows.dtype.kind not in "fiu":
        raise CommandError(f"convert-params: {params} must hold rows of numbers, got {rows.dtype} {rows.shape}")
    way = read_correspondence(correspondence)[back]
    given = torch.from_numpy(rows.astype(np.float32))
    found = way.translate_params(given)
    errors = way.surface_error(given[:, -way.matrix.shape[1] :])
    with atomic_write(out) as stream:
        np.save(stream, found.numpy())
    mean, most = (float(errors.mean()), float(errors.max())) if len(errors) else (0.0, 0.0)
    screen.say(f"surfaces are {mean:.2f} mm apart on average, {most:.2f} mm at most; wrote {out}")
    return {"file": str(out), "faces": len(rows), "mm": errors.tolist()}


def _model(path: str) -> "MorphableModel":
    from pyface3d.morphable import MorphableModel, load_model

    return MorphableModel.default() if path == "default" else load_model(path)


def _told(source: "MorphableModel", target: "MorphableModel", way: "Correspondence") -> list[Any]:
    """Names, share of the vertices with a partner, and how far surfaces, and faces drawn at random, are apart."""
    import torch

    from pyface3d.morphable.content import METERS

    here = way.points.mask
    apart = 1e3 * METERS.get(target.unit, torch.nan) * float(way.distance[here].mean())
    faces = source.sample(32, torch.Generator().manual_seed(0)).cpu()
    return [source.name, target.name, 100 * float(here.double().mean()), apart, float(way.surface_error(faces).mean())]


def _draw(path: Path, model: "MorphableModel", way: "Correspondence") -> None:
    """The second mean from three sides: white where the first was bent onto it, red where not, blue without partner."""
    import numpy as np

    from pyface3d.morphable.content import METERS
    from pyface3d.render import save_picture, shade

    millimeters = 1e3 * METERS.get(model.unit, 1e-3) * way.distance.numpy()
    red = np.clip(millimeters / _RED, 0, 1)[:, None]
    colors = (1 - red) * [0.92, 0.92, 0.9] + red * [0.85, 0.1, 0.05]
    colors[~way.points.mask.numpy()] = [0.45, 0.6, 0.85]
    mean = model.mean.detach().cpu().double().numpy()
    mean = (mean - (mean.max(0) + mean.min(0)) / 2) / np.ptp(mean, 0).max() * 0.9 * _SIDE
    views, triangles = [], model.triangles.cpu().numpy()
    for yaw in (-0.9, 0.0, 0.9):
        x, y, z = mean.T
        turned = np.stack([x * np.cos(yaw) + z * np.sin(yaw), -y, z * np.cos(yaw) - x * np.sin(yaw)], 1)
        views.append(shade(turned + _SIDE / 2, triangles, _SIDE, _SIDE, colors=colors))
    save_picture(path, np.concatenate(views, 1))
