"""What there is to know of an op for testing it, in one record; everything else is derived (as from torch's OpInfo)."""

import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pyface3d import ops
from pyface3d.ops import reference


class Draw:
    """Random but fixed tensors of one dtype on one device, made on the CPU: the same numbers everywhere."""

    def __init__(self, dtype: torch.dtype = torch.float32, device: str | torch.device = "cpu", seed: int = 0) -> None:
        self.dtype, self.device = dtype, torch.device(device)
        self._generator = torch.Generator(device="cpu").manual_seed(seed)

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers."""
        return self._moved(torch.randn, shape)

    def uniform(self, *shape: int) -> Tensor:
        """Numbers in [0, 1)."""
        return self._moved(torch.rand, shape)

    def _moved(self, draw: Callable[..., Tensor], shape: tuple[int, ...]) -> Tensor:
        drawn = draw(shape, generator=self._generator, dtype=torch.float64, device="cpu")
        return drawn.to(self.device, self.dtype)

    def integers(self, high: int, *shape: int, dtype: torch.dtype = torch.int64) -> Tensor:
        """Integers in [0, high)."""
        drawn = torch.randint(max(high, 1), shape, generator=self._generator, device="cpu")
        return drawn.to(self.device, dtype)


@dataclass(frozen=True)
class Rejection:
    """Arguments that an op must refuse.

    Attributes:
        sentence: regular expression that the error's sentence must match.
        change: makes the bad values by argument name from the good ones.
        error: the exception's type.
        devices: where values (not shapes) are looked at: reading them back would make a GPU wait.
    """

    sentence: str
    change: Callable[[dict[str, Any]], dict[str, Any]]
    error: type[Exception] = RuntimeError
    devices: tuple[str, ...] = ("cpu", "cuda")


@dataclass(frozen=True)
class OpRecord:
    """One op: what it is compared with, its sample arguments, what it refuses.

    Attributes:
        name: schema name, equal to the public function's.
        build: makes the arguments: called with a :class:`Draw`, with the sizes and with the choices.
        sizes: the letters of the shapes and their usual sizes (small: gradients are compared with finite differences).
        op: the function under test; its parameters, tensors and plain values, name the arguments. None: that of
            ``pyface3d.ops``. An op whose public function takes an object is given as a function of the tensors in it.
        reference: the same function in plain torch; None: that of ``pyface3d.ops.reference``.
        differentiable: names of the arguments that have a gradient.
        edges: further sizes of a letter, one at a time: 1, and those around each block of the kernels.
        least: the smallest size of a letter where that is not 0.
        choices: keyword arguments of ``build`` and the values to try; the first is the usual one.
        errors: arguments it must refuse, beyond those that are derived (:mod:`pyface3d.testing.refusals`).
        ranges: names of the schema's arguments that hold indices, and the letters of the size they must stay below;
            after an overload's name and a point where the other overloads do not read them.
        free: schema arguments, or dimensions of them ("basis.2"), that may take other sizes; ``errors`` hold what is
            refused.
        smooth: whether the gradient is that of the values (False: the op holds something constant that depends on its
            arguments, or rounds), so that finite differences must agree.
        dtypes: the dtypes that it takes outside of autocast.
        devices: where it runs.
        scale: magnitude of the outputs, multiplies the absolute tolerance.
        promotes: whether mixed float32 and float64 arguments are computed in float64.
        fullgraph: whether ``torch.compile(fullgraph=True)`` and ``torch.export`` take it.

    Example:
        >>> from pyface3d.testing import OpRecord, check_op
        >>> record = OpRecord(
        ...     name="project_weak_perspective",
        ...     build=lambda draw, B, N: (draw.normal(B, N, 3), draw.normal(B, 3, 4)),
        ...     sizes={"B": 2, "N": 5},
        ...     differentiable=("vertices", "pose"),
        ... )
        >>> check_op(record, only=("values", "layouts"))
    """

    name: str
    build: Callable[..., Sequence[Any]]
    sizes: Mapping[str, int]
    op: Callable[..., Any] = None  # type: ignore[assignment]
    reference: Callable[..., Any] = None  # type: ignore[assignment]
    differentiable: tuple[str, ...] = ()
    edges: Mapping[str, Sequence[int]] = field(default_factory=dict)
    least: Mapping[str, int] = field(default_factory=dict)
    choices: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    errors: Sequence[Rejection] = ()
    ranges: Mapping[str, str] = field(default_factory=dict)
    free: tuple[str, ...] = ()
    smooth: bool = True
    dtypes: tuple[torch.dtype, ...] = (torch.float32, torch.float64)
    devices: tuple[str, ...] = ("cpu", "cuda")
    scale: float = 1.0
    promotes: bool = True
    fullgraph: bool = True

    def __post_init__(self) -> None:
        for field_name, module in (("op", ops), ("reference", reference)):
            if getattr(self, field_name) is None:
                object.__setattr__(self, field_name, getattr(module, self.name))

    @property
    def arguments(self) -> tuple[str, ...]:
        """Names of the arguments, in order."""
        return tuple(inspect.signature(self.op).parameters)

    def sample(
        self,
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = "cpu",
        sizes: Mapping[str, int] | None = None,
        choice: Mapping[str, Any] | None = None,
    ) -> list[Any]:
        """Arguments of the usual sizes and choices, but for the given ones."""
        usual = {name: values[0] for name, values in self.choices.items()}
        arguments = self.build(Draw(dtype, device), **{**self.sizes, **(sizes or {})}, **{**usual, **(choice or {})})
        return list(arguments)

    def every_choice(self) -> Iterator[dict[str, Any]]:
        """All combinations of choices, the usual one first."""
        for values in itertools.product(*self.choices.values()):
            yield dict(zip(self.choices, values, strict=True))

    def one_choice_changed(self) -> Iterator[dict[str, Any]]:
        """The usual choices, then each other value of one of them."""
        yield {}
        for name, values in self.choices.items():
            yield from ({name: value} for value in values[1:])

    def every_size(self) -> Iterator[dict[str, int]]:
        """Changed sizes: each edge, each letter zero, two and all of them zero."""
        for letter, sizes in self.edges.items():
            yield from ({letter: size} for size in sizes)
        zeroable = [letter for letter in self.sizes if self.least.get(letter, 0) == 0]
        for count in {1, 2, len(zeroable)}:
            for letters in itertools.combinations(zeroable, count):
                yield dict.fromkeys(letters, 0)

    def wanting(self, arguments: Sequence[Any], names: Sequence[str] | None = None) -> list[Any]:
        """The arguments as leaves, of which the named ones (None: all differentiable ones) require a gradient."""
        names = self.differentiable if names is None else names
        return [
            a.detach().requires_grad_(name in names) if isinstance(a, Tensor) and a.is_floating_point() else a
            for name, a in zip(self.arguments, arguments, strict=False)
        ]


def instead(sentence: str, error: type[Exception] = RuntimeError, **values: Any) -> Rejection:
    """A :class:`Rejection` of the given values; a function among them makes its value from the good one."""

    def change(args: dict[str, Any]) -> dict[str, Any]:
        return {name: value(args[name]) if callable(value) else value for name, value in values.items()}

    return Rejection(sentence, change, error)
