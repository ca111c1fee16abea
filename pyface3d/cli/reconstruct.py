"""``pyface3d reconstruct``."""

import itertools
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pyface3d.cli.arguments import Detector, Layout, MethodOption, Model, Space, Weights
from pyface3d.cli.command import NOTHING_DONE, SOME_FAILED, CommandError, rate_said, screen
from pyface3d.cli.progress import progress
from pyface3d.cli.tracking import track_videos

if TYPE_CHECKING:
    from pyface3d.morphable import MorphableModel
    from pyface3d.reconstructor import Reconstructor
    from pyface3d.reconstructor.folder import OutputFolder

DEFAULT_KINDS = "glb,overlay,csv,page"


def reconstruct(
    images: Annotated[
        list[str], typer.Argument(help="Photos, folders, zips, patterns, videos, webcam[:N].", show_default=False)
    ],
    out: Annotated[str, typer.Option("--out", "-o", help="Folder for the results; a URI too with ray.")] = "faces",
    save: Annotated[
        str,
        typer.Option(
            help="What to write, separated by commas: obj, glb, ply, arrays, map, overlay, depth, normals, landmarks, "
            "csv, parquet, page. Pose and landmarks are always written, as JSON. With blendshapes, faces of videos are "
            "followed: blendshapes (CSV), parquet, glb (animated), overlay (MP4)."
        ),
    ] = DEFAULT_KINDS,
    method: MethodOption = None,
    weights: Weights = None,
    model: Model = None,
    space: Space = None,
    faces: Annotated[Literal["largest", "all"], typer.Option(help="Which faces of a photo.")] = "largest",
    detector: Detector = "yunet",
    boxes: Annotated[Path | None, typer.Option(help="CSV, JSON or npz: name and tight boxes of faces.")] = None,
    rois: Annotated[Path | None, typer.Option(help="The same with square crops, used as they are.")] = None,
    landmarks: Annotated[Path | None, typer.Option(help="The same with landmarks to crop around.")] = None,
    layout: Layout = None,
    passes: Annotated[int, typer.Option(min=1, max=2, help="2 crops again around the first landmarks.")] = 2,
    refine: Annotated[bool, typer.Option("--refine", help="Look four times at each face: better, slower.")] = False,
    batch: Annotated[int, typer.Option(min=1, help="Faces that go through the network together.")] = 32,
    threads: Annotated[int | None, typer.Option(min=1, help="Photos or batches at a time; default: cores.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1; default: CUDA where there is one.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many photos or frames.")] = None,
    smooth: Annotated[
        Literal["zero-phase", "one-euro", "off"], typer.Option(help="How followed faces are smoothed.")
    ] = "zero-phase",
    strength: Annotated[float, typer.Option(help="Of the smoothing; 2 smooths twice as long.")] = 1.0,
    view: Annotated[
        float | None, typer.Option(help="Horizontal field of view of the video's camera in degrees.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Do complete photos again.")] = False,
    engine: Annotated[Literal["local", "ray"], typer.Option(help="ray: Parquet of very many photos.")] = "local",
    address: Annotated[str | None, typer.Option(help="Ray cluster: auto, ray://host:10001.")] = None,
    actors: Annotated[int, typer.Option(min=1, help="Processes of ray, each with one method.")] = 1,
    gpus: Annotated[float, typer.Option(min=0, help="GPUs of each process of ray, such as 0.25.")] = 0,
) -> dict[str, Any]:
    """Reconstruct the faces of photos: meshes, landmarks, poses, and a page to turn them in.

    Photos that are complete in the output folder are skipped. Photos that cannot be read, or show no face, are named at
    the end; exit status 3 says that some were, 1 that all were.

    [bold]Example:[/bold] pyface3d reconstruct photos/ --save obj,overlay,csv --faces all --out faces
    """
    from pyface3d.methods.loading import method_of
    from pyface3d.reconstructor import Reconstructor
    from pyface3d.reconstructor.folder import OutputFolder

    settings: dict[str, Any] = {
        "method": method or method_of(weights), "weights": weights, "model": model, "space": space, "faces": faces,
        "detector": detector, "passes": passes, "refine": refine,
    }  # fmt: skip
    given = {"boxes": boxes, "rois": rois, "landmarks": landmarks}
    places = _places(given, layout, images, out)
    if engine == "ray":
        resources = {"address": address, "actors": actors, "gpus": gpus, "batch": batch}
        return _reconstruct_bulk(images, out, {**settings, "device": device}, places, resources)
    kinds = [kind.strip() for kind in save.split(",") if kind.strip()]
    if "blendshapes" in kinds:
        if any(given.values()) or refine:
            raise CommandError(
                "faces that are followed are searched: leave out --boxes, --rois, --landmarks, --refine", 2
            )
        reconstructor = Reconstructor(**settings, device=device)
        return track_videos(reconstructor, images, out, kinds, smooth, strength, limit=limit, view=view)
    known = settings | {kind: path and str(path) for kind, path in given.items()} | {"layout": layout}
    folder = OutputFolder(Path(out), kinds, known)
    reconstructor = Reconstructor(**settings, device=device)
    _leave_out_meshes(folder, reconstructor.method.model, asked=save != DEFAULT_KINDS)
    return _reconstruct_photos(reconstructor, folder, images, places, again, limit, batch_size=batch, threads=threads)


def _places(given: dict[str, Path | None], layout: str | None, images: list[str], out: str) -> Any:
    """What a file says of where faces are; None where there is no such file."""
    from pyface3d.reconstructor.given_places import read_places

    named = [(path, kind) for kind, path in given.items() if path]
    if len(named) > 1:
        raise CommandError("give one of --boxes, --rois and --landmarks", 2)
    places = read_places(*named[0], layout) if named else None
    if places:
        _check_places(places, images, out)
    return places


def _leave_out_meshes(folder: "OutputFolder", model: "MorphableModel", asked: bool) -> None:
    """Leaves out what a face model without triangles has not, or refuses it where it was asked for."""
    if len(model.triangles) or not (needing := folder.leave_out_meshes()):
        return
    sentence = f"{', '.join(needing)}: the face model {model.name} has no triangles"
    if asked:
        raise CommandError(f"{sentence}; leave them out of --save")
    typer.echo(f"pyface3d: not written are {sentence}", err=True)


def _reconstruct_photos(
    reconstructor: "Reconstructor",
    folder: "OutputFolder",
    images: list[str],
    places: Any,
    again: bool,
    limit: int | None,
    **options: Any,
) -> dict[str, Any]:
    from pyface3d.images import find_sources
    from pyface3d.reconstructor.given_places import check_places
    from pyface3d.reconstructor.tally import Tally

    tally, passed_over, seen_names = Tally(folder), Counter[str](), list[str]()
    sources = itertools.islice(find_sources(images, folder.folder, passed_over), limit)
    with progress("photos") as advance:

        def wanted(source: Any) -> bool:
            seen_names.append(source.name)
            if again or not tally.skip(source):
                return True
            advance()
            return False

        for result in reconstructor.iter(filter(wanted, sources), places=places, **options):
            tally.add(result)
            advance()
    if places and limit is None:
        tally.problems += check_places(places, seen_names)
    return _report(tally.finish() | {"passed_over": dict(passed_over)})


def _check_places(places: Any, images: list[str], out: str) -> None:
    """Refuses entries that belong to no photo, where the names of the photos are known without reading them all."""
    from pyface3d.images import find_sources
    from pyface3d.images.sources import PICTURES
    from pyface3d.reconstructor.given_places import check_places

    known = (".zip", *PICTURES)
    if not all(Path(image).is_dir() or image.lower().endswith(known) for image in images):
        return
    problems = check_places(places, (source.name for source in find_sources(images, out)))
    if problems:
        more = f" and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise CommandError(f"{'; '.join(problems[:5])}{more}")


def _reconstruct_bulk(
    inputs: list[str], out: str, settings: dict[str, Any], places: Any, resources: dict[str, Any]
) -> dict[str, Any]:
    from pyface3d.bulk import photos_of, problems_of, reconstruct_all
    from pyface3d.reconstructor.given_places import check_places

    start = time.perf_counter()
    with progress("parts") as advance:
        counts = reconstruct_all(inputs, out, settings, places=places, **resources, advance=advance)
    seconds = time.perf_counter() - start
    result = {"folder": out, **counts, "seconds": round(seconds, 3)}
    screen.say(rate_said(counts["faces"], counts["photos"], "photo", seconds, out))
    if counts["skipped"]:
        screen.say(f"{counts['skipped']} of {counts['units']} parts were complete already")
    _say_passed_over(counts["passed_over"])
    failed, named = problems_of(out)  # of all parts: a run that was started again tells what the first one met
    unmatched = check_places(places, photos_of(out)) if places else []
    told = [problem if problem.startswith(name) else f"{name}: {problem}" for name, problem in named] + unmatched
    for sentence in told:
        typer.echo(f"pyface3d: {sentence}", err=True)
    done = counts["faces"] or counts["skipped"]
    if failed:
        more = f"; {failed - len(named)} more are named in the column error of {out}" if failed > len(named) else ""
        raise CommandError(f"{failed} photos gave no face{more}", SOME_FAILED if done else NOTHING_DONE, result)
    if unmatched:
        raise CommandError(f"{len(unmatched)} entries belong to no photo, or to several", SOME_FAILED, result)
    return result


def _say_passed_over(counts: dict[str, int]) -> None:
    if counts:
        kinds = ", ".join(f"{count} {suffix or 'without suffix'}" for suffix, count in sorted(counts.items()))
        screen.say(f"passed over files that are no pictures: {kinds}")


def _report(result: dict[str, Any]) -> dict[str, Any]:
    """Says what was done, and raises where photos gave no face."""
    photos, faces, skipped, seconds = (result[key] for key in ("photos", "faces", "skipped", "seconds"))
    screen.say(rate_said(faces, photos, "photo", seconds, result["folder"]))
    if skipped:
        screen.say(f"{skipped} photos were complete already")
    if result["dropped"]:
        screen.say(f"{result['dropped']} finds of the detector were dropped: the method sees no face there")
    for file in result["files"]:
        screen.say(f"wrote {file}")
    _say_passed_over(result["passed_over"])
    for problem in result["problems"]:
        typer.echo(f"pyface3d: {problem}", err=True)
    if failed := len(result["problems"]):
        done = faces or skipped > failed
        raise CommandError(f"{failed} photos gave no face", SOME_FAILED if done else NOTHING_DONE, result)
    if not photos + skipped:
        raise CommandError("no photo found in what was named", NOTHING_DONE, result)
    return result
