"""``pyface3d export``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from pyface3d.cli.arguments import MethodOfWeights, Model, Space, Weights
from pyface3d.cli.command import screen


def export(
    method: MethodOfWeights = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="ONNX file; default: METHOD.onnx.")] = None,
    weights: Weights = None,
    model: Model = None,
    space: Space = None,
    landmarks: Annotated[bool, typer.Option("--landmarks", help="Also answer the 68 landmarks.")] = False,
) -> dict[str, Any]:
    """Write a method as ONNX, with its model card in the file, for onnxruntime and pyface3d.runtime.

    [bold]Example:[/bold] pyface3d export mobile_frnet --landmarks --out mobile_frnet.onnx
    """
    import logging

    from pyface3d.methods.loading import load_method, method_of
    from pyface3d.methods.onnx import export_onnx

    method = method or method_of(weights)
    out = out or Path(f"{method}.onnx")
    out.parent.mkdir(parents=True, exist_ok=True)  # fails before the work, not after it
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it misses torchvision, which is not needed
    export_onnx(load_method(method, weights, model, space), out, landmarks=landmarks)
    screen.say(f"wrote {out} ({out.stat().st_size / 1e6:.1f} MB)")
    return {"file": str(out)}
