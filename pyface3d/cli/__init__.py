"""The command line: parse, call one function of the library, show what came back.

Every command lives in the file of its name and imports what it needs when it runs, so that ``--help`` answers at once.

Exit codes: 0 everything was done; 1 nothing could be done; 2 the command line is wrong; 3 some inputs failed and are
named, the rest is done; 130 interrupted by Ctrl-C.
"""

import typer

from pyface3d.cli import (
    convert,
    correspondence,
    count,
    demo,
    doctor,
    evaluate,
    export,
    fit,
    label,
    models,
    profile,
    reconstruct,
    train,
)
from pyface3d.cli.command import register
from pyface3d.cli.data import data
from pyface3d.cli.landmarks import landmarks
from pyface3d.cli.weights import weights

app = typer.Typer(
    name="pyface3d",
    help="3D faces from photos with 3D Morphable Models: reconstruct, look, train, measure.",
    epilog="Every command takes --json, --quiet and --debug. First time here: pyface3d demo",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for _module in (demo, reconstruct, fit, train, evaluate, label, profile, export, convert, count, models, doctor):
    register(app, vars(_module)[_module.__name__.rpartition(".")[2]])  # each file has the command of its name
for _function in (correspondence.register, correspondence.convert_params):
    register(app, _function)
app.add_typer(data, name="data")
app.add_typer(landmarks, name="landmarks")
app.add_typer(weights, name="weights")


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version and leave."),
) -> None:
    if version:
        from pyface3d._version import __version__

        typer.echo(f"pyface3d {__version__}")
        raise typer.Exit()


def main() -> None:
    """Entry point of the ``pyface3d`` command."""
    app()
