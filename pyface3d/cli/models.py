"""``pyface3d models``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from pyface3d.cli.command import screen


def models(
    path: Annotated[
        Path | None, typer.Argument(help="A face model file or folder to describe.", show_default=False)
    ] = None,
) -> dict[str, Any]:
    """List the methods and the embedded face models, or describe a face model of your own.

    [bold]Example:[/bold] pyface3d models 01_MorphableModel.mat
    """
    from pyface3d.morphable import MorphableModel, load_model

    if path is not None:
        found = [_describe(load_model(path))]
        methods: list[str] = []
    else:
        from pyface3d.methods import list_methods

        found = [_describe(MorphableModel.default(parts=parts), parts) for parts in ("face", "head")]
        methods = list_methods()
        screen.table(["method"], [[name] for name in methods], title="methods (pyface3d.create_method)")
    screen.table(
        ["face model", "vertices", "triangles", "identity", "expression", "unit"],
        [[m[key] for key in ("name", "vertices", "triangles", "identity", "expression", "unit")] for m in found],
        title="face models",
    )
    return {"methods": methods, "face_models": found}


def _describe(model: Any, parts: str | None = None) -> dict[str, Any]:
    return {
        "name": f'{model.name} (parts="{parts}")' if parts else model.name,
        "vertices": model.n_vertices,
        "triangles": len(model.triangles),
        "identity": model.n_identity,
        "expression": model.n_expression,
        "unit": model.unit,
        "hash": model.hash(),
    }
