"""``pyface3d train``."""

import json
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from pyface3d.cli.command import CommandError, screen


def train(
    method: Annotated[
        str | None, typer.Argument(help="A method's name; `pyface3d models` lists them.", show_default=False)
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(help="synthetic[:COUNT], or the path of a set; repeated: equal shares of each batch."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Face model to train in; default: the embedded one.")] = None,
    space: Annotated[str | None, typer.Option(help="Whitening table of that model's parameters.")] = None,
    labels_model: Annotated[str | None, typer.Option(help="Face model of labels that are translated.")] = None,
    correspondence: Annotated[
        str | None, typer.Option(help="What `pyface3d register` wrote of that model and the one to train in.")
    ] = None,
    leave_out: Annotated[
        str | None, typer.Option(help="File of names of samples that are not taken: JSON, or one on each line.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for checkpoint, metrics and weights.")] = Path("run"),
    recipe: Annotated[
        str | None, typer.Option(help="Packaged recipe or YAML file of options; those on the command line win.")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="Weights to start from; of another network: its trunk.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the first set; default: the recipe's.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Length in steps, in place of epochs.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Samples of a step; default: the recipe's.")] = None,
    rate: Annotated[float | None, typer.Option(min=0, help="Learning rate; default: the recipe's.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of everything random; default 0.")] = None,
    ema: Annotated[float | None, typer.Option(min=0, max=1, help="Decay of averaged weights.")] = None,
    augment: Annotated[str | None, typer.Option(help="strong (default), light, prnet or none.")] = None,
    pool: Annotated[str | None, typer.Option(help="Folder that keeps rendered and decoded pictures.")] = None,
    max_minutes: Annotated[float | None, typer.Option(min=0, help="End after so long, with a checkpoint.")] = None,
    save_minutes: Annotated[float | None, typer.Option(min=0, help="Between checkpoints; default 5.")] = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Processes that read data.")] = None,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Default: one for each core, at most 8, or for each GPU.")
    ] = None,
    precision: Annotated[str | None, typer.Option(help="32-true, bf16-mixed, 16-mixed.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=VALUE of any field of the recipe, repeated.")
    ] = None,
    argument: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE of the method, for example backbone=mobilenet_v2; repeated.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Start anew instead of going on from last.ckpt.")] = False,
) -> dict[str, Any]:
    """Train a method by its published loss and recipe; a second call goes on where the first one stopped.

    Labels of the face model that is named with --model are taken as they are; those of another one are translated.

    [bold]Example:[/bold] pyface3d train mobile_frnet --data synthetic:20000 --steps 2000 --out run
    """
    from pyface3d.training import read_recipe, run_training

    options = read_recipe(recipe) if recipe else {}
    options |= _pairs("set", set_)
    options |= _given(epochs=epochs, steps=steps, batch_size=batch_size, learning_rate=rate, seed=seed, ema=ema)
    options |= _given(augment=augment, max_minutes=max_minutes, save_minutes=save_minutes, workers=workers)
    options |= _given(processes=processes, precision=precision, pool=pool, start=start)
    options |= _given(labels_model=labels_model, correspondence=correspondence, leave_out=leave_out)
    options["arguments"] = {**options.get("arguments", {}), **_pairs("argument", argument)}
    options["arguments"] |= _given(model=model, space=space)
    name, sources = method or options.get("method"), data or options.get("data")
    if not name:
        raise CommandError("name the method to train, or a recipe that does", 2)
    if not sources:
        raise CommandError("name what to train on: --data synthetic, or the path of a data set", 2)
    options = {key: value for key, value in options.items() if key not in ("method", "data")}
    sources = [sources] if isinstance(sources, str) else sources
    result = run_training(name, sources, out, resume=not again, bar=not screen.quiet, **options)
    rate_said = f"{result['pictures_per_second']} pictures a second"
    for note in result["notes"]:
        screen.say(note)
    screen.say(f"wrote {result['weights']} after {result['steps']} steps, {rate_said}")
    screen.say(f"next: {_next(name, result['weights'], model)}")
    return result


def _next(name: str, weights: str, model: str | None) -> str:
    """The command that evaluates what was trained."""
    words = ["pyface3d", "evaluate", name, "--weights", weights, *(["--model", model] if model else [])]
    return f"{shlex.join(words)} --data BENCHMARK"


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _pairs(option: str, texts: list[str] | None) -> dict[str, Any]:
    """NAME=VALUE, the value as JSON where it is some, else as text."""
    pairs = {}
    for text in texts or []:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise CommandError(f"--{option} wants NAME=VALUE, got {text}", 2)
        try:
            pairs[name.replace("-", "_")] = json.loads(value)
        except ValueError:
            pairs[name.replace("-", "_")] = value
    return pairs
