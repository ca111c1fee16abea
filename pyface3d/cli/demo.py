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
    """Reconstruct the face of an embedded, made-up picture: a page to turn it in, and meshes. The first thing to run.

    [bold]Example:[/bold] pyface3d demo --out demo
    """
    start = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    from pyface3d.reconstructor import Reconstructor, demo_picture

    face = Reconstructor()(demo_picture())[0]
    angles = ", ".join(f"{name} {degrees:.0f}°" for name, degrees in face.angles.items())
    screen.say(f"found a face: {len(face.vertices):,} vertices, {angles}")
    files = [face.save(out / name) for name in ("face.html", "face.glb", "face.obj", "face-overlay.png")]
    for file in files:
        screen.say(f"wrote [bold]{file}[/bold]")
    seconds = time.perf_counter() - start
    screen.say(f"{seconds:.1f} s. Open {files[0]} in a browser to turn the face.")
    return {
        "files": [str(file) for file in files],
        "vertices": len(face.vertices),
        "method": face.method,
        **face.angles,
        "seconds": round(seconds, 3),
    }
