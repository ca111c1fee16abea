"""Networks as a stranger's card describes them: never larger than the file that holds their weights."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor
from torch.nn.modules import module as hooks

_LAYERS = 10_000  # modules of a network; those here have less than a tenth


@contextmanager
def no_larger_than(path: str | os.PathLike[str]) -> Iterator[None]:
    """Inside the block this thread makes no network with more numbers than a file has bytes, or with endless layers.

    A parameter is counted when a module gets it, before anything is written into its memory: a card of a few bytes
    cannot take gigabytes.

    Args:
        path: the weight file.

    Raises:
        ValueError: a network became larger.

    Example:
        >>> with no_larger_than(folder / "notes.txt"):
        ...     torch.nn.Linear(1000, 1000)
        Traceback (most recent call last):
        ValueError: its card describes a network with more numbers than the file has bytes
    """
    numbers, layers, here = os.stat(path).st_size, _LAYERS, threading.get_ident()

    def parameter(owner: Any, name: str, made: Tensor | None) -> None:
        nonlocal numbers
        if made is not None and threading.get_ident() == here:
            numbers -= made.numel()
            if numbers < 0:
                raise ValueError("its card describes a network with more numbers than the file has bytes")

    def layer(owner: Any, name: str, made: Any) -> None:
        nonlocal layers
        if threading.get_ident() == here:
            layers -= 1
            if layers < 0:
                raise ValueError(f"its card describes a network of more than {_LAYERS:,} layers")

    handles = [
        hooks.register_module_parameter_registration_hook(parameter),
        hooks.register_module_module_registration_hook(layer),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
