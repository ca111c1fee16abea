"""``pyface3d landmarks``: where the landmarks of a convention lie on a face model."""

from pathlib import Path
from typing import Annotated, Any

import typer

from pyface3d.cli.arguments import Model
from pyface3d.cli.command import CommandError, register, screen

landmarks = typer.Typer(
    help="The landmark sets of a face model: show them, or place one by labels.", no_args_is_help=True
)


def show(model: Model = None) -> dict[str, Any]:
    """The landmark sets that a face model has.

    [bold]Example:[/bold] pyface3d landmarks show
    """
    from pyface3d.morphable import MorphableModel, load_model

    face = load_model(model) if model else MorphableModel.default()
    rows = [[name, len(points), int(points.mask.sum())] for name, points in face.landmark_sets.items()]
    screen.table(["set", "points", "on the model"], rows, title=f"landmarks of {face.name}")
    return {"model": face.name, "sets": {name: {"points": count, "present": here} for name, count, here in rows}}


def calibrate(
    points: Annotated[
        Path,
        typer.Argument(help="Labels of many faces: .npy or .npz, (B, L, 2) pixels, y down; NaN: not visible."),
    ],
    name: Annotated[str, typer.Option("--set", help="Name of the set to place, for example aflw21.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Face model to write, with the set: .safetensors or .npz.")],
    model: Model = None,
    anchors: Annotated[
        Path | None,
        typer.Option(help="The 300w-lp points (B, 68, 2) of the same pictures, for a set that the model cannot start."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Fits and moves; three are enough for most sets.")] = 3,
    symmetric: Annotated[
        bool, typer.Option("--symmetric/--free", help="Mirror sides alike, for 5, 21, 68 and 81 points.")
    ] = True,
) -> dict[str, Any]:
    """Place a landmark set on a face model by labels: faces are fitted, the points moved to where the labels are.

    [bold]Example:[/bold] pyface3d landmarks calibrate aflw.npz --set aflw21 --out face.safetensors
    """
    from pyface3d.data.schemes import mirror_permutation
    from pyface3d.fitting import calibrate_landmarks, read_landmarks
    from pyface3d.morphable import MorphableModel, load_model

    face = load_model(model) if model else MorphableModel.default()
    labels = read_landmarks(points)
    start = None if anchors is not None and name not in face.landmark_sets else name
    try:
        mirror = mirror_permutation(labels.shape[1]) if symmetric else None
    except ValueError as error:
        raise CommandError(f"{error}; pass --free") from error
    given = None if anchors is None else read_landmarks(anchors)
    found = calibrate_landmarks(labels, face, start, anchors=given, mirror=mirror, rounds=rounds)
    face.with_landmarks({name: found.points}).save(out)
    steps = " -> ".join(f"{100 * value:.2f}" for value in found.residuals)
    screen.say(f"{name}: residual {steps} % of the face's size; wrote {out}")
    return {"model": str(out), "set": name, "residuals": found.residuals}


register(landmarks, show)
register(landmarks, calibrate)
