"""``pyface3d data``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from pyface3d.cli.command import NOTHING_DONE, CommandError, register, screen

data = typer.Typer(help="Look at data sets.", no_args_is_help=True)


def check(
    path: Annotated[Path, typer.Argument(help="Folder or zip.", show_default=False)],
    index_only: Annotated[bool, typer.Option("--index-only", help="Do not read every image and label.")] = False,
) -> dict[str, Any]:
    """Say what a folder or zip is, how many samples it holds, and what is wrong with them.

    [bold]Example:[/bold] pyface3d data check AFLW2000-3D.zip
    """
    from pyface3d.data import check as check_folder

    report = check_folder(path, read=not index_only)
    result = {
        "path": report.path,
        "kinds": report.kinds,
        "refused": {kind: faults.refused for kind, faults in report.reports.items()},
        "notes": report.notes,
    }
    screen.say(str(report))
    if not report.ok:
        raise CommandError(f"{path} holds faults" if report.kinds else f"{path} holds no faces", NOTHING_DONE, result)
    return result


register(data, check)
