"""``pyface3d count``."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from pyface3d.cli.arguments import Method
from pyface3d.cli.command import screen


def count(
    method: Method,
    size: Annotated[int | None, typer.Option(min=1, help="Input size in pixels; default: the method's own.")] = None,
    layers: Annotated[bool, typer.Option("--layers", help="One row per layer.")] = False,
) -> dict[str, Any]:
    """Count the parameters and multiply-accumulates of a method's network.

    [bold]Example:[/bold] pyface3d count mobile_frnet --layers
    """
    from pyface3d.methods import create_method
    from pyface3d.nets import count as count_layers

    network = create_method(method)
    size = size or network.images.size
    counted = count_layers(network, size)
    if layers:
        screen.table(
            ["layer", "type", "output", "parameters", "MACs", "published"],
            [
                [row.name, row.kind, " x ".join(map(str, row.output)), row.parameters, row.macs, row.published]
                for row in counted.layers
            ],
        )
    screen.table(
        ["method", "input", "parameters", "MACs", "published operations"],
        [[method, f"{size} x {size}", counted.parameters, counted.macs, counted.published]],
    )
    return {"method": method, "input_size": size, **asdict(counted)}
