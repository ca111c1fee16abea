"""How the embedded model stores its bases and triangles: as small numbers, which deflate well. Nothing is lost.

A face is nearly its own mirror image: one half of it foretells the other, and a blendshape of the left that of the
right. What is stored are the differences of float16 numbers as bits: 1 between neighbors.
"""

import numpy as np

_SIGN = np.uint16(0x8000)


def _folded(differences: np.ndarray) -> np.ndarray:
    """0, -1, 1, -2, ... in uint16 -> 0, 1, 2, 3, ...: small differences have small numbers."""
    return (differences << 1) ^ (np.uint16(0) - (differences >> 15))


def _unfolded(numbers: np.ndarray) -> np.ndarray:
    return (numbers >> 1) ^ (np.uint16(0) - (numbers & 1))


def _order(mirror: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Vertices with those that another foretells last; each one's mirror in that order; how many come before."""
    foretold = mirror < np.arange(len(mirror))
    order = np.argsort(foretold, kind="stable")
    return order, np.argsort(order)[mirror[order]], len(mirror) - int(foretold.sum())


def _foretold(bits: np.ndarray, mirror: np.ndarray, kept: int, k: int, twin: int) -> tuple[slice, np.ndarray]:
    """Which vertices of column ``k`` its twin foretells, and the bits (3, n) that they should have."""
    column = abs(twin) - 1
    vertices = slice(kept if column == k else 0, None)  # its own mirror image: one half by the other
    image = np.take(bits[column], mirror[vertices], axis=1)
    image[slice(0, 1) if twin > 0 else slice(1, 3)] ^= _SIGN  # a mirror turns x; its opposite turns y and z
    image[image == _SIGN] = 0  # no number is -0
    return vertices, image


def pack_basis(basis: np.ndarray, mirror: np.ndarray, twins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """High and low bytes of what remains of a basis once its mirror images are taken off.

    Args:
        basis: (K, 3, N) float16.
        mirror: (N,) the vertex on the other side of each, or the vertex itself.
        twins: (K,) signed: 1 + the column that column k is the mirror image of (negative: the opposite of it), k or one
            before it; 0: none.

    Example:
        >>> basis = np.array([[[-1.0, 1.0], [2.0, 2.0], [0.5, 0.5]]], np.float16)
        >>> pack_basis(basis, np.array([1, 0]), np.array([1]))[0][0].tolist()
        [[188, 0], [64, 0], [56, 0]]
    """
    order, mirror, kept = _order(mirror)
    bits = basis.view(np.uint16)[:, :, order]
    rest = bits.copy()
    for k in np.flatnonzero(twins).tolist():
        vertices, image = _foretold(bits, mirror, kept, k, int(twins[k]))
        rest[k][:, vertices] = _folded(bits[k][:, vertices] - image)
    return (rest >> 8).astype(np.uint8), (rest & 255).astype(np.uint8)


def unpack_basis(high: np.ndarray, low: np.ndarray, mirror: np.ndarray, twins: np.ndarray) -> np.ndarray:
    """The basis (K, 3, N) float16 of :func:`pack_basis`, bit by bit."""
    order, mirror, kept = _order(mirror)
    bits = high.astype(np.uint16) << 8 | low
    for k in np.flatnonzero(twins).tolist():
        vertices, image = _foretold(bits, mirror, kept, k, int(twins[k]))
        bits[k][:, vertices] = image + _unfolded(bits[k][:, vertices])
    return np.take(bits, np.argsort(order), axis=2).view(np.float16)


def pack_triangles(triangles: np.ndarray) -> np.ndarray:
    """(F, 3) uint16 -> (3, F): how far the first corners are from the last triangle's, and the others from the first.

    Example:
        >>> pack_triangles(np.array([[5, 6, 7], [6, 5, 8]], np.uint16)).tolist()
        [[10, 2], [2, 1], [4, 4]]
    """
    first = triangles[:, 0]
    steps = np.diff(first, prepend=np.uint16(0))
    return _folded(np.stack([steps, triangles[:, 1] - first, triangles[:, 2] - first]))


def unpack_triangles(packed: np.ndarray) -> np.ndarray:
    """The triangles (F, 3) of :func:`pack_triangles`."""
    steps, second, third = _unfolded(packed)
    first = np.cumsum(steps, dtype=np.uint16)
    return np.stack([first, first + second, first + third], axis=1)
