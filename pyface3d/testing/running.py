"""Running an op and its reference on the same arguments: outputs, gradients, the calls below, comparison."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

# (rtol, atol) relative to values of order one; a looser one in a test carries its reason
TOLERANCE = {torch.float32: (1e-5, 1e-5), torch.float64: (1e-11, 1e-11)}


def assert_close(actual: Any, expected: Any, scale: float = 1.0) -> None:
    """``torch.testing.assert_close`` with this library's tolerances, ``atol`` multiplied by ``scale``."""
    dtype = actual.dtype if isinstance(actual, Tensor) else actual[0].dtype
    rtol, atol = TOLERANCE.get(dtype, (0.0, 0.0))
    torch.testing.assert_close(actual, expected, rtol=rtol, atol=atol * scale, equal_nan=True)


def mapped(args: Sequence[Any], change: Callable[[Tensor], Tensor]) -> list[Any]:
    """The arguments with each floating tensor changed."""
    return [change(a) if isinstance(a, Tensor) and a.is_floating_point() else a for a in args]


def fresh(args: Sequence[Any], dtype: torch.dtype | None = None) -> list[Any]:
    """The arguments as new leaves with the same wishes for gradients, in another dtype."""
    return mapped(args, lambda a: a.detach().to(dtype or a.dtype).clone().requires_grad_(a.requires_grad))


def outputs_of(function: Callable, args: Sequence[Any]) -> list[Tensor]:
    """The outputs as a list."""
    outputs = function(*args)
    return list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]


def cotangents(outputs: Sequence[Tensor]) -> list[Tensor]:
    """Random but fixed gradients of the outputs."""
    generator = torch.Generator(device="cpu").manual_seed(0)
    return [torch.rand(o.shape, generator=generator, dtype=torch.float64, device="cpu").to(o) for o in outputs]


def run(
    function: Callable, args: Sequence[Any], seed: Callable[[Tensor], Tensor] = lambda g: g
) -> tuple[list[Tensor], list[Tensor | None]]:
    """Outputs, and gradients of all inputs that want one under cotangents that went through ``seed``."""
    outputs = outputs_of(function, args)
    wanting = [a for a in args if isinstance(a, Tensor) and a.requires_grad]
    live = [o for o in outputs if o.requires_grad]
    if not wanting or not live:
        return outputs, [None] * len(wanting)
    seeds = [seed(g) for g in cotangents(live)]
    return outputs, list(torch.autograd.grad(live, wanting, seeds, allow_unused=True))


def flat(results: tuple[list[Tensor], list[Tensor | None]]) -> list[Tensor | None]:
    """Outputs and gradients in one list, without graphs."""
    return [x if x is None else x.detach() for x in (*results[0], *results[1])]


def assert_same(actual: Sequence[Tensor | None], expected: Sequence[Tensor | None], scale: float = 1.0) -> None:
    """Compares lists of outputs and gradients; a gradient that the reference leaves out counts as zero."""
    assert len(actual) == len(expected), (len(actual), len(expected))
    for have, want in zip(actual, expected, strict=True):
        if have is None or want is None:
            other = want if have is None else have
            assert other is None or not other.any(), "a gradient is missing that is not zero"
            continue
        assert have.dtype == want.dtype, (have.dtype, want.dtype)
        if want.is_floating_point():
            assert_close(have, want, scale)
        else:
            assert torch.equal(have, want)


def same_bits(first: Sequence[Tensor | None], second: Sequence[Tensor | None]) -> bool:
    """Whether all are equal, NaN to NaN."""
    return all(
        a is b or (a is not None and b is not None and torch.equal(a.nan_to_num(), b.nan_to_num()))
        for a, b in zip(first, second, strict=True)
    )


class Calls(TorchDispatchMode):
    """Keeps the calls of this library's ops, backward ops included, with their arguments."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[Any, tuple[Any, ...]]] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function.namespace == "pyface3d":
            self.found.append((function, args))
        return function(*args, **(kwargs or {}))


def calls_below(function: Callable, args: Sequence[Any]) -> list[tuple[Any, list[Any]]]:
    """(overload, arguments) of each of this library's ops that a forward and a backward pass call."""
    with Calls() as calls:
        run(function, args)
    return [(overload, mapped(given, lambda a: a.detach())) for overload, given in calls.found]
