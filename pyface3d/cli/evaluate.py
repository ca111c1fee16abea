"""``pyface3d evaluate``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from pyface3d.cli.arguments import MethodOfWeights, Model, Space, Weights
from pyface3d.cli.command import CommandError, screen


def evaluate(
    method: MethodOfWeights = None,
    protocol: Annotated[str, typer.Option(help="Protocol; `--protocol list` lists them.")] = "aflw2000-3d/2d-68",
    data: Annotated[Path | None, typer.Option(help="Folder or file of the data.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder for JSON, CSV, LaTeX, CED, worst 20.")] = None,
    weights: Weights = None,
    model: Model = None,
    space: Space = None,
    option: Annotated[
        list[str] | None, typer.Option(help="Setting of the protocol, NAME=VALUE; may be repeated.")
    ] = None,
    images: Annotated[int | None, typer.Option(min=1, help="Stop after so many images.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Faces at a time.")] = 64,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1.")] = "cpu",
) -> dict[str, Any]:
    """Measure a method by a published protocol, papers' rows beside ours.

    [bold]Example:[/bold] pyface3d evaluate mobile_frnet --data AFLW2000-3D --option labels=reannotated --out report
    """
    from pyface3d.evaluation import evaluate as measure
    from pyface3d.evaluation import list_protocols

    if protocol == "list":
        screen.table(["protocol"], [[name] for name in list_protocols()])
        return {"protocols": list_protocols()}
    from pyface3d.methods.loading import load_device, load_method

    if out is not None:
        out.mkdir(parents=True, exist_ok=True)  # fails before the work, not after it
    network = load_method(method, weights, model, space).to(load_device(device))
    settings = dict(_setting(text) for text in option or [])
    report = measure(network, protocol, data, name=network.name, batch_size=batch, max_images=images, **settings)
    if not screen.quiet:
        report.print()
    files = report.save(out) if out is not None else []
    for file in files:
        screen.say(f"wrote {file}")
    return {**report.to_dict(), "files": [str(file) for file in files]}


def _setting(text: str) -> tuple[str, Any]:
    """``name=value`` with the value as YAML reads it: numbers, true and false, else text."""
    import yaml

    name, equals, value = text.partition("=")
    if not equals:
        raise CommandError(f"--option must be NAME=VALUE, got {text!r}", 2)
    try:
        return name.strip(), yaml.safe_load(value)
    except (yaml.YAMLError, RecursionError, ValueError):
        return name.strip(), value
