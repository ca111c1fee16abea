"""``pyface3d profile``."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pyface3d.cli.arguments import Detector, MethodOption, Model, Space, Weights
from pyface3d.cli.command import NOTHING_DONE, SOME_FAILED, CommandError, screen
from pyface3d.cli.progress import progress

if TYPE_CHECKING:
    from pyface3d.data.profiling import PhotographedFace

_MOST_YAWS = 361  # of a photo: a full turn in degrees


def profile(
    images: Annotated[
        list[str], typer.Argument(help="Photos, folders, zips or patterns of nearly frontal faces.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Label folder to write.", show_default=False)],
    yaw: Annotated[str, typer.Option(help="Yaws in degrees: first:last:step, or a list with commas.")] = "-90:90:15",
    spread: Annotated[float, typer.Option(min=0, help="Draw each yaw within so many degrees to either side.")] = 0.0,
    pitch: Annotated[float, typer.Option(min=0, help="Standard deviation of pitch in degrees.")] = 0.0,
    jitter: Annotated[float, typer.Option(min=0, help="Standard deviation of the crop, as a part of its side.")] = 0.0,
    most_guessed: Annotated[
        float, typer.Option(min=0, max=1, help="Part of the face that a photo need not show.")
    ] = 0.3,
    landmarks: Annotated[
        Path | None,
        typer.Option(
            help="CSV, JSON or npz: name and landmarks (68, 478, ...), of photos that count; default: by --method."
        ),
    ] = None,
    method: MethodOption = None,
    weights: Weights = None,
    model: Model = None,
    space: Space = None,
    detector: Detector = "yunet",
    size: Annotated[int, typer.Option(min=16, help="Side of the crops in pixels.")] = 120,
    seed: Annotated[int, typer.Option(min=0, help="Of yaws, pitches and crops.")] = 0,
    sheet: Annotated[Path | None, typer.Option(help="Also draw the first photos' views to this picture.")] = None,
) -> dict[str, Any]:
    """Turn photographed faces to the side (face profiling): crops with exact labels of the default face.

    The default face is fitted to the landmarks of each photo, lifted with its surroundings, turned and rendered. The
    folder trains every method: see `pyface3d train`.

    [bold]Example:[/bold] pyface3d profile portraits/ --yaw -90:90:15 --out profiled --sheet sheet.png
    """
    from pyface3d.data.dataset import Report
    from pyface3d.data.labeled import write_labels
    from pyface3d.data.profiling import Profiler, Views, profile_faces
    from pyface3d.data.profiling.sheet import Sheet

    views = Views(_yaws(yaw), spread, pitch, jitter, most_guessed, seed)
    profiler, report = Profiler(size=size), Report()
    if landmarks is None:
        faces = _reconstructed(images, report, method=method, weights=weights, model=model, space=space,
                               detector=detector)  # fmt: skip
    else:
        faces = _given(images, landmarks, report)
    drawn = Sheet(views.yaws, size) if sheet else None
    with progress("views") as advance:

        def counted() -> Iterator[Any]:
            for sample in profile_faces(faces, profiler, views, report):
                if drawn is not None:
                    drawn.add(sample)
                advance()
                yield sample

        write_labels(counted(), out, profiler.space, report, model=profiler.model)
    if drawn is not None and sheet is not None:
        drawn.save(sheet)
    screen.say(f"{report}; in {out}")
    made = report.total - len(report.refused)
    result = {"folder": str(out), "views": made, "refused": report.refused}
    if report.refused or not made:
        sentence = f"{len(report.refused)} photos gave no view: {out}/report.json"
        raise CommandError(sentence, SOME_FAILED if made else NOTHING_DONE, result)
    return result


def _yaws(text: str) -> list[float]:
    """Degrees of ``first:last:step`` or of a list."""
    try:
        yaws = [float(part) for part in text.split("," if ":" not in text else ":")]
        if ":" in text:
            first, last, step = yaws
            count = int((last - first) / step + 1e-6) + 1
            yaws = [first + step * k for k in range(min(count, _MOST_YAWS + 1))]
        if not 1 <= len(yaws) <= _MOST_YAWS or not all(-180 <= yaw <= 180 for yaw in yaws):
            raise ValueError
        return yaws
    except (ValueError, OverflowError, ZeroDivisionError):
        raise CommandError(
            f"--yaw must be first:last:step or numbers with commas, up to {_MOST_YAWS} of -180..180, got {text!r}", 2
        ) from None


def _reconstructed(images: list[str], report: Any, **settings: Any) -> "Iterator[PhotographedFace]":
    """The faces that a method finds."""
    import torch

    from pyface3d.data.profiling import PhotographedFace
    from pyface3d.reconstructor import Reconstructor

    for result in Reconstructor(settings.pop("method"), **settings).iter(images):
        if not result.faces:
            report.total += 1
            report.refused[result.source.name] = result.error or "unreadable label (no face found)"
            continue
        face = result.faces[0]
        pixels = torch.from_numpy(face.photo.pixels).permute(2, 0, 1)
        points = torch.from_numpy(face.landmarks[:, :2] / face.photo.reduction).float()
        yield PhotographedFace(result.source.stem, pixels, points)


def _given(images: list[str], landmarks: Path, report: Any) -> "Iterator[PhotographedFace]":
    """The faces of a file's landmarks."""
    import numpy as np
    import torch

    from pyface3d.data.profiling import PhotographedFace
    from pyface3d.images import find_sources
    from pyface3d.reconstructor.given_places import check_places, find_places, read_places

    places, met = read_places(landmarks, "landmarks"), list[str]()
    for source in find_sources(images):
        place = find_places(places, source.name)
        if place is None:
            continue
        met.append(source.name)
        try:
            if place.problem is not None:
                raise ValueError(place.problem)
            photo = source.read()
        except (OSError, ValueError) as error:
            report.total += 1
            report.refused[source.name] = f"unreadable {'image' if place.problem is None else 'label'} ({error})"
            continue
        points = torch.as_tensor(np.asarray(place.landmarks), dtype=torch.float32)
        points = points[0] if points.ndim == 3 else points
        pixels = torch.from_numpy(photo.pixels).permute(2, 0, 1)
        yield PhotographedFace(source.stem, pixels, points[:, :2] / torch.from_numpy(photo.reduction).float())
    for sentence in check_places(places, met):
        report.total += 1
        report.refused[sentence.split(": ")[0]] = f"unreadable label ({sentence})"
