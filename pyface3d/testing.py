"""The op contract as one callable check, for this library's tests and for ops built on it."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor

# (rtol, atol) relative to values of order one; a looser one in a test carries its reason
TOLERANCE = {torch.float32: (1e-5, 1e-5), torch.float64: (1e-11, 1e-11)}


def assert_close(actual: Any, expected: Any, scale: float = 1.0) -> None:
    """``torch.testing.assert_close`` with this library's tolerances, ``atol`` multiplied by ``scale``."""
    dtype = actual.dtype if isinstance(actual, Tensor) else actual[0].dtype
    rtol, atol = TOLERANCE.get(dtype, (0.0, 0.0))
    torch.testing.assert_close(actual, expected, rtol=rtol, atol=atol * scale)


def _mapped(args: Sequence[Any], change: Callable[[Tensor], Tensor]) -> list[Any]:
    return [change(a) if isinstance(a, Tensor) and a.is_floating_point() else a for a in args]


def _fresh(args: Sequence[Any], dtype: torch.dtype | None = None) -> list[Any]:
    return _mapped(args, lambda a: a.detach().to(dtype or a.dtype).clone().requires_grad_(a.requires_grad))


def _strided(a: Tensor) -> Tensor:
    """The same values in memory with a gap after each element."""
    return torch.stack([a, a], -1)[..., 0].detach().requires_grad_(a.requires_grad)


def _run(function: Callable, args: Sequence[Any]) -> tuple[list, list]:
    """Outputs, and gradients of all inputs that want one under random but fixed cotangents."""
    outputs = function(*args)
    outputs = list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]
    wanting = [a for a in args if isinstance(a, Tensor) and a.requires_grad]
    live = [o for o in outputs if o.requires_grad]
    if not wanting or not live:
        return outputs, []
    generator = torch.Generator().manual_seed(0)
    seeds = [torch.rand(o.shape, generator=generator, dtype=torch.float64).to(o) for o in live]
    return outputs, list(torch.autograd.grad(live, wanting, seeds, allow_unused=True))


def check_op(
    function: Callable,
    reference: Callable,
    args: Sequence[Any],
    *,
    opcheck: tuple[Any, Sequence[Any]] | None = None,
    gradcheck: bool = True,
    scale: float = 1.0,
    dtypes: Sequence[torch.dtype] = (torch.float32, torch.float64),
    compile: bool = True,
) -> None:
    """Holds an op to the contract: values, gradients, layouts, bits, compilation, refusal of double backward.

    Args:
        function: the public op.
        reference: the same function in plain torch.
        args: arguments; floating tensors that require a gradient are differentiated.
        opcheck: (overload, its positional arguments) for ``torch.library.opcheck``; default: none.
        gradcheck: whether to compare with finite differences in float64 (choose small arguments).
        scale: magnitude of the outputs, multiplies the absolute tolerance.
        dtypes: the dtypes to compare in.
        compile: whether to compile with ``fullgraph=True``, static and dynamic.

    Raises:
        AssertionError: naming what does not hold.

    Example:
        >>> import torch
        >>> from pyface3d import ops
        >>> from pyface3d.ops import reference
        >>> from pyface3d.testing import check_op
        >>> args = (torch.rand(2, 5, 3, requires_grad=True), torch.rand(2, 3, 4))
        >>> check_op(ops.project_weak_perspective, reference.project_weak_perspective, args, compile=False)
    """
    for dtype in dtypes:
        expected = _run(reference, _fresh(args, dtype))
        for variant in (lambda a: a, _strided):
            actual = _run(function, _mapped(_fresh(args, dtype), variant))
            for have, want in zip(actual[0] + actual[1], expected[0] + expected[1], strict=True):
                if want is not None and want.is_floating_point():
                    assert have.dtype == want.dtype, (have.dtype, want.dtype)
                    assert_close(have, want, scale)
                elif want is not None:
                    assert torch.equal(have, want)
    _check_bits(function, args)
    with torch.inference_mode():
        function(*_mapped(args, lambda a: a.detach()))
    double = _fresh(args, torch.float64)
    wanting = any(isinstance(a, Tensor) and a.requires_grad for a in args)
    if gradcheck and wanting:
        assert torch.autograd.gradcheck(function, double)
        _check_no_double_backward(function, _fresh(args, torch.float64))
    if opcheck is not None:
        torch.library.opcheck(opcheck[0], tuple(opcheck[1]))
    if compile:
        _check_compile(function, args)


def _check_bits(function: Callable, args: Sequence[Any]) -> None:
    """The same bits twice, and for one and two threads."""
    threads, results = torch.get_num_threads(), []
    try:
        for count in (2, 2, 1):
            torch.set_num_threads(count)
            outputs, grads = _run(function, _fresh(args))
            results.append(outputs + [g for g in grads if g is not None])
    finally:
        torch.set_num_threads(threads)
    for other in results[1:]:
        for first, second in zip(results[0], other, strict=True):
            same = torch.equal(first, second) or torch.equal(first.nan_to_num(), second.nan_to_num())
            assert same, "bits differ between runs or thread counts"


def _check_no_double_backward(function: Callable, args: Sequence[Any]) -> None:
    outputs = function(*args)
    outputs = outputs if isinstance(outputs, (tuple, list)) else [outputs]
    total = sum(o.square().sum() for o in outputs if o.requires_grad)
    wanting = [a for a in args if isinstance(a, Tensor) and a.requires_grad]
    grads = [g for g in torch.autograd.grad(total, wanting, create_graph=True, allow_unused=True) if g is not None]
    try:
        torch.autograd.grad(cast(Tensor, sum(g.sum() for g in grads)), wanting, allow_unused=True)
    except RuntimeError as error:
        assert "double backward" in str(error), error
    else:
        raise AssertionError("double backward gave numbers instead of an error")


def _check_compile(function: Callable, args: Sequence[Any]) -> None:
    expected = _run(function, _fresh(args))
    for dynamic in (False, True):
        torch._dynamo.reset()
        compiled = torch.compile(lambda *a: function(*a), fullgraph=True, dynamic=dynamic, backend="aot_eager")
        actual = _run(compiled, _fresh(args))
        for have, want in zip(actual[0] + actual[1], expected[0] + expected[1], strict=True):
            assert want is None or torch.equal(have, want) or torch.allclose(have, want, equal_nan=True)
