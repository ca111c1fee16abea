"""Checks that an op refuses what does not fit, by a sentence, and never crashes; most are derived from its shapes."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from pyface3d.testing.record import OpRecord
from pyface3d.testing.running import calls_below

Call = tuple[Any, list[Any]]  # an overload and its arguments


def _calls(record: OpRecord, device: str, choice: Mapping[str, Any], **sizes: int) -> list[Call]:
    return calls_below(record.op, record.wanting(record.sample(record.dtypes[0], device, sizes, choice)))


def _every_call(record: OpRecord, device: str) -> Iterator[Call]:
    """The calls of the usual sample, and of those with one choice changed: arguments that may be absent are there."""
    for choice in record.one_choice_changed():
        yield from _calls(record, device, choice)


def _attempt(record: OpRecord, overload: Any, args: list[Any], what: str, words: str = "") -> None:
    """Calls with bad arguments: must fail with a sentence that begins with the op's name and has no path in it."""
    try:
        overload(*args)
    except RuntimeError as error:
        sentence = str(error).splitlines()[0]
        named = re.match(r"[a-z_0-9]+: ", sentence)
        whole = overload._schema.name.partition("::")[2]
        assert named and whole.startswith(named[0][:-2].removesuffix("_backward")), f"{what}: {sentence}"
        assert words in sentence and "/" not in sentence, f"{what}: {sentence}"
    else:
        raise AssertionError(f"{record.name}: {what} was not refused")


def dtypes(record: OpRecord, device: str) -> None:
    """Half precision outside of autocast, integers for numbers, other integers for indices: each is refused."""
    for overload, args in _every_call(record, device):
        for i, a in enumerate(args):
            if not isinstance(a, Tensor):
                continue
            others = [torch.float16, torch.int64] if a.is_floating_point() else [torch.float32, torch.int16]
            others += [torch.int32] if a.dtype == torch.int64 else []
            for dtype in others:
                changed = [*args[:i], a.to(dtype), *args[i + 1 :]]
                _attempt(record, overload, changed, f"{overload._schema.arguments[i].name} as {dtype}", "must")


def devices(record: OpRecord, device: str) -> None:
    """A tensor on another device is refused."""
    for overload, args in _every_call(record, device):
        if sum(isinstance(a, Tensor) for a in args) > 1:
            for i, a in enumerate(args):
                if isinstance(a, Tensor):
                    changed = [*args[:i], a.to("meta"), *args[i + 1 :]]
                    _attempt(record, overload, changed, f"{overload._schema.arguments[i].name} elsewhere", "device")


def _letters(
    record: OpRecord, device: str, choice: Mapping[str, Any]
) -> Iterator[tuple[Any, list[Any], dict[tuple[int, int], set[str]]]]:
    """Each call below the op with the letters that each (argument, dimension) depends on, found by changing sizes."""
    usual = _calls(record, device, choice)
    tied: list[dict[tuple[int, int], set[str]]] = [{} for _ in usual]
    for letter, size in record.sizes.items():
        for at, (_, args) in enumerate(_calls(record, device, choice, **{letter: size + 1})):
            for i, (a, b) in enumerate(zip(usual[at][1], args, strict=True)):
                for d in range(a.dim() if isinstance(a, Tensor) else 0):
                    tied[at].setdefault((i, d), set()).update({letter} if a.shape[d] != b.shape[d] else ())
    for (overload, args), letters in zip(usual, tied, strict=True):
        yield overload, args, letters


def shapes(record: OpRecord, device: str) -> None:
    """A dimension that must equal another's, or 3, and does not is refused; so are too few and too many dimensions."""
    for overload, args, letters in (
        c for choice in record.one_choice_changed() for c in _letters(record, device, choice)
    ):
        for (i, d), tied in letters.items():
            name = overload._schema.arguments[i].name
            if name in record.free or f"{name}.{d}" in record.free:
                continue
            shared = any(tied & other for key, other in letters.items() if key[0] != i)
            larger = torch.cat([args[i], args[i].narrow(d, 0, 1)], d) if args[i].shape[d] else args[i]
            smaller = args[i].narrow(d, 0, max(args[i].shape[d] - 1, 0))
            for changed in [larger] if not tied else [larger, smaller] if shared else []:
                call = [*args[:i], changed, *args[i + 1 :]]
                _attempt(record, overload, call, f"{name} of shape {tuple(changed.shape)}")
        for i in {i for i, _ in letters}:
            name = overload._schema.arguments[i].name
            if name in record.free or args[i].dim() == 0:
                continue
            for changed in (args[i][None], args[i].flatten()[:1].view(())):
                call = [*args[:i], changed, *args[i + 1 :]]
                _attempt(record, overload, call, f"{name} with {changed.dim()} dimensions", "must")


def indices(record: OpRecord, device: str) -> None:
    """An index out of range is refused where it can be read; on a GPU it reads nothing that is not there."""
    for overload, args in _every_call(record, device):
        for i, argument in enumerate(overload._schema.arguments):
            whole = f"{overload._schema.name.partition('::')[2]}.{argument.name}"
            letters = record.ranges.get(whole, record.ranges.get(argument.name))
            if letters is None or args[i] is None:
                continue
            for bad in (-2, math.prod(record.sizes[letter] for letter in letters)):
                if bad < 0 and argument.name == "triangle_ids":
                    continue  # of an id it says: no triangle
                changed = args[i].clone()
                changed.view(-1)[-1] = bad
                call = [*args[:i], changed, *args[i + 1 :]]
                if torch.device(device).type == "cpu":
                    _attempt(record, overload, call, f"{argument.name} {bad}")
                else:
                    overload(*call)
                    torch.cuda.synchronize()


def sentences(record: OpRecord, device: str) -> None:
    """The record's own errors: each with its sentence, in inference mode too."""
    for rejection in record.errors:
        if torch.device(device).type not in rejection.devices:
            continue
        args = dict(zip(record.arguments, record.sample(record.dtypes[0], device), strict=False))
        args |= rejection.change(dict(args))
        for mode in (torch.enable_grad(), torch.inference_mode()):
            try:
                with mode:
                    record.op(*args.values())
            except rejection.error as error:
                assert re.search(rejection.sentence, str(error)), str(error)
                assert "/" not in str(error).splitlines()[0], str(error)
            else:
                raise AssertionError(f"{record.name}: not refused: {rejection.sentence}")
