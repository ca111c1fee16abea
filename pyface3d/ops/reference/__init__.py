"""The slow truth of each op in plain torch: what the kernels must equal. For tests, benchmarks and double backward.

A function of each public op's name, from the file that the op's has in :mod:`pyface3d.ops`; nothing is listed here.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

for _file in iter_modules(__path__):
    _module = import_module(f"{__name__}.{_file.name}")
    for _name, _value in vars(_module).items():
        if getattr(_value, "__module__", None) == _module.__name__ and not _name.startswith("_"):
            setattr(sys.modules[__name__], _name, _value)

if TYPE_CHECKING:

    def __getattr__(name: str) -> Callable[..., Any]: ...
