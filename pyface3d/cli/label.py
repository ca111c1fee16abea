"""``pyface3d label``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pyface3d.cli.arguments import Detector, Space, Weights
from pyface3d.cli.command import NOTHING_DONE, SOME_FAILED, CommandError, screen
from pyface3d.cli.progress import progress

if TYPE_CHECKING:
    from pyface3d.atlas import UVAtlas
    from pyface3d.morphable import MorphableModel


def label(
    source: Annotated[
        Path,
        typer.Argument(
            help="300W-LP's images with .mat files; with --teacher photos, a set or synthetic:COUNT.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for crops, labels, maps and the report.")],
    model: Annotated[str | None, typer.Option(help="Face model of the labels.")] = None,
    maps: Annotated[int | None, typer.Option(min=8, help="Also write position maps of this side in texels.")] = None,
    framing: Annotated[Literal["3ddfa", "prnet"], typer.Option(help="Whose crop, of .mat files.")] = "3ddfa",
    teacher: Annotated[
        list[str] | None,
        typer.Option(help="Method, or openseeface=FILE.onnx, peppa=FILE.onnx; @SHARE behind it; repeated: their mean."),
    ] = None,
    weights: Weights = None,
    teacher_model: Annotated[str | None, typer.Option(help="Face model of the teacher's weights.")] = None,
    space: Space = None,
    head_pose: Annotated[Path | None, typer.Option(help="opentrack's head-pose ONNX file: a second opinion.")] = None,
    views: Annotated[int, typer.Option(min=1, help="Crops of each face; each is seen mirrored, too.")] = 7,
    points: Annotated[Path | None, typer.Option(help="CSV, JSON or npz: name and landmarks by people.")] = None,
    points_weight: Annotated[float, typer.Option(min=0, help="What such a point counts; a teacher's counts 1.")] = 3.0,
    detector: Detector = "yunet",
    size: Annotated[int, typer.Option(min=16, help="Side of the crops of teachers' labels in pixels.")] = 120,
    least_confidence: Annotated[float, typer.Option(min=0, max=1, help="Labels below are refused.")] = 0.0,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many photos, of teachers' labels.")] = None,
) -> dict[str, Any]:
    """Make training labels: crops, parameters in the crop's frame, landmarks, position maps.

    Without --teacher they are those of 300W-LP's files and belong to the Basel face: name it with --model (without it,
    landmarks stay as they are in the files). With --teacher any photos are labeled: the face model is fitted to the
    mean of what teachers find in several crops and their mirror images, and to what people marked.

    [bold]Example:[/bold] pyface3d label 300W-LP/AFW --model 01_MorphableModel.mat --maps 256 --out labels

    [bold]Example:[/bold] pyface3d label photos/ --teacher compact --points human.csv --out labels
    """
    from pyface3d.atlas import UVAtlas
    from pyface3d.morphable import MorphableModel, load_model

    face_model = load_model(model) if model else MorphableModel.default() if teacher else None
    if maps is not None and face_model is None:
        raise CommandError("--maps needs the face model of the labels: name it with --model", 2)
    atlas = UVAtlas.from_model(face_model, size=maps) if maps is not None and face_model is not None else None
    if teacher:
        owned = {"weights": weights, "model": teacher_model, "space": space}
        options = {"views": views, "marked": points_weight, "detector": detector, "size": size, "limit": limit}
        options |= {"least_confidence": least_confidence}
        report = _by_teachers(source, out, teacher, owned, head_pose, points, model=face_model, atlas=atlas, **options)
    else:
        report = _of_files(source, out, face_model, atlas, framing)
    screen.say(f"{report}; in {out}")
    result = {"folder": str(out), "total": report.total, "refused": report.refused}
    if report.refused or not report.total:
        code = NOTHING_DONE if len(report.refused) == report.total else SOME_FAILED
        raise CommandError(f"{len(report.refused)} files of {report.total} refused: {out}/report.json", code, result)
    return result


def _of_files(source: Path, out: Path, model: "MorphableModel | None", atlas: "UVAtlas | None", framing: str) -> Any:
    """Labels that data sets ship."""
    from pyface3d.data.labeled import label_faces

    with progress("faces") as advance:
        return label_faces(source, out, model, atlas, framing=framing, progress=lambda done, total: advance(total))


def _by_teachers(
    source: Path,
    out: Path,
    names: list[str],
    owned: dict[str, str | None],
    head_pose: Path | None,
    points: Path | None,
    **options: Any,
) -> Any:
    """Labels of photos by networks; weight file, face model and whitening belong to the methods among them."""
    from pyface3d.reconstructor.given_places import read_places
    from pyface3d.teachers import HeadPose, label_photos, load_teacher

    teachers = [load_teacher(name, **owned) for name in names]
    options["places"] = None if points is None else read_places(points, "landmarks")
    options["head_pose"] = None if head_pose is None else HeadPose(head_pose)
    with progress("faces") as advance:
        return label_photos(source, out, teachers, progress=advance, **options)
