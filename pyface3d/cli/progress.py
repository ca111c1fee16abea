"""A progress bar with the rate, on a terminal's standard error; elsewhere nothing."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pyface3d.cli.command import screen


@contextmanager
def progress(things: str) -> Iterator[Callable[..., None]]:
    """Shows how many of ``things`` are done; yields ``advance(total=None)``, to be called after each."""
    if screen.quiet or not sys.stderr.isatty():
        yield lambda total=None: None
        return
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn(things), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(things, total=None, rate="")

        def advance(total: int | None = None) -> None:
            speed = bar.tasks[task].speed
            bar.update(task, advance=1, total=total, rate=f"{speed:.1f} a second" if speed else "")

        yield advance
