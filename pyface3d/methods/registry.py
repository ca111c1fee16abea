"""Methods by name."""

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
    """Names that :func:`pyface3d.create_method` knows.

    Example:
        >>> "mobile_frnet" in list_methods()
        True
    """
    return sorted(_METHODS)


def registered(name: str) -> Registered:
    """What is known under a name.

    Raises:
        ValueError: nothing is.
    """
    if name not in _METHODS:
        raise ValueError(f"create_method: unknown method {name!r}; known: {', '.join(list_methods())}")
    return _METHODS[name]
