"""Teachers by name: methods of the library, and networks of others in files."""

from pathlib import Path

from pyface3d.methods.loading import load_method
from pyface3d.teachers.onnx_landmarks import NETWORKS
from pyface3d.teachers.teacher import MethodTeacher, Teacher


def load_teacher(
    name: str, weights: str | None = None, model: str | None = None, space: str | None = None
) -> tuple[Teacher, float]:
    """A teacher by name, and what it counts beside others.

    Args:
        name: a method's name, or ``NETWORK=FILE.onnx`` with a network of :data:`NETWORKS`; ``@SHARE`` behind it says
            what it counts, 1 where nothing is said.
        weights: of a method; None: those that ship.
        model: face model of a method's weights.
        space: whitening table of a method's weights.

    Raises:
        FileNotFoundError: a file that is missing, or a method without embedded weights.
        ValueError: unknown names, a share that is not positive, or files of something else.

    Example:
        >>> load_teacher("compact@0.7")[1]
        0.7
    """
    said, _, share = name.partition("@")
    kind, equals, file = said.partition("=")
    try:
        counts = float(share or 1)
    except ValueError:
        counts = 0.0
    if not 0 < counts < float("inf"):
        raise ValueError(f"teacher: NAME@SHARE wants a positive number, got {name!r}")
    if not equals:
        return MethodTeacher(load_method(kind, weights, model, space)), counts
    if kind not in NETWORKS:
        raise ValueError(f"teacher: NETWORK=FILE knows the networks {', '.join(NETWORKS)}, got {kind!r}")
    return NETWORKS[kind](Path(file)), counts
