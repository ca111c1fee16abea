"""``pyface3d fit``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from pyface3d.cli.arguments import Layout, Model
from pyface3d.cli.command import SOME_FAILED, CommandError, screen


def fit(
    landmarks: Annotated[
        Path, typer.Argument(help="Landmarks: .pts, .npy, .npz, .json, .csv, .txt or .mat.", show_default=False)
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Mesh to write, .obj, .glb or .ply; default: beside the file.")
    ] = None,
    model: Model = None,
    points_are: Annotated[
        str | None,
        typer.Option("--set", help="Which points these are, for example wflw98; default: by their number."),
    ] = None,
    points_map: Annotated[
        Path | None, typer.Option("--map", help="Where the model has these points: eos' .txt, FLAME's .pkl or .npz.")
    ] = None,
    contour: Annotated[
        bool, typer.Option("--contour", help="Jaw points mark the visible outline (300W), not the jaw itself.")
    ] = False,
    layout: Layout = None,
    size: Annotated[
        int, typer.Option(min=1, help="Height in pixels of the picture; params are in its frame, y up.")
    ] = 120,
    noise: Annotated[float, typer.Option(min=0, help="How far off landmarks are, as a part of the face.")] = 0.01,
) -> dict[str, Any]:
    """Fit a face model to landmarks (iBUG's 68, MediaPipe's 478, WFLW's 98, AFLW's 21, ...) and write the face.

    [bold]Example:[/bold] pyface3d fit face.pts --contour --out face.glb
    """
    from pyface3d.export import save_mesh
    from pyface3d.export.named import named_mesh
    from pyface3d.fitting import fit_landmarks, read_landmarks
    from pyface3d.morphable import MorphableModel, load_model, read_landmark_map

    points = read_landmarks(landmarks, layout)
    face_model = load_model(model) if model else MorphableModel.default()
    placed = points_are if points_map is None else read_landmark_map(points_map, face_model)
    found = fit_landmarks(points, face_model, landmarks=placed, contour=contour, noise=noise, size=size)
    out = out or landmarks.with_suffix(".glb")
    out.parent.mkdir(parents=True, exist_ok=True)
    fitted = found.coeffs.isfinite().all(1)
    if not fitted.any():
        raise CommandError(f"{landmarks}: no face can be fitted; at least four different landmarks must be visible")
    files = []
    for i in fitted.nonzero()[:, 0].tolist():
        files.append(out if i == 0 else out.with_stem(f"{out.stem}-face{i + 1}"))
        save_mesh(files[-1], named_mesh(face_model, found.coeffs[i].float()))
        screen.say(f"wrote {files[-1]}; landmarks {found.error[i]:.2f} pixels off on average")
    screen.say(f"parameters are in the frame of a picture of {size} pixels, y up")
    result = {
        "files": [str(file) for file in files],
        "error": found.error[fitted].tolist(),
        "size": size,
        "params": found.params[fitted].tolist(),
        "landmarks": _known(found.landmarks[fitted].tolist()),
    }
    if not fitted.all():
        missing = ", ".join(str(i + 1) for i in (~fitted).nonzero()[:, 0].tolist())
        sentence = f"{landmarks}: faces without four different visible landmarks: {missing}"
        raise CommandError(sentence, SOME_FAILED, result)
    return result


def _known(faces: list[list[list[float]]]) -> list[list[list[float] | None]]:
    """Points as JSON has them: null for one that the model lacks."""
    return [[point if point[0] == point[0] else None for point in face] for face in faces]
