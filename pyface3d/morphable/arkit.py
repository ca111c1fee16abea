"""ARKit's 52 expressions, by Apple's names and in Apple's order, from a model's own named blendshapes and back."""

from collections.abc import Sequence

import numpy as np

#: ARFaceAnchor.BlendShapeLocation (Apple, ARKit documentation), in the order in which Apple's capture writes them
ARKIT_NAMES = (
    "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft", "eyeSquintLeft",
    "eyeWideLeft", "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight",
    "eyeSquintRight", "eyeWideRight", "jawForward", "jawLeft", "jawRight", "jawOpen", "mouthClose", "mouthFunnel",
    "mouthPucker", "mouthLeft", "mouthRight", "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight",
    "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight", "mouthRollLower", "mouthRollUpper",
    "mouthShrugLower", "mouthShrugUpper", "mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft",
    "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight", "browDownLeft", "browDownRight", "browInnerUp",
    "browOuterUpLeft", "browOuterUpRight", "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft",
    "noseSneerRight", "tongueOut",
)  # fmt: skip

_SIDES = {"_L": "Left", "_R": "Right"}


def arkit_name(name: str) -> str | None:
    """Apple's name of a blendshape called so, or as ICT-FaceKit does (``mouthSmile_L``); None where Apple has none.

    Example:
        >>> arkit_name("mouthSmile_L"), arkit_name("browInnerUp_R"), arkit_name("direction_3")
        ('mouthSmileLeft', 'browInnerUp', None)
    """
    stem, side = (name[:-2], _SIDES[name[-2:]]) if name[-2:] in _SIDES else (name, "")
    return next((known for known in (stem + side, stem) if known in ARKIT_NAMES), None)


def from_arkit_matrix(names: Sequence[str]) -> np.ndarray:
    """The (52, M) matrix that takes ARKit's weights (52,) to those of blendshapes with ``names``: ``weights @ matrix``.

    Where Apple has one expression and the model a half for each side (``browInnerUp``, ``cheekPuff``), both halves take
    its weight; what the model lacks (``tongueOut``) is lost.
    """
    matrix = np.zeros((len(ARKIT_NAMES), len(names)))
    for column, name in enumerate(names):
        known = arkit_name(name)
        if known is not None:
            matrix[ARKIT_NAMES.index(known), column] = 1.0
    return matrix


def to_arkit_matrix(names: Sequence[str]) -> np.ndarray:
    """The (M, 52) matrix that takes weights of blendshapes with ``names`` to ARKit's: ``weights @ matrix``.

    Halves are averaged. Undoes :func:`from_arkit_matrix` for every expression that the model has.

    Example:
        >>> names = ["jawOpen", "cheekPuff_L", "cheekPuff_R"]
        >>> back = from_arkit_matrix(names) @ to_arkit_matrix(names)
        >>> [ARKIT_NAMES[k] for k in np.flatnonzero(np.diag(back))]
        ['jawOpen', 'cheekPuff']
    """
    matrix = from_arkit_matrix(names).T
    return matrix / np.maximum(matrix.sum(0), 1.0)
