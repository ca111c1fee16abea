"""``pyface3d reconstruct --save blendshapes``: videos whose faces are followed."""

import itertools
import time
from pathlib import Path
from typing import Any

import typer

from pyface3d.cli.command import NOTHING_DONE, SOME_FAILED, CommandError, rate_said, screen
from pyface3d.cli.progress import progress


def track_videos(
    reconstructor: Any, inputs: list[str], out: str, kinds: list[str], smooth: str, strength: float, **options: Any
) -> dict[str, Any]:
    """Follows the faces of each video and writes what is wanted; ``options``: ``limit`` frames and ``view`` degrees."""
    from pyface3d.reconstructor.tracking.outputs import check_kinds

    check_kinds(kinds)
    start, results, problems = time.perf_counter(), [], []
    stems: set[str] = set()
    for name in inputs:
        stem = Path(name).stem if name != "webcam" and not name.startswith("webcam:") else "webcam"
        while stem in stems:
            stem += "-2"
        stems.add(stem)
        result, problem = _track(reconstructor, name, out, stem, kinds, smooth, strength, **options)
        results.append(result)
        if problem is not None:
            problems.append(problem)
            typer.echo(f"pyface3d: {problem}", err=True)
    frames, faces = (sum(result[key] for result in results) for key in ("frames", "faces"))
    seconds = time.perf_counter() - start
    report = {"folder": out, "videos": results, "frames": frames, "faces": faces, "problems": problems}
    report |= {"files": [file for result in results for file in result["files"]], "seconds": round(seconds, 3)}
    screen.say(rate_said(faces, frames, "frame", seconds, out))
    for file in report["files"]:
        screen.say(f"wrote {file}")
    if problems:
        code = SOME_FAILED if frames else NOTHING_DONE
        raise CommandError(f"{len(problems)} videos could not be read to the end", code, report)
    return report


def _track(
    reconstructor: Any,
    name: str,
    out: str,
    stem: str,
    kinds: list[str],
    smooth: str,
    strength: float,
    limit: int | None = None,
    view: float | None = None,
) -> tuple[dict[str, Any], str | None]:
    """What came of one video, and the sentence about what was wrong with it."""
    from pyface3d.images.video import open_video
    from pyface3d.reconstructor.tracking.outputs import TrackWriter

    problem = None
    try:
        rate, frames = open_video(name)
    except (OSError, ValueError) as error:
        sentence = getattr(error, "strerror", None) or error
        return {"video": name, "files": [], "frames": 0, "faces": 0}, f"{name}: {sentence}"

    def readable() -> Any:
        nonlocal problem
        count = 0
        try:
            for frame in itertools.islice(frames, limit):
                yield frame
                count += 1
        except (OSError, ValueError) as error:
            problem = f"{name}: {getattr(error, 'strerror', None) or error} (after {count} frames)"
        else:
            if not count:
                problem = f"{name}: the video gives no picture"

    writer = TrackWriter(out, stem, kinds, rate, view)
    with progress("frames") as advance:
        tracked = reconstructor.track(readable(), smooth=smooth, strength=strength)
        for _ in writer.write(tracked):
            advance()
    return {"video": name, **writer.report()}, problem
