"""Registers an op's Python half, once for all ops: what every torch feature makes of it.

Fakes (meta tensors, ``torch.compile``, ``torch.export``), autograd, the refusal of double backward and of forward mode,
``torch.vmap`` and ``torch.func``, and autocast.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._functorch.utils import enable_single_level_autograd_function
from torch.autograd import forward_ad

_LIBRARY = torch.library.Library("pyface3d", "FRAGMENT")


def _has_tangent(a: Tensor) -> bool:
    """Whether there is one, at any level: a gradient within a ``jvp`` (``hessian``) wraps what holds the tangent."""
    while forward_ad.unpack_dual(a).tangent is None:
        if not torch._C._functorch.is_functorch_wrapped_tensor(a):
            return False
        a = torch._C._functorch.get_unwrapped(a)
    return True


def _refuse_tangents(name: str, args: Sequence[Any]) -> None:
    """Without a rule of its own an op's tangent would be taken for zero."""
    if any(isinstance(a, Tensor) and _has_tangent(a) for a in args):
        raise RuntimeError(
            f"{name}: forward-mode derivatives (jvp, jacfwd) are not implemented; use torch.func.vjp or jacrev, or "
            "pyface3d.ops.reference"
        )


def _differentiable(name: str, setup_context: Callable[..., None], backward: Callable[..., Any]) -> None:
    """The autograd kernel of ``pyface3d::<name>``.

    What ``torch.library.register_autograd`` does, less what our schemas have no use for (defaults, keyword-only
    arguments, lists of tensors): that costs 20 us a call, more than a small op itself.
    """
    op = getattr(torch.ops.pyface3d, name).default._op
    below_autograd = torch._C._AutoDispatchBelowAutograd

    def forward(ctx: Any, *args: Any) -> Any:
        with below_autograd():
            output = op(*args)
            setup_context(ctx, args, output)
        return output

    def run_backward(ctx: Any, *grads: Any) -> Any:
        saved = ctx.saved_tensors  # outside of the guard: checkpointing runs the forward anew to unpack them
        if torch.is_grad_enabled() or forward_ad._current_level >= 0:  # create_graph, or a gradient with a tangent
            return backward(ctx, saved, *grads)
        with below_autograd():
            return backward(ctx, saved, *grads)

    methods = {"forward": staticmethod(forward), "backward": staticmethod(run_backward)}
    function: Any = type(name, (torch.autograd.Function,), methods)
    # not Function.apply: torch.func's transforms are at work above this kernel, which differentiates one level
    apply = super(torch.autograd.Function, function).apply

    def differentiate(*args: Any) -> Any:
        if not torch._C._are_functorch_transforms_active():
            return apply(*args)
        with enable_single_level_autograd_function():
            return apply(*args)

    def call(*args: Any) -> Any:  # every call of the op: no generator, no wrapper of torch._ops
        if forward_ad._current_level >= 0:
            _refuse_tangents(name, args)
        if torch.is_grad_enabled():
            for a in args:
                if isinstance(a, Tensor) and a.requires_grad:
                    return differentiate(*args)
        with below_autograd():
            return op(*args)

    _LIBRARY.impl(name, call, "Autograd")


def _refuse(name: str) -> Callable[..., Any]:
    def refuse(ctx: Any, *grads: Any) -> Any:
        raise RuntimeError(f"{name}: double backward is not implemented; use pyface3d.ops.reference for it")

    return refuse


def _vmapped(name: str) -> None:
    """``torch.vmap``: one call for each of the samples, whose results are stacked."""
    op = getattr(torch.ops.pyface3d, name).default

    def rule(info: Any, in_dims: Sequence[Any], *args: Any) -> Any:
        if info.batch_size == 0:
            raise RuntimeError(f"{name}: vmap over an empty dimension; call the op with an empty batch instead")
        dims = [d if isinstance(d, int) else None for d in in_dims]  # of a list of numbers it is a list
        rows = [a if d is None else a.unbind(d) for a, d in zip(args, dims, strict=True)]
        results = [
            op(*(a if d is None else a[i] for a, d in zip(rows, dims, strict=True))) for i in range(info.batch_size)
        ]
        if isinstance(results[0], Tensor):
            return torch.stack(results), 0
        return tuple(torch.stack(parts) for parts in zip(*results, strict=True)), (0,) * len(results[0])

    torch.library.register_vmap(f"pyface3d::{name}", rule, lib=_LIBRARY)


def _agreeing(name: str, fake: Callable[..., Any], promotes: bool) -> Callable[..., Any]:
    """The fake, which treats mixed devices and dtypes as the kernels do: refuses the former, promotes the latter."""

    @functools.wraps(fake)
    def checked(*args: Any) -> Any:
        tensors = [a for a in args if isinstance(a, Tensor)]
        devices = {str(a.device) for a in tensors}
        if len(devices) > 1:  # a meta tensor among others ends up here
            found = ", ".join(sorted(devices))
            raise RuntimeError(f"{name}: tensors must be on one device, got {found}; move them with .to()")
        if promotes and {torch.float32, torch.float64} <= {a.dtype for a in tensors}:
            args = tuple(a.double() if isinstance(a, Tensor) and a.dtype == torch.float32 else a for a in args)
        return fake(*args)

    return checked


def like(position: int) -> Callable[..., Tensor]:
    """A fake of :func:`register`: the output has the shape of an argument."""
    return lambda *args: args[position].new_empty(args[position].shape)


def save_inputs(ctx: Any, inputs: Sequence[Any], output: Any) -> None:
    """A ``setup_context`` of :func:`register`: the backward needs the arguments, and all are tensors or None."""
    ctx.save_for_backward(*inputs)


def register(
    name: str,
    fake: Callable,
    setup_context: Callable | None = None,
    backward: Callable | None = None,
    backward_fake: Callable | None = None,
    *,
    promotes: bool = True,
) -> None:
    """Registers all of ``pyface3d::<name>`` and of ``pyface3d::<name>_backward`` that is not a kernel.

    Args:
        name: schema name of the op, equal to its public function's.
        fake: shape function of the op.
        setup_context: saves what the backward needs: called with ctx, the inputs and the output; None: the op has no
            gradient.
        backward: called with ctx, the saved tensors and the gradients of the outputs; calls ``<name>_backward`` and
            returns one gradient per input of the op. Reads no ``ctx.saved_tensors`` itself.
        backward_fake: shape function of ``<name>_backward``; None: ``backward`` calls another op's, registered with it.
        promotes: whether float32 arguments become float64 where another is, as the binding's PYFACE3D_PROMOTED does.
    """
    torch.library.register_fake(f"pyface3d::{name}")(_agreeing(name, fake, promotes))
    for device in ("cpu", "cuda"):
        torch.library.register_autocast(f"pyface3d::{name}", device, torch.float32, lib=_LIBRARY)
    _vmapped(name)
    if setup_context is None or backward is None:
        return
    _differentiable(name, setup_context, backward)
    if backward_fake is None:
        return
    torch.library.register_fake(f"pyface3d::{name}_backward")(_agreeing(f"{name}_backward", backward_fake, promotes))
    _differentiable(f"{name}_backward", lambda *_: None, _refuse(name))
    _vmapped(f"{name}_backward")
