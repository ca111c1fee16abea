"""Registers an op's Python half: the fake, the autograd formula, and the refusal of double backward."""

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

_LIBRARY = torch.library.Library("pyface3d", "FRAGMENT")


def _differentiable(name: str, setup_context: Callable[..., None], backward: Callable[..., Any]) -> None:
    """The autograd kernel of ``pyface3d::<name>``.

    What ``torch.library.register_autograd`` does, less what our schemas have no use for (defaults, keyword-only
    arguments, lists of tensors): that costs 20 us a call, more than a small op itself.
    """
    op = getattr(torch.ops.pyface3d, name).default

    def forward(ctx: Any, *args: Any) -> Any:
        with torch._C._AutoDispatchBelowAutograd():
            output = op(*args)
            setup_context(ctx, args, output)
        return output

    def run_backward(ctx: Any, *grads: Any) -> Any:
        if torch.is_grad_enabled():  # create_graph: gradients of this are wanted
            return backward(ctx, *grads)
        with torch._C._AutoDispatchBelowAutograd():
            return backward(ctx, *grads)

    methods = {"forward": staticmethod(forward), "backward": staticmethod(run_backward)}
    function: Any = type(name, (torch.autograd.Function,), methods)

    def call(*args: Any) -> Any:
        if torch.is_grad_enabled() and any(isinstance(a, Tensor) and a.requires_grad for a in args):
            return function.apply(*args)
        with torch._C._AutoDispatchBelowAutograd():
            return op(*args)

    _LIBRARY.impl(name, call, "Autograd")


def _refuse(name: str) -> Callable[..., Any]:
    def refuse(ctx: Any, *grads: Any) -> Any:
        raise RuntimeError(f"{name}: double backward is not implemented; use pyface3d.ops.reference for it")

    return refuse


def _one_device(name: str, fake: Callable[..., Any]) -> Callable[..., Any]:
    """The fake, refusing a mix of devices as the kernels do (a meta tensor among others ends up here)."""

    @functools.wraps(fake)
    def checked(*args: Any) -> Any:
        devices = {str(a.device) for a in args if isinstance(a, Tensor)}
        if len(devices) > 1:
            found = ", ".join(sorted(devices))
            raise RuntimeError(f"{name}: tensors must be on one device, got {found}; move them with .to()")
        return fake(*args)

    return checked


def register(
    name: str, fake: Callable, setup_context: Callable, backward: Callable, backward_fake: Callable | None = None
) -> None:
    """Registers fakes and autograd of ``pyface3d::<name>`` and of ``pyface3d::<name>_backward``.

    Args:
        name: schema name of the op, equal to its public function's.
        fake: shape function of the op.
        setup_context: saves what the backward needs: called with ctx, the inputs and the output.
        backward: calls ``<name>_backward``; returns one gradient per input of the op.
        backward_fake: shape function of ``<name>_backward``; None: ``backward`` calls another op's, registered with it.
    """
    torch.library.register_fake(f"pyface3d::{name}")(_one_device(name, fake))
    _differentiable(name, setup_context, backward)
    if backward_fake is None:
        return
    torch.library.register_fake(f"pyface3d::{name}_backward")(backward_fake)
    _differentiable(f"{name}_backward", lambda *_: None, _refuse(name))
