"""Arrays of an HDF5 file, read by h5py in a process of its own: the format's C library crashes on some broken files.

Refused are links and storage in other files, virtual data sets and filters that would be loaded as plug-ins, and data
sets that are far larger than the file (a fill value stands for any number of elements).
"""

import os
from typing import Any

import numpy as np

from pyface3d.foreign.arrays import checked_array, plain_dtype
from pyface3d.foreign.child import Child, ToldError, answer, reader, requests
from pyface3d.foreign.damage import one_line, reading
from pyface3d.foreign.limits import limits
from pyface3d.foreign.regular import open_regular


def read_hdf5(path: str | os.PathLike[str], names: list[str], caller: str = "load_model") -> dict[str, np.ndarray]:
    """The data sets of these names that the file has.

    Args:
        path: the file.
        names: full names, such as ``shape/model/mean``.
        caller: whose sentence an error is.

    Raises:
        ImportError: h5py is not installed.
        OSError: there is no such file.
        ValueError: the file is damaged, or holds something else than plain arrays of its own.
    """
    try:
        import h5py  # noqa: F401  (its child process needs it)
    except ImportError as error:
        raise ImportError(f"{caller}: {path} is HDF5, which needs h5py: pip install 'pyface3d[hdf5]'") from error
    with reading(path, caller):
        with open_regular(path) as stream:
            size = os.fstat(stream.fileno()).st_size
        most, seconds = min(limits().unpacked(size), limits().model_bytes), limits().reader_seconds
        with reader("pyface3d.foreign.hdf5") as child:
            child.ask({"path": os.path.abspath(path), "names": names, "most": most}, 2 * most)
            told = child.line(seconds)
            if "error" in told:
                raise ToldError(told["error"])
            return {name: _array(child, kind, shape, most, seconds) for name, (kind, shape) in told.items()}


def _array(child: Child, kind: str, shape: list[int], most: int, seconds: float) -> np.ndarray:
    dtype = plain_dtype(kind)
    size = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if size > most:
        raise ValueError("its parser answers nonsense")
    return checked_array(child.take(size, seconds).data, dtype, shape)


def _serve() -> None:
    for asked in requests():
        _answer(asked)


def _answer(asked: dict[str, Any]) -> None:
    import h5py

    try:
        with h5py.File(asked["path"], "r") as file:
            arrays = {
                name: _read(file, name, asked["most"]) for name in asked["names"] if _find(file, name) is not None
            }
        if sum(array.nbytes for array in arrays.values()) > asked["most"]:
            raise ValueError("its data sets are far larger than the file; the limit model_ratio can be raised")
    except Exception as error:  # h5py raises what its C library says, of any type
        answer({"error": one_line(error)})
        return
    answer({name: (array.dtype.str, array.shape) for name, array in arrays.items()}, *arrays.values())


def _find(file: Any, name: str) -> Any:
    """The object of a name, followed through the file's own links only; None where there is none."""
    import h5py

    here = file
    for part in name.split("/"):
        link = here.get(part, getlink=True) if isinstance(here, h5py.Group) else None
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise ValueError(f"{name} is a link to elsewhere, which is not followed")
        here = here[part]
    return here


def _read(file: Any, name: str, most: int) -> np.ndarray:
    import h5py

    data = _find(file, name)
    if not isinstance(data, h5py.Dataset):
        raise ValueError(f"{name} is no data set")
    if data.is_virtual or data.external:
        raise ValueError(f"{name} is stored in other files, which are not read")
    if data.dtype.kind not in "iufb" or data.nbytes > most:
        raise ValueError(f"{name} is no array of numbers of the file's size ({data.nbytes} bytes of {data.dtype})")
    return np.ascontiguousarray(data[()])


if __name__ == "__main__":
    _serve()
