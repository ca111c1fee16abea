"""Checks of an op's numbers against its reference: sizes, layouts, gradients, bits."""

import os
import select
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from pyface3d.testing.record import OpRecord
from pyface3d.testing.running import assert_same, calls_below, flat, fresh, mapped, outputs_of, run, same_bits


def _compare(record: OpRecord, args: list[Any], change: Callable[[Tensor], Tensor] = lambda a: a) -> None:
    """Outputs and gradients of op and reference, the op's arguments in another layout."""
    expected = flat(run(record.reference, fresh(args)))
    laid = mapped(fresh(args), lambda a: change(a).detach().requires_grad_(a.requires_grad))
    assert_same(flat(run(record.op, laid)), expected, record.scale)


def values(record: OpRecord, device: str) -> None:
    """Outputs and gradients equal the reference's, in each dtype, for each combination of choices."""
    for dtype in record.dtypes:
        for choice in record.every_choice():
            _compare(record, record.wanting(record.sample(dtype, device, choice=choice)))


def sizes(record: OpRecord, device: str) -> None:
    """The same for sizes of 1, of 0 alone and together, and around the kernels' blocks."""
    for size in record.every_size():
        _compare(record, record.wanting(record.sample(record.dtypes[-1], device, sizes=size)))
        _, grads = run(record.op, record.wanting(record.sample(record.dtypes[0], device, sizes=size)))
        assert all(g is None or g.isfinite().all() for g in grads), f"gradients not set at size {size}"


def strided(a: Tensor) -> Tensor:
    """The same values in memory with a gap after each element."""
    return torch.stack([a, a], -1)[..., 0]


def transposed(a: Tensor) -> Tensor:
    """The same values, the first dimension innermost in memory."""
    order = list(range(1, a.dim())) + [0] if a.dim() else []
    return a.permute(order).contiguous().permute([a.dim() - 1, *range(a.dim() - 1)]) if a.dim() else a


def sliced(a: Tensor) -> Tensor:
    """The same values behind an offset in a larger tensor."""
    return torch.cat([a[:1], a])[len(a[:1]) :] if a.dim() else a


LAYOUTS = (strided, transposed, sliced)


def layouts(record: OpRecord, device: str) -> None:
    """Strided, transposed and sliced arguments give what contiguous ones give, expanded ones too."""
    args = record.wanting(record.sample(record.dtypes[0], device))
    for change in LAYOUTS:
        _compare(record, args, change)
    repeated = mapped(args, lambda a: a[:1].expand_as(a).detach().requires_grad_(a.requires_grad) if a.dim() else a)
    expected = flat(run(record.op, fresh(repeated)))
    assert same_bits(flat(run(record.op, repeated)), expected), "expanded arguments give other numbers"


def subsets(record: OpRecord, device: str) -> None:
    """Each gradient alone is the one that comes with the others, and the others are left out."""
    args = record.sample(record.dtypes[0], device)
    _, together = run(record.op, record.wanting(args))
    for name, expected in zip(record.differentiable, together, strict=True):
        alone = record.wanting(args, [name])
        _, (grad,) = run(record.op, alone)
        assert_same([grad], [expected], record.scale)


def finite_differences(record: OpRecord, device: str) -> None:
    """``torch.autograd.gradcheck`` in float64."""
    args = record.wanting(record.sample(torch.float64, device))
    if record.smooth and any(isinstance(a, Tensor) and a.requires_grad for a in args):
        assert torch.autograd.gradcheck(record.op, args, fast_mode=True)


def arriving_gradients(record: OpRecord, device: str) -> None:
    """Gradients of the outputs may arrive expanded, strided and transposed."""
    args = record.wanting(record.sample(record.dtypes[0], device))
    for change in LAYOUTS:
        expected, found = flat(run(record.op, fresh(args))), flat(run(record.op, fresh(args), change))
        assert same_bits(found, expected), f"{change.__name__} gradients of the outputs give other gradients"
    expand = lambda g: g.flatten()[:1].view([1] * g.dim()).expand_as(g) if g.numel() else g  # noqa: E731
    expected = flat(run(record.op, fresh(args), lambda g: expand(g).contiguous()))
    assert same_bits(flat(run(record.op, fresh(args), expand)), expected), "expanded gradients give other gradients"


def bits(record: OpRecord, device: str) -> None:
    """The same bits twice, for one and two torch threads, and from eight Python threads at once."""
    args = record.wanting(record.sample(record.dtypes[0], device))
    threads, results = torch.get_num_threads(), []
    try:
        for count in (2, 2, 1):
            torch.set_num_threads(count)
            results.append(flat(run(record.op, fresh(args))))
    finally:
        torch.set_num_threads(threads)
    assert all(same_bits(results[0], other) for other in results[1:]), "bits differ between runs or thread counts"
    barrier = threading.Barrier(8)

    def at_once(_: int) -> list[Tensor | None]:
        barrier.wait()
        return flat(run(record.op, fresh(args)))

    with ThreadPoolExecutor(8) as pool:
        assert all(same_bits(results[0], other) for other in pool.map(at_once, range(8))), "Python threads interfere"


def after_fork(record: OpRecord, device: str) -> None:
    """A process forked from this one, as a data loader's workers are, computes the same bits."""
    if torch.device(device).type != "cpu" or not hasattr(os, "fork"):
        return
    args = record.sample(record.dtypes[0], device)
    expected = outputs_of(record.op, args)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            torch.set_num_threads(1)  # as torch's data loader does
            os.write(writer, b"same" if same_bits(outputs_of(record.op, args), expected) else b"other")
        finally:
            os._exit(0)
    os.close(writer)
    try:
        ready, _, _ = select.select([reader], [], [], 60)
        answer = os.read(reader, 16) if ready else b"nothing within a minute"
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reader)
    assert answer == b"same", f"a forked process computes {answer.decode() or 'nothing: it crashed'}"


def shapes(record: OpRecord, device: str) -> None:
    """Fakes know the shapes, dtypes and devices of outputs and gradients: meta tensors, ``torch.library.opcheck``."""
    for choice in record.every_choice():
        args = record.wanting(record.sample(record.dtypes[0], device, choice=choice))
        for overload, given in calls_below(record.op, args):
            meta = [a.to("meta") if isinstance(a, Tensor) else a for a in given]
            real, fake = overload(*given), overload(*meta)
            pairs = [(real, fake)] if isinstance(real, Tensor) else zip(real, fake, strict=True)
            for have, want in pairs:
                assert (have.shape, have.dtype) == (want.shape, want.dtype), (
                    f"the fake of {overload} gives {want.shape}"
                )


def opcheck(record: OpRecord, device: str) -> None:
    """``torch.library.opcheck`` of the op and of its backward."""
    args = record.wanting(record.sample(record.dtypes[0], device))
    for overload, given in calls_below(record.op, args):
        outputs = outputs_of(overload, given)
        # opcheck itself cannot add up integer outputs and differentiate
        forward = not overload._schema.name.endswith("_backward") and all(o.is_floating_point() for o in outputs)
        torch.library.opcheck(
            overload,
            tuple(a.requires_grad_() if forward and _wants(record, overload, i) else a for i, a in enumerate(given)),
        )


def _wants(record: OpRecord, overload: Any, position: int) -> bool:
    return overload._schema.arguments[position].name in record.differentiable
