"""The model card in the header of a weight file, and whether weights with that card fit a method."""

import inspect
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyface3d.foreign.damage import reading
from pyface3d.foreign.tensors import safetensors_header
from pyface3d.methods.method import Method
from pyface3d.morphable import MorphableModel
from pyface3d.morphable.landmark_sets import DEFAULT

CARD = "pyface3d"  # the card's key in the header


@dataclass
class ModelCard:
    """What a weight file says about itself, stored as JSON in its header.

    Attributes:
        method: registered name.
        arguments: constructor arguments.
        face_model: name, hash and unit of the face model that the outputs belong to; name and hash of the landmark set
            that landmarks are answered in.
        images: size, channel order, normalization and crop of the input.
        parameter_space: :meth:`ParameterSpace.to_dict`, or None for methods without parameters.
        training: data, steps, seed and the command that makes the weights again.
        numbers: measured figures by protocol.
        license: of the weights.
        version: of this layout.
    """

    method: str
    arguments: dict[str, Any]
    face_model: dict[str, str]
    images: dict[str, Any]
    parameter_space: dict[str, Any] | None = None
    training: dict[str, Any] = field(default_factory=dict)
    numbers: dict[str, Any] = field(default_factory=dict)
    license: str = ""
    version: int = 1

    @classmethod
    def of(cls, method: Method, **about: Any) -> "ModelCard":
        """The card of a method; ``about`` gives training, numbers and license."""
        space, model = method.space, method.model
        return cls(
            method=method.name,
            arguments=method.arguments,
            face_model={"name": model.name, "hash": model.hash(), "unit": model.unit, **_landmarks_of(model)},
            images=method.images.to_dict(),
            parameter_space=None if space is None else space.to_dict(),
            **about,
        )


def read_card(path: str | os.PathLike[str]) -> ModelCard | None:
    """The card of a weight file, or None where the file has none.

    Raises:
        ValueError: the file is truncated, or its card is damaged.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        return None
    text = safetensors_header(path, "read_card").get(CARD)
    with reading(path, "read_card"):
        return None if text is None else _checked(ModelCard(**json.loads(text)))


def _checked(card: ModelCard) -> ModelCard:
    """The card, if its parts are of the types that the code builds on."""
    objects = {name: getattr(card, name) for name in ("arguments", "face_model", "images", "training", "numbers")}
    if card.parameter_space is not None:
        objects["parameter_space"] = card.parameter_space
    wrong = [name for name, value in objects.items() if not isinstance(value, dict)]
    if wrong or not isinstance(card.method, str) or not isinstance(card.license, str):
        raise ValueError(f"its model card is damaged: {', '.join(wrong) or 'method or license'}")
    lacking = [name for name in ("name", "hash", "unit") if not isinstance(card.face_model.get(name), str)]
    if lacking:
        raise ValueError(f"its model card lacks the face model's {', '.join(lacking)}")
    return card


def check_card(card: ModelCard, method: Method, name: str) -> None:
    """Refuses weights of another method, face model or parameter space than ``method``'s; ``name`` is their file's."""
    arguments = {**_defaults(method), **card.arguments}  # a card may be older than an argument
    if card.method != method.name or arguments != method.arguments:
        made = f"{card.method}({_listed(card.arguments)})"
        raise ValueError(f"{name}: weights of {made} do not fit {method.name}({_listed(method.arguments)})")
    if card.face_model["hash"] != method.model.hash():
        raise ValueError(
            f"{name}: these weights were trained for the face model {card.face_model['name']} "
            f"({card.face_model['hash'][:12]}), not for {method.model.name} ({method.model.hash()[:12]}): "
            "with another model they would give distorted faces; pass the right one as model="
        )
    space = method.space
    if space is not None and card.parameter_space != space.to_dict():
        raise ValueError(f"{name}: these weights were trained with another parameter space; take the one of their card")


def _defaults(method: Method) -> dict[str, Any]:
    """The constructor's defaults of those arguments that a card would name."""
    parameters = inspect.signature(type(method)).parameters
    return {
        name: json.loads(json.dumps(parameters[name].default))
        for name in method.arguments
        if name in parameters and parameters[name].default is not inspect.Parameter.empty
    }


def _landmarks_of(model: MorphableModel) -> dict[str, str]:
    points = model.landmark_sets.get(DEFAULT)
    return {} if points is None else {"landmarks": DEFAULT, "landmarks_hash": points.hash()}


def _listed(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in arguments.items())
