"""Checks that an op keeps what torch promises of its own: autocast, transforms, compilation, checkpointing."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.utils.checkpoint import checkpoint

from pyface3d.testing.record import OpRecord
from pyface3d.testing.running import (
    assert_same,
    calls_below,
    cotangents,
    flat,
    fresh,
    mapped,
    outputs_of,
    run,
    same_bits,
)


def _floating(args: list[Any]) -> list[int]:
    return [i for i, a in enumerate(args) if isinstance(a, Tensor) and a.is_floating_point()]


def _usual(record: OpRecord, device: str) -> list[Any]:
    return record.wanting(record.sample(record.dtypes[0], device))


def double_backward(record: OpRecord, device: str) -> None:
    """A gradient's gradient is refused by a sentence."""
    args = _usual(record, device)
    wanting = [a for a in args if isinstance(a, Tensor) and a.requires_grad]
    if not wanting:
        return
    total = torch.stack([o.square().sum() for o in outputs_of(record.op, args) if o.requires_grad]).sum()
    grads = [g for g in torch.autograd.grad(total, wanting, create_graph=True, allow_unused=True) if g is not None]
    again = torch.stack([g.sum() for g in grads]).sum()
    _refuses(lambda: torch.autograd.grad(again, wanting, allow_unused=True), "double backward")


def _refuses(attempt: Any, words: str) -> None:
    try:
        attempt()
    except RuntimeError as error:
        assert words in str(error), error
    else:
        raise AssertionError(f"gave numbers instead of an error that speaks of {words}")


def forward_mode(record: OpRecord, device: str) -> None:
    """A tangent is refused by a sentence, it would count as zero: at any argument, of a gradient, at what arrives."""
    if not record.differentiable:
        return
    args = mapped(record.sample(record.dtypes[0], device), lambda a: a.detach())
    for i in [i for i in _floating(args) if record.arguments[i] in record.differentiable]:
        one = lambda x: outputs_of(record.op, [*args[:i], x, *args[i + 1 :]])  # noqa: B023, E731
        _refuses(lambda: torch.func.jvp(one, (args[i],), (torch.ones_like(args[i]),)), "forward-mode")  # noqa: B023
        with forward_ad.dual_level():
            dual = forward_ad.make_dual(args[i], torch.ones_like(args[i]))
            _refuses(lambda: one(dual), "forward-mode")  # noqa: B023
        total = lambda x: sum(o.square().sum() for o in one(x) if o.is_floating_point())  # noqa: B023, E731
        _refuses(lambda: torch.func.hessian(total)(args[i]), "forward-mode")  # noqa: B023
    leaves = record.wanting(args)
    live = [o for o in outputs_of(record.op, leaves) if o.requires_grad]
    wanting = [a for a in leaves if isinstance(a, Tensor) and a.requires_grad]
    with forward_ad.dual_level():
        arriving = [forward_ad.make_dual(torch.ones_like(o), torch.ones_like(o)) for o in live]
        _refuses(lambda: torch.autograd.grad(live, wanting, arriving, allow_unused=True), "forward-mode")


def function_transforms(record: OpRecord, device: str) -> None:
    """``torch.func.grad`` and ``vjp`` give autograd's gradients; ``vmap`` gives what a loop gives, of gradients too."""
    args = mapped(record.sample(record.dtypes[0], device), lambda a: a.detach())
    places = [record.arguments.index(name) for name in record.differentiable]
    places = [i for i in places if isinstance(args[i], Tensor)]

    def total(*changed: Tensor) -> Tensor:
        filled = list(args)
        for i, a in zip(places, changed, strict=True):
            filled[i] = a
        return sum(o.square().sum() for o in outputs_of(record.op, filled) if o.is_floating_point())  # type: ignore

    if places:
        leaves = [args[i].clone().requires_grad_() for i in places]
        expected = torch.autograd.grad(total(*leaves), leaves)
        gradients = torch.func.grad(total, tuple(range(len(places))))
        assert_same(list(gradients(*(args[i] for i in places))), list(expected), record.scale)
        twice = [torch.stack([args[i], args[i] * 0.5]) for i in places]
        mapped_over = torch.func.vmap(gradients)(*twice)
        alone = [gradients(*(a[j] for a in twice)) for j in range(2)]
        assert_same(list(mapped_over), [torch.stack(both) for both in zip(*alone, strict=True)], record.scale)
    floating = _floating(args)
    stacked = [torch.stack([a, a * 0.5]) if i in floating else a for i, a in enumerate(args)]
    in_dims = tuple(0 if i in floating else None for i in range(len(args)))
    over = torch.func.vmap(lambda *a: tuple(outputs_of(record.op, a)), in_dims)(*stacked)
    loop = [outputs_of(record.op, [a[j] if i in floating else a for i, a in enumerate(stacked)]) for j in range(2)]
    assert same_bits(over, [torch.stack(both) for both in zip(*loop, strict=True)]), "vmap differs from a loop"


def checkpointing(record: OpRecord, device: str) -> None:
    """``torch.utils.checkpoint`` of both kinds gives the same gradients."""
    args = _usual(record, device)
    expected = flat(run(record.op, fresh(args)))
    if not any(isinstance(a, Tensor) and a.requires_grad for a in args):
        return
    for reentrant in (False, True):
        leaves = fresh(args)
        outputs = outputs_of(lambda *a: checkpoint(record.op, *a, use_reentrant=reentrant), leaves)  # noqa: B023
        live = [o for o in outputs if o.requires_grad]
        torch.autograd.backward(live, cotangents(live))  # not grad: reentrant checkpointing refuses it
        grads = [a.grad for a in leaves if isinstance(a, Tensor) and a.requires_grad]
        assert same_bits(flat((outputs, grads)), expected), (
            f"checkpointing (reentrant: {reentrant}) changes the numbers"
        )


def autocast(record: OpRecord, device: str) -> None:
    """Under autocast half and bfloat16 arguments are computed in float32, as torch's losses do."""
    kind = torch.device(device).type
    for dtype in (torch.bfloat16, torch.float16):
        low = mapped(record.sample(torch.float32, device), lambda a: a.to(dtype))  # noqa: B023
        low = record.wanting(low)
        expected = run(record.op, fresh(low, torch.float32))
        with torch.autocast(kind, dtype=dtype):
            found = run(record.op, fresh(low))
        assert same_bits(flat((found[0], [])), flat((expected[0], []))), f"{dtype} under autocast gives other values"
        rounded = [None if g is None else g.to(dtype) for g in expected[1]]
        assert same_bits(flat(([], found[1])), rounded), f"{dtype} under autocast gives other gradients"


def promotion(record: OpRecord, device: str) -> None:
    """One float64 argument among float32 ones: computed in float64, each gradient in its argument's dtype."""
    args = record.sample(torch.float32, device)
    if not record.promotes:
        return
    for overload, given in calls_below(record.op, record.wanting(args)):
        expected = outputs_of(overload, mapped(given, Tensor.double))
        for i in _floating(given):
            mixed = [a.double() if j == i else a for j, a in enumerate(given)]
            assert_same(outputs_of(overload, mixed), expected, record.scale)
            with torch.inference_mode():
                assert_same(outputs_of(overload, mapped(mixed, lambda a: a.clone())), expected, record.scale)
    whole = run(record.op, record.wanting(mapped(args, Tensor.double)))
    for name in record.differentiable:
        mixed = [a.double() if other == name else a for other, a in zip(record.arguments, args, strict=False)]
        found = run(record.op, record.wanting(mixed))
        assert_same(flat((found[0], [])), flat((whole[0], [])), record.scale)
        wanting = [a for a in record.wanting(mixed) if isinstance(a, Tensor) and a.requires_grad]
        for leaf, have, want in zip(wanting, found[1], whole[1], strict=True):
            assert_same([have], [None if want is None else want.to(leaf.dtype)], record.scale)


def inference(record: OpRecord, device: str) -> None:
    """``torch.inference_mode`` and ``no_grad`` give the same bits."""
    args = record.sample(record.dtypes[0], device)
    expected = outputs_of(record.op, args)
    with torch.inference_mode():
        assert same_bits(outputs_of(record.op, mapped(args, lambda a: a.clone())), expected)
    with torch.no_grad():
        assert same_bits(outputs_of(record.op, record.wanting(args)), expected)


def compilation(record: OpRecord, device: str) -> None:
    """``torch.compile(fullgraph=True)`` static and dynamic, and ``torch.export``, give what eager calls give."""
    if not record.fullgraph:
        return
    args = _usual(record, device)
    expected = flat(run(record.op, fresh(args)))
    for dynamic in (False, True):
        torch._dynamo.reset()
        compiled = torch.compile(lambda *a: record.op(*a), fullgraph=True, dynamic=dynamic, backend="aot_eager")
        assert_same(flat(run(compiled, fresh(args))), expected, record.scale)
    torch._dynamo.reset()

    class Module(torch.nn.Module):
        def forward(self, tensors: list[Tensor]) -> Any:
            given = iter(tensors)
            return record.op(*(next(given) if isinstance(a, Tensor) else a for a in args))

    tensors = [a.detach() for a in args if isinstance(a, Tensor)]
    exported = torch.export.export(Module(), (tensors,)).module()
    assert_same(outputs_of(exported, (tensors,)), outputs_of(Module(), (tensors,)), record.scale)
