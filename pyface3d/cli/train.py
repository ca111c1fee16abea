"""``pyface3d train``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from pyface3d.cli.arguments import Method
from pyface3d.cli.command import CommandError, screen


def train(
    method: Method,
    data: Annotated[
        list[str] | None,
        typer.Option(help="synthetic[:COUNT], or the path of a set; repeated: equal shares of each batch."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for checkpoint, metrics and weights.")] = Path("run"),
    config: Annotated[Path | None, typer.Option(help="YAML file of options; those on the command line win.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the first set; default: the recipe's.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Stop after so many steps.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Samples of a step; default: the recipe's.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of everything random; default 0.")] = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Processes that read data; default 2.")] = None,
    ema: Annotated[float | None, typer.Option(min=0, max=1, help="Decay of averaged weights.")] = None,
    precision: Annotated[str | None, typer.Option(help="32-true, bf16-mixed, 16-mixed.")] = None,
    devices: Annotated[int | None, typer.Option(min=1, help="Processes or GPUs; default 1.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Start anew instead of going on from last.ckpt.")] = False,
) -> dict[str, Any]:
    """Train a method by its published loss and recipe; a second call goes on where the first one stopped.

    [bold]Example:[/bold] pyface3d train mobile_frnet --data synthetic:20000 --steps 2000 --out run
    """
    from pyface3d.training import run_training

    options = {**_read(config), **_given(epochs=epochs, steps=steps, batch_size=batch_size, seed=seed, workers=workers)}
    options |= _given(ema=ema, precision=precision, devices=devices)
    sources = data or options.pop("data", None)
    if not sources:
        raise CommandError("name what to train on: --data synthetic, or the path of a data set", 2)
    options.pop("data", None)
    if screen.quiet:
        options |= {"enable_progress_bar": False}
    result = run_training(method, [sources] if isinstance(sources, str) else sources, out, resume=not again, **options)
    screen.say(f"wrote {result['weights']} after {result['steps']} steps, {result['speed']}")
    return result


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _read(config: Path | None) -> dict[str, Any]:
    if config is None:
        return {}
    import yaml

    try:
        options = yaml.safe_load(config.read_text(encoding="utf-8"))
    except yaml.YAMLError:
        options = None
    if not isinstance(options, dict):
        raise CommandError(f"{config}: must hold NAME: VALUE lines, as the options of this command are named", 2)
    return {str(name).replace("-", "_"): value for name, value in options.items()}
