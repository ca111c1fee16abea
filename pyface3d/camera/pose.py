"""Weak-perspective poses: the 3x4 matrix [f R | t], 300W-LP's Pose_Para, and head angles.

Angles are (pitch, yaw, roll) in radians with R = Rx(pitch) Ry(yaw) Rz(roll) and the signs of 3DDFA and 300W-LP:
Rx = [[1,0,0],[0,c,s],[0,-s,c]], Ry = [[c,0,-s],[0,1,0],[s,0,c]], Rz = [[c,s,0],[-s,c,0],[0,0,1]].
"""

import torch
from torch import Tensor

ANGLE_CONVENTIONS = ("300wlp", "3ddfa")


def angles_to_rotation(angles: Tensor) -> Tensor:
    """Rotation matrices of head angles, R = Rx(pitch) Ry(yaw) Rz(roll).

    Args:
        angles: (..., 3) pitch, yaw, roll in radians.

    Returns:
        (..., 3, 3) rotations. Differentiable.

    Raises:
        ValueError: if the last dimension is not 3.

    Example:
        >>> angles_to_rotation(torch.zeros(1, 3))[0].diagonal()
        tensor([1., 1., 1.])
    """
    _check_last("angles_to_rotation", "angles", angles, (3,))
    (cx, cy, cz), (sx, sy, sz) = angles.cos().unbind(-1), angles.sin().unbind(-1)
    rows = [
        [cy * cz, cy * sz, -sy],
        [sx * sy * cz - cx * sz, sx * sy * sz + cx * cz, sx * cy],
        [cx * sy * cz + sx * sz, cx * sy * sz - sx * cz, cx * cy],
    ]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)  # (..., 3, 3)


def compose_pose(scale: Tensor, rotation: Tensor, translation: Tensor) -> Tensor:
    """Builds the pose matrix [f R | t].

    Args:
        scale: (...,) f.
        rotation: (..., 3, 3) R.
        translation: (..., 3) t.

    Returns:
        (..., 3, 4).

    Example:
        >>> compose_pose(torch.tensor([2.0]), torch.eye(3)[None], torch.zeros(1, 3)).shape
        torch.Size([1, 3, 4])
    """
    return torch.cat([scale[..., None, None] * rotation, translation[..., None]], -1)


def decompose_pose(pose: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Splits a pose matrix into scale, rotation and translation.

    As 3DDFA does, the scale is the mean norm of the first two rows and the third row of R is their cross product, so
    that a predicted matrix that is not quite a similarity still gives a unit third row. A mirrored matrix (negative
    determinant; AFLW2000-3D has one) gets a negative scale, so that ``scale * rotation`` is the matrix again.

    Args:
        pose: (..., 3, 4).

    Returns:
        scale (...,), rotation (..., 3, 3), translation (..., 3).

    Raises:
        ValueError: if ``pose`` is not (..., 3, 4).

    Example:
        >>> scale, rotation, translation = decompose_pose(torch.eye(3, 4)[None] * 2)
        >>> scale
        tensor([2.])
    """
    _check_pose("decompose_pose", pose)
    first, second, third = pose[..., :3].unbind(-2)  # (..., 3) each
    sign = torch.where((torch.linalg.cross(first, second) * third).sum(-1) < 0, -1.0, 1.0).to(pose.dtype)
    norms = torch.stack([first.norm(dim=-1), second.norm(dim=-1)], -1)
    first, second = first / (sign * norms[..., 0])[..., None], second / (sign * norms[..., 1])[..., None]
    rotation = torch.stack([first, second, torch.linalg.cross(first, second)], -2)
    return sign * norms.mean(-1), rotation, pose[..., 3]


def turn_of_face(pose: Tensor, shape: Tensor) -> Tensor:
    """The rotation that another face would show in the same picture.

    Weak perspective cannot tell a flat face turned far from a deep one turned less: the turn belongs to a face. Where
    points of the other face are ``shape`` times those of the posed one, this is the rotation (up to scale, nearest in
    squares) whose first two rows draw the other face where ``pose`` draws its own.

    Args:
        pose: (..., 3, 4) pose of a face.
        shape: (3, 3) from its points to the other face's, both about their centers.

    Returns:
        (..., 3, 3) rotation of the other face.

    Raises:
        ValueError: ``pose`` is not (..., 3, 4).

    Example:
        >>> pose = torch.cat([angles_to_rotation(torch.tensor([0.0, 0.5, 0.0])), torch.zeros(3, 1)], 1)
        >>> pose_to_angles(turn_of_face(pose, torch.diag(torch.tensor([1.0, 1.0, 1.2]))))  # 20 % deeper: turned less
        tensor([0.0000, 0.4272, 0.0000])
    """
    drawn = decompose_pose(pose)[1][..., :2, :] @ torch.linalg.inv(shape.to(pose))
    u, _, v = torch.linalg.svd(drawn, full_matrices=False)
    rows = u @ v
    return torch.cat([rows, torch.linalg.cross(rows[..., 0, :], rows[..., 1, :])[..., None, :]], -2)


def pose_from_para(para: Tensor) -> Tensor:
    """Pose matrix of 300W-LP's and AFLW2000-3D's ``Pose_Para``.

    Args:
        para: (..., 7) pitch, yaw, roll (radians), t_x, t_y, t_z, f.

    Returns:
        (..., 3, 4) [f R | t] in the original image, y up (1-based MATLAB pixels: ``flip_y(..., height, "3ddfa")``
        gives the image frame).

    Raises:
        ValueError: if the last dimension is not 7.

    Example:
        >>> pose_from_para(torch.tensor([[0.0, 0, 0, 5, 6, 7, 2]]))[0, 1]
        tensor([0., 2., 0., 6.])
    """
    _check_last("pose_from_para", "para", para, (7,))
    return compose_pose(para[..., 6], angles_to_rotation(para[..., :3]), para[..., 3:6])


def para_from_pose(pose: Tensor) -> Tensor:
    """``Pose_Para`` of a pose matrix: the exact inverse of :func:`pose_from_para` for |yaw| < 90 degrees.

    Args:
        pose: (..., 3, 4) [f R | t].

    Returns:
        (..., 7) pitch, yaw, roll (radians), t_x, t_y, t_z, f.

    Raises:
        ValueError: if ``pose`` is not (..., 3, 4).

    Example:
        >>> para_from_pose(pose_from_para(torch.tensor([[0.1, -0.4, 0.2, 5, 6, 7, 2]])))
        tensor([[ 0.1000, -0.4000,  0.2000,  5.0000,  6.0000,  7.0000,  2.0000]])
    """
    scale, rotation, translation = decompose_pose(pose)
    return torch.cat([_exact_angles(rotation), translation, scale[..., None]], -1)


def pose_to_angles(pose: Tensor, convention: str = "300wlp") -> Tensor:
    """Head angles of a pose.

    ``"300wlp"`` inverts ``R = Rx Ry Rz`` exactly. ``"3ddfa"`` is the formula that 3DDFA, 3DDFA_V2 and PRNet ship,
    ``yaw = asin(R20)``, which belongs to another order of rotations and is wrong as soon as two angles differ from
    zero; published figures of those projects need it.

    Args:
        pose: (..., 3, 4) pose matrices or (..., 3, 3) rotations.
        convention: ``"300wlp"`` (exact) or ``"3ddfa"`` (legacy).

    Returns:
        (..., 3) pitch, yaw, roll in radians.

    Raises:
        ValueError: for another shape or an unknown convention.

    Example:
        >>> pose_to_angles(angles_to_rotation(torch.tensor([-0.2, 0.7, 0.3])))
        tensor([-0.2000,  0.7000,  0.3000])
    """
    if convention not in ANGLE_CONVENTIONS:
        raise ValueError(
            f"pose_to_angles: convention must be one of {', '.join(ANGLE_CONVENTIONS)}, got {convention!r}"
        )
    if pose.shape[-2:] == (3, 3):
        pose = torch.cat([pose, torch.zeros_like(pose[..., :1])], -1)
    _check_pose("pose_to_angles", pose)
    rotation = decompose_pose(pose)[1]
    return _exact_angles(rotation) if convention == "300wlp" else _legacy_angles(rotation)


def _exact_angles(r: Tensor) -> Tensor:
    """Inverse of angles_to_rotation; at yaw = +-90 degrees only pitch -+ roll is defined, and roll is set to zero."""
    yaw = torch.asin((-r[..., 0, 2]).clamp(-1, 1))
    locked = r[..., 0, 2].abs() > 1 - 1e-7
    pitch = torch.where(locked, torch.atan2(-r[..., 2, 1], r[..., 1, 1]), torch.atan2(r[..., 1, 2], r[..., 2, 2]))
    roll = torch.where(locked, torch.zeros_like(yaw), torch.atan2(r[..., 0, 1], r[..., 0, 0]))
    return torch.stack([pitch, yaw, roll], -1)


def _legacy_angles(r: Tensor) -> Tensor:
    """``matrix2angle`` of 3DDFA_V2, gimbal test |R20| > 0.998 included."""
    sine = r[..., 2, 0].clamp(-1, 1)
    yaw = torch.asin(sine)
    pitch = torch.atan2(r[..., 2, 1] / yaw.cos(), r[..., 2, 2] / yaw.cos())
    roll = torch.atan2(r[..., 1, 0] / yaw.cos(), r[..., 0, 0] / yaw.cos())
    up, down = sine > 0.998, sine < -0.998
    locked_pitch = torch.where(up, torch.atan2(-r[..., 0, 1], -r[..., 0, 2]), torch.atan2(r[..., 0, 1], r[..., 0, 2]))
    pitch = torch.where(up | down, locked_pitch, pitch)
    roll = torch.where(up | down, torch.zeros_like(roll), roll)
    yaw = torch.where(up | down, sine.sign() * (torch.pi / 2), yaw)
    return torch.stack([pitch, yaw, roll], -1)


def _check_last(caller: str, argument: str, tensor: Tensor, sizes: tuple[int, ...]) -> None:
    if tensor.ndim < 1 or tensor.shape[-1] not in sizes:
        wanted = " or ".join(f"(..., {size})" for size in sizes)
        raise ValueError(f"{caller}: {argument} must be {wanted}, got {tuple(tensor.shape)}")


def _check_pose(caller: str, pose: Tensor) -> None:
    if pose.shape[-2:] != (3, 4):
        raise ValueError(f"{caller}: pose must be (..., 3, 4), got {tuple(pose.shape)}")
