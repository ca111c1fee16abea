"""Networks in ONNX files of others, opened by onnxruntime. Needs no torch."""

import os
from typing import Any

from pyface3d.foreign.damage import one_line
from pyface3d.foreign.regular import read_bytes


def open_session(
    path: str | os.PathLike[str],
    caller: str,
    threads: int = 0,
    providers: tuple[str, ...] = ("CPUExecutionProvider",),
) -> Any:
    """The onnxruntime session of a file.

    The file is handed over as bytes, so that it cannot name other files for its weights.

    Args:
        path: the file.
        caller: name of the function that asks, for its sentences.
        threads: of the network; 0: as many as there are cores.
        providers: onnxruntime's execution providers, the preferred one first.

    Raises:
        ImportError: onnxruntime is not installed.
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError(f"{caller} needs onnxruntime, which is not installed: pip install onnxruntime") from error
    if not os.path.exists(path):
        raise FileNotFoundError(f"{caller}: no file {os.fspath(path)}")
    content = read_bytes(path, "model_bytes")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads belong to the kernels
    options.log_severity_level = 4
    try:
        # its second attempt would print to standard output and fail as the first one did
        return onnxruntime.InferenceSession(content, options, providers=list(providers), enable_fallback=0)
    except Exception as error:  # onnxruntime's own types, which are not exported by name
        raise ValueError(f"{caller}: {path} is no ONNX file that can be run: {one_line(error)}") from error
