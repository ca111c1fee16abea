"""``pyface3d label``."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from pyface3d.cli.arguments import Model
from pyface3d.cli.command import NOTHING_DONE, SOME_FAILED, CommandError, screen
from pyface3d.cli.progress import progress


def label(
    source: Annotated[
        Path, typer.Argument(help="Folder or zip of 300W-LP / AFLW2000-3D images with .mat files.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for crops, labels, maps and the report.")],
    model: Model = None,
    maps: Annotated[int | None, typer.Option(min=8, help="Also write position maps of this side in texels.")] = None,
    framing: Annotated[Literal["3ddfa", "prnet"], typer.Option(help="Whose crop.")] = "3ddfa",
) -> dict[str, Any]:
    """Make training labels of 300W-LP's files: crops, parameters in the crop's frame, landmarks, position maps.

    The labels belong to the Basel face: name it with --model (without it, landmarks stay as they are in the files).

    [bold]Example:[/bold] pyface3d label 300W-LP/AFW --model 01_MorphableModel.mat --maps 256 --out labels
    """
    from pyface3d.atlas import UVAtlas
    from pyface3d.data.labeled import label_faces
    from pyface3d.morphable import load_model

    face_model = load_model(model) if model else None
    if maps is not None and face_model is None:
        raise CommandError("--maps needs the face model of the labels: name it with --model", 2)
    atlas = UVAtlas.from_model(face_model, size=maps) if maps is not None and face_model is not None else None
    with progress("faces") as advance:
        report = label_faces(
            source, out, face_model, atlas, framing=framing, progress=lambda done, total: advance(total)
        )
    screen.say(f"{report}; in {out}")
    result = {"folder": str(out), "total": report.total, "refused": report.refused}
    if report.refused:
        code = NOTHING_DONE if len(report.refused) == report.total else SOME_FAILED
        raise CommandError(f"{len(report.refused)} files of {report.total} refused: {out}/report.json", code, result)
    return result
