"""Arguments that several commands take."""

from typing import Annotated, Literal

import typer

Method = Annotated[str, typer.Argument(help="A method's name; `pyface3d models` lists them.", show_default=False)]
MethodOfWeights = Annotated[
    str | None,
    typer.Argument(help="A method's name; default: that of the card of --weights, or compact.", show_default=False),
]
MethodOption = Annotated[
    str | None, typer.Option(help="See `pyface3d models`; default: that of the card of --weights, or compact.")
]
Detector = Annotated[
    str, typer.Option(help="yunet; whole (photos are crops); another YuNet .onnx file; hub:owner/name.")
]
Weights = Annotated[str | None, typer.Option(help="Weight file; default: the embedded weights.")]
Model = Annotated[str | None, typer.Option(help="Face model that the weights belong to; default: the embedded one.")]
Space = Annotated[str | None, typer.Option(help="Parameter space (whitening table), for weights without a card.")]
Layout = Annotated[
    Literal["xy", "xyz"] | None, typer.Option(help="Coordinates of a landmark, where neither header nor count tells.")
]
