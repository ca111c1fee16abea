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
    """Reconstruct the faces of two embedded pictures, a real and a made-up one. The first thing to run.

    Writes a page to turn them in, and meshes of the real one (NASA's portrait of Eileen Collins, public domain).

    [bold]Example:[/bold] pyface3d demo --out demo
    """
    start = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    from pyface3d.methods.loading import has_weights

    files = _reconstruct(out) if has_weights("compact") else _draw_mean_face(out)
    for file in files:
        screen.say(f"wrote {file}", style="bold")
    seconds = time.perf_counter() - start
    screen.say(f"{seconds:.1f} s. Open {files[0]} in a browser to turn the face.")
    return {"files": [str(file) for file in files], "seconds": round(seconds, 3)}


def _reconstruct(out: Path) -> list[Path]:
    from pyface3d.images import demo_picture
    from pyface3d.page.faces import write_faces_page
    from pyface3d.reconstructor import Reconstructor

    reconstruct = Reconstructor()
    faces = [reconstruct(demo_picture(name))[0] for name in ("astronaut", "portrait")]
    for face in faces:
        angles = ", ".join(f"{name} {degrees:.0f}°" for name, degrees in face.angles.items())
        screen.say(f"found a face in {face.photo.name}: {len(face.vertices):,} vertices, {angles}")
    page = write_faces_page(out / "face.html", faces, title="The embedded pictures")
    return [page, *(faces[0].save(out / name) for name in ("face.glb", "face.obj", "face-overlay.png"))]


def _draw_mean_face(out: Path) -> list[Path]:
    """What a source tree without weights can show."""
    import numpy as np
    import torch

    from pyface3d.export import save_mesh
    from pyface3d.export.named import named_mesh
    from pyface3d.morphable import MorphableModel
    from pyface3d.page import PageFace, write_page

    screen.say("no weights are packaged here: this is the mean face")
    model = MorphableModel.default("head", expression="blendshapes")
    files = [out / "face.html", out / "face.glb", out / "face.obj"]
    write_page(files[0], [PageFace("mean face", np.zeros(model.n_coeffs))], model, title="The embedded face")
    for file in files[1:]:
        face = MorphableModel.default()
        save_mesh(file, named_mesh(face, torch.zeros(face.n_coeffs)))
    return files
