"""The record of each op: every ``OpRecord`` of a file in here is one. All that is checked of ops is checked of it."""

from importlib import import_module
from pkgutil import iter_modules

from pyface3d.testing.record import OpRecord

_FILES = [import_module(f"{__name__}.{file.name}") for file in iter_modules(__path__)]
#: every op's record by its name
RECORDS: dict[str, OpRecord] = {
    record.name: record for file in _FILES for record in vars(file).values() if isinstance(record, OpRecord)
}
