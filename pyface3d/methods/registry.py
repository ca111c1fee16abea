"""Methods by name."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pyface3d.methods.method import Method

_METHODS: dict[str, "Registered"] = {}


@dataclass(frozen=True)
class Registered:
    """A method's class under one name, with the defaults this name stands for."""

    name: str
    cls: type[Method]
    preset: dict[str, Any]

    def build(self, **arguments: Any) -> Method:
        """The method; ``arguments`` take precedence over the preset."""
        method = self.cls(**{**self.preset, **arguments})
        method.name = self.name
        return method


def register_method(name: str, **preset: Any) -> Callable[[type[Method]], type[Method]]:
    """Class decorator: makes a method known as ``name``, with other defaults than its constructor's where given."""

    def add(cls: type[Method]) -> type[Method]:
        _METHODS[name] = Registered(name, cls, preset)
        return cls

    return add


def list_methods() -> list[str]:
    """Names that :func:`create_method` knows.

    Example:
        >>> "mobile_frnet" in list_methods()
        True
    """
    return sorted(_METHODS)


def create_method(name: str, pretrained: str | os.PathLike[str] | None = None, **arguments: Any) -> Method:
    """Builds a method.

    Args:
        name: one of :func:`list_methods`.
        pretrained: None for fresh weights; the name of weights that ship with the package, for example ``"synthetic"``;
            or the path of a weight file. Its card then gives the arguments that are not named here.
        arguments: ``model`` (face model), ``space`` (parameter space) and the method's own arguments.

    Returns:
        The method, in eval mode when pretrained.

    Raises:
        ValueError: an unknown name, or weights that do not fit the method, its arguments or the face model.
        FileNotFoundError: no such weights.

    Example:
        >>> method = create_method("mobile_frnet", attention=False)
    """
    if name not in _METHODS:
        raise ValueError(f"create_method: unknown method {name!r}; known: {', '.join(list_methods())}")
    if pretrained is None:
        return _METHODS[name].build(**arguments)
    from pyface3d.methods.weights import load_pretrained  # weights build methods through this module

    return load_pretrained(_METHODS[name], pretrained, arguments)
