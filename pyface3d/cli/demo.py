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
    """Draw the embedded face: a page to turn it in and mesh files. The first thing to run.

    [bold]Example:[/bold] pyface3d demo --out demo
    """
    start = time.perf_counter()
    import numpy as np
    import trimesh

    from pyface3d.morphable import MorphableModel
    from pyface3d.page import PageFace, write_page

    model = MorphableModel.default("head", expression="blendshapes")
    mesh = trimesh.Trimesh(model.mean.numpy(), model.triangles.numpy(), process=False)
    out.mkdir(parents=True, exist_ok=True)
    files = [out / "face.html", out / "face.obj", out / "face.glb"]
    write_page(files[0], [PageFace("mean face", np.zeros(model.n_coeffs))], model, title="The embedded face")
    for file in files[1:]:
        mesh.export(file)
    for file in files:
        screen.say(f"wrote [bold]{file}[/bold]")
    screen.say(f"{time.perf_counter() - start:.1f} s. Open {files[0]} in a browser to turn the face.")
    return {"files": [str(file) for file in files], "vertices": model.n_vertices}
