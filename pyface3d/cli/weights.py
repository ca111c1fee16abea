"""``pyface3d weights``: the weight files of the package, and files of one's own."""

from pathlib import Path
from typing import Annotated, Any

import typer

from pyface3d.cli.command import NOTHING_DONE, SOME_FAILED, CommandError, register, screen

weights = typer.Typer(help="The weight files: what they are, and whether they are whole.", no_args_is_help=True)

Files = Annotated[list[Path] | None, typer.Argument(help="Weight files; none: those of the package.")]


def show(paths: Files = None) -> dict[str, Any]:
    """List weight files with license, hash, what they were trained on and what was measured.

    [bold]Example:[/bold] pyface3d weights list
    """
    found = [_described(weights) for weights in _weights(paths)]
    rows = [[w["name"], w["method"], w["bytes"] / 1e6, w["sha256"][:12]] for w in found]
    screen.table(["name", "method", "MB", "sha256"], rows)
    for one in found:
        screen.say(f"{one['name']}: {one['license']}")
        screen.say(f"  trained on {_data(one)}")
        screen.say(f"  {_figures(one['numbers'])}")
    return {"weights": found}


def verify(paths: Files = None) -> dict[str, Any]:
    """Check weight files: hash of the release, finite numbers, and that their method loads them.

    [bold]Example:[/bold] pyface3d weights verify
    """
    from pyface3d.methods import verify_weights

    result: dict[str, Any] = {}
    for weights in _weights(paths):
        wrong = verify_weights(weights)
        listed = "the release's hash" if weights.released else "in no release's list"
        screen.say(f"{weights.name}: {f'ok, {listed}' if wrong is None else wrong}")
        result[weights.name] = {"ok": wrong is None, "sha256": weights.sha256, "problem": wrong}
    failed = [name for name, report in result.items() if not report["ok"]]
    if failed:
        code = SOME_FAILED if len(failed) < len(result) else NOTHING_DONE
        raise CommandError(f"not whole: {', '.join(failed)}", code, {"weights": result})
    return {"weights": result}


def card(
    path: Annotated[str, typer.Argument(help="A weight file, or the name of packaged weights.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="README.md to write; none: print it.")] = None,
) -> dict[str, Any]:
    """Make the model card of a weight file in the format of model hubs.

    [bold]Example:[/bold] pyface3d weights card compact_embedded --out README.md
    """
    from pyface3d.atomic import write_whole
    from pyface3d.methods import describe_weights, hub_card, list_weights

    packaged = {weights.name: weights.path for weights in list_weights()}
    text = hub_card(describe_weights(packaged.get(path, Path(path))))
    if out is None:
        screen.say(text)
    else:
        write_whole(out, text.encode())
        screen.say(f"wrote {out}")
    return {"card": text, "file": None if out is None else str(out)}


def _weights(paths: list[Path] | None) -> list[Any]:
    from pyface3d.methods import describe_weights, list_weights

    return [describe_weights(path) for path in paths] if paths else list_weights()


def _described(weights: Any) -> dict[str, Any]:
    card = weights.card
    return {
        "name": weights.name,
        "method": card.method,
        "bytes": weights.bytes,
        "sha256": weights.sha256,
        "license": card.license,
        "face_model": card.face_model["name"],
        "training": card.training,
        "numbers": card.numbers,
        "path": str(weights.path),
    }


def _data(described: dict[str, Any]) -> str:
    data = described["training"].get("data", "not said")
    return "; ".join(data) if isinstance(data, list) else str(data)


def _figures(numbers: dict[str, Any]) -> str:
    """The figures of a card in one line."""
    parts = []
    for name, value in numbers.items():
        parts.append(f"{name} ({_figures(value)})" if isinstance(value, dict) else f"{name} {value}")
    return ", ".join(parts) or "no figures"


register(weights, show, "list")
register(weights, verify)
register(weights, card)
