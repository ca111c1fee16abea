"""``pyface3d count``."""

from typing import Annotated, Any

import typer

from pyface3d.cli.command import screen


def count(
    method: Annotated[str, typer.Argument(help="A method's name; `pyface3d models` lists them.", show_default=False)],
    size: Annotated[int | None, typer.Option(help="Input size in pixels; default: the method's own.")] = None,
    layers: Annotated[bool, typer.Option("--layers", help="One row per layer.")] = False,
) -> dict[str, Any]:
    """Count the parameters and multiply-accumulates of a method's network.

    [bold]Example:[/bold] pyface3d count mobile_frnet --layers
    """
    from pyface3d.methods import create
    from pyface3d.nets import count as count_layers

    network = create(method)
    size = size or getattr(network, "input_size", 120)
    counted = count_layers(network, size)
    return show_count(method, size, counted, layers)


def show_count(method: str, size: int, counted: Any, layers: bool) -> dict[str, Any]:
    """Print what ``nets.count`` measured and return it as plain numbers."""
    screen.say(f"[bold]{method}[/bold] at {size} x {size} pixels\n{counted}" if layers else f"[bold]{method}[/bold]")
    return {"method": method, "size": size}
