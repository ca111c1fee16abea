"""A stack machine for pickles whose every value is plain or inert."""

from collections.abc import Callable, Mapping
from typing import Any

from pyface3d.foreign.limits import limits
from pyface3d.foreign.opcodes import Cursor, RefusedError, opcodes
from pyface3d.foreign.stand_ins import Name, PickledArray, PickledType, Stored, key

_OLD_MODULES = {"__builtin__": "builtins", "copy_reg": "copyreg"}  # Python 2's names
_DEEPEST = 100  # containers within containers
_FREE = 100_000  # containers and memo entries that a file of any size may have
_MARK = object()
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": dict, "EMPTY_SET": set, "MARK": lambda: _MARK,
}  # fmt: skip


class Machine:
    """Runs one pickle.

    Args:
        content: the bytes.
        names: (module, name) to the stand-ins that may be asked for.
        persistent: makes an object of a persistent id; None refuses them.
        at: where the pickle begins.
    """

    def __init__(
        self,
        content: bytes,
        names: Mapping[tuple[str, str], Name],
        persistent: Callable[[Any], Any] | None = None,
        at: int = 0,
    ) -> None:
        self.cursor, self.names, self.persistent = Cursor(content, at), names, persistent
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}  # as many entries as opcodes put there, whatever their numbers
        self.size = len(content)
        self.copies = limits().unpacked(self.size)  # bytes that calls may still copy: one buffer serves many calls
        self.containers = _FREE + self.size // 16  # that may still be made

    def run(self) -> Any:
        """The object; RefusedError for what is not read from files, ValueError for damage."""
        for name, argument in opcodes(self.cursor):
            self._do(name, argument)
        value = self._pop()
        return _Resolver(64 * self.size + _FREE).resolve(value, 0)

    def _do(self, name: str, argument: Any) -> None:
        if name in _COSTLY:
            self.containers -= 1
        if self.containers < 0 or len(self.memo) > _FREE + self.size // 8:
            raise ValueError("it has more containers or memo entries than its size allows")
        if name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name]())
        elif name in _ACTIONS:
            _ACTIONS[name](self)
        elif name.endswith("PUT"):
            self.memo[argument] = self.stack[-1]
        elif name.endswith("GET"):
            self.stack.append(self.memo[argument])
        elif name == "GLOBAL":
            self._name(*argument)
        elif name not in ("PROTO", "FRAME", "STOP"):
            self.stack.append(argument)

    def _pop(self) -> Any:
        value = self.stack.pop() if self.stack else _MARK
        if value is _MARK:
            raise ValueError("an opcode finds no value")
        return value

    def _pop_to_mark(self) -> list[Any]:
        values = []
        while (value := self.stack.pop()) is not _MARK:
            values.append(value)
        return values[::-1]

    def _name(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise ValueError("a name is no text")
        module = _OLD_MODULES.get(module, module)
        if (module, name) not in self.names:
            raise RefusedError(f"{module}.{name}"[:200])
        self.stack.append(self.names[module, name])

    def _stack_name(self) -> None:
        name = self._pop()
        self._name(self._pop(), name)

    def _call(self) -> None:
        arguments, called = self._pop(), self._pop()
        if not isinstance(called, Name) or not isinstance(arguments, tuple):
            raise RefusedError(f"a call of {type(called).__name__}")
        self._spend(arguments)
        self.stack.append(called.make(*arguments))

    def _build(self) -> None:
        state, built = self._pop(), self.stack[-1]
        self._spend((state,))
        if isinstance(built, (PickledArray, PickledType)):
            built.build(state)
        elif isinstance(built, Stored):
            built.state = state
        elif state or not isinstance(built, dict):  # an OrderedDict may carry an empty state
            if not (isinstance(built, dict) and isinstance(state, dict)):
                raise RefusedError(f"a state of {type(built).__name__}")

    def _spend(self, arguments: tuple[Any, ...]) -> None:
        inner = [
            value for part in arguments for value in (part if isinstance(part, tuple) and len(part) < 9 else (part,))
        ]
        self.copies -= sum(
            64 + len(value) * (1 if isinstance(value, (str, bytes)) else 64)
            for value in inner
            if hasattr(value, "__len__")
        )
        if self.copies < 0:
            raise ValueError("it copies its content more often than its size allows")

    def _extend(self, values: list[Any], kind: type) -> None:
        into = self.stack[-1]
        if not isinstance(into, kind):
            raise ValueError(f"an opcode adds to {type(into).__name__} instead of {kind.__name__}")
        if isinstance(into, list):
            into.extend(values)
        elif isinstance(into, set):
            into.update(map(key, values))
        elif isinstance(into, dict):
            into.update(_mapping(values))

    def _append(self) -> None:
        value = self._pop()
        self._extend([value], list)

    def _set_item(self) -> None:
        value = self._pop()
        self._extend([self._pop(), value], dict)

    def _tuple(self, size: int) -> None:
        values = [self._pop() for _ in range(size)]
        self.stack.append(tuple(values[::-1]))

    def _memoize(self) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def _persistent(self) -> None:
        if self.persistent is None:
            raise RefusedError("the opcode BINPERSID")
        self.stack.append(self.persistent(self._pop()))


def _mapping(values: list[Any]) -> dict[Any, Any]:
    if len(values) % 2:
        raise ValueError("a mapping lacks a value")
    return {key(name): value for name, value in zip(values[::2], values[1::2])}


_ACTIONS: dict[str, Callable[[Machine], None]] = {
    "STACK_GLOBAL": Machine._stack_name, "REDUCE": Machine._call, "NEWOBJ": Machine._call, "BUILD": Machine._build,
    "APPEND": Machine._append, "SETITEM": Machine._set_item, "MEMOIZE": Machine._memoize,
    "APPENDS": lambda machine: machine._extend(machine._pop_to_mark(), list),
    "SETITEMS": lambda machine: machine._extend(machine._pop_to_mark(), dict),
    "ADDITEMS": lambda machine: machine._extend(machine._pop_to_mark(), set),
    "LIST": lambda machine: machine.stack.append(machine._pop_to_mark()),
    "TUPLE": lambda machine: machine.stack.append(tuple(machine._pop_to_mark())),
    "DICT": lambda machine: machine.stack.append(_mapping(machine._pop_to_mark())),
    "FROZENSET": lambda machine: machine.stack.append(frozenset(map(key, machine._pop_to_mark()))),
    "TUPLE1": lambda machine: machine._tuple(1), "TUPLE2": lambda machine: machine._tuple(2),
    "TUPLE3": lambda machine: machine._tuple(3), "BINPERSID": Machine._persistent,
}  # fmt: skip


_COSTLY = frozenset(
    "EMPTY_LIST EMPTY_DICT EMPTY_SET LIST DICT FROZENSET TUPLE TUPLE1 TUPLE2 TUPLE3 REDUCE NEWOBJ".split()
)


class _Resolver:
    """Puts arrays in the place of their stand-ins, and bounds what walking through the result costs."""

    def __init__(self, most: int) -> None:
        self.most, self.sizes = most, dict[int, int]()
        self.resolved: dict[int, Any] = {}
        self.inside: set[int] = set()

    def resolve(self, value: Any, depth: int) -> Any:
        if isinstance(value, PickledArray):
            return value.array()
        if isinstance(value, (PickledType, Name)) or value is _MARK:
            raise RefusedError(f"{value if isinstance(value, Name) else 'a bare element type'} as content")
        if not isinstance(value, (list, tuple, dict, Stored)):
            return value
        if id(value) in self.inside or depth > _DEEPEST:
            raise ValueError(f"it nests more than {_DEEPEST} containers, or one within itself")
        if id(value) not in self.resolved:
            self.inside.add(id(value))
            self.resolved[id(value)] = self._copy(value, depth + 1)
            self.inside.remove(id(value))
        return self.resolved[id(value)]

    def _copy(self, value: Any, depth: int) -> Any:
        copy: Any
        if isinstance(value, Stored):
            copy = Stored()
            copy.state = self.resolve(value.state, depth)
            children: Any = (value.state,)
        elif isinstance(value, dict):
            copy = {name: self.resolve(child, depth) for name, child in value.items()}
            children = value.values()
        else:
            copy = type(value)(self.resolve(child, depth) for child in value)
            children = value
        # one that is shared counts wherever it stands: lists of the same list twice, thirty deep, never end
        self.sizes[id(value)] = 1 + sum(self.sizes.get(id(child), 1) for child in children)
        if self.sizes[id(value)] > self.most:
            raise ValueError("its containers hold each other more often than its size allows")
        return copy
