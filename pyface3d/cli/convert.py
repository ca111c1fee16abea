"""``pyface3d convert``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from pyface3d.cli.arguments import Model
from pyface3d.cli.command import screen


def convert(
    source: Annotated[Path, typer.Argument(help="Face model, position map or mesh.", show_default=False)],
    target: Annotated[
        Path,
        typer.Argument(help="To write: .safetensors, .npz, .obj, .ply, .glb, .npy, .png, .exr.", show_default=False),
    ],
    more: Annotated[
        list[Path] | None, typer.Option(help="Further file of a face model (trimming, expressions); may be repeated.")
    ] = None,
    model: Model = None,
    size: Annotated[int, typer.Option(min=8, help="Side of a position map that is written.")] = 256,
) -> dict[str, Any]:
    """Convert face models, position maps and meshes, by their content and the target's suffix.

    [bold]Example:[/bold] pyface3d convert 01_MorphableModel.mat bfm.safetensors --more model_info.mat
    """
    from pyface3d.export.convert import convert as convert_file
    from pyface3d.morphable import load_model

    written = convert_file(source, target, model=load_model(model) if model else None, size=size, more=more or ())
    screen.say(f"wrote {written}")
    return {"file": str(written)}
