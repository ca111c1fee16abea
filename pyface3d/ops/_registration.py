"""Registers an op's Python half: the fake, the autograd formula, and the refusal of double backward."""

import functools
from collections.abc import Callable
from typing import Any

import torch


def _refuse(name: str) -> Callable[..., Any]:
    def refuse(ctx: Any, *grads: Any) -> Any:
        raise RuntimeError(f"{name}: double backward is not implemented; use pyface3d.ops.reference for it")

    return refuse


def _one_device(name: str, fake: Callable[..., Any]) -> Callable[..., Any]:
    """The fake, refusing a mix of devices as the kernels do (a meta tensor among others ends up here)."""

    @functools.wraps(fake)
    def checked(*args: Any) -> Any:
        devices = {str(a.device) for a in args if isinstance(a, torch.Tensor)}
        if len(devices) > 1:
            found = ", ".join(sorted(devices))
            raise RuntimeError(f"{name}: tensors must be on one device, got {found}; move them with .to()")
        return fake(*args)

    return checked


def register(name: str, fake: Callable, setup_context: Callable, backward: Callable, backward_fake: Callable) -> None:
    """Registers fakes and autograd of ``pyface3d::<name>`` and of ``pyface3d::<name>_backward``.

    Args:
        name: schema name of the op, equal to its public function's.
        fake: shape function of the op.
        setup_context: saves what the backward needs, as ``torch.library.register_autograd`` wants it.
        backward: calls ``<name>_backward``; returns one gradient per input of the op.
        backward_fake: shape function of ``<name>_backward``.
    """
    torch.library.register_fake(f"pyface3d::{name}")(_one_device(name, fake))
    torch.library.register_fake(f"pyface3d::{name}_backward")(backward_fake)
    torch.library.register_autograd(f"pyface3d::{name}", backward, setup_context=setup_context)
    torch.library.register_autograd(f"pyface3d::{name}_backward", _refuse(name))
