"""One sample dict for all sets, and batches of it."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import torch
from torch import Tensor


class Sample(TypedDict, total=False):
    """What every reader yields. Supervision that a set does not have is a key that its samples do not have.

    Attributes:
        image: (3, S, S) uint8, RGB.
        params: (P,) float32, un-whitened parameters in the frame of the crop.
        landmarks: (L, 2) or (L, 3) float32, crop pixels, x right, y down, 0-based; L = 68, 81, 21 or a set's own.
        visible: (L,) bool.
        position_map: (3, U, V) float32, crop pixels.
        attributes: (40,) int8: 1 yes, 0 no, -1 unknown.
        yaw: float, degrees, 300W-LP's sign.
        box: (4,) float32, left, top, right, bottom of the crop in the original image.
        landmark_weights: (L,) float32, what each landmark counts in a loss; absent: 1.
        confidence: float, how sure a label is, 0 to 1.
        name: the sample's name within its set.
        set: the name of its set.
        landmark_set: the convention of the landmarks, as :attr:`pyface3d.MorphableModel.landmark_sets` names it.
        face_model: hash of the face model that ``params`` belong to, or a name for one that is not there.
        index: the sample's number within its set.
    """

    image: Tensor
    params: Tensor
    landmarks: Tensor
    visible: Tensor
    position_map: Tensor
    attributes: Tensor
    yaw: float
    box: Tensor
    landmark_weights: Tensor
    confidence: float
    name: str
    set: str
    landmark_set: str
    face_model: str
    index: int


TEXTS = ("name", "set", "landmark_set", "face_model")  # keys that are lists in a batch
RAGGED = ("landmarks", "visible", "landmark_weights")


def collate(samples: Sequence[Sample]) -> dict[str, Any]:
    """A batch of samples, also of different sets: what one lacks is zero, and ``has_<key>`` (B,) bool tells.

    Landmarks of different sets may differ in number and dimension: they are padded with zeros that are not
    ``visible``; ``landmark_count`` (B,) and ``landmark_dims`` (B,) int64 say what was there.

    Args:
        samples: at least one sample.

    Returns:
        The samples' keys with a leading batch dimension; texts (``name``, ``set``, ``landmark_set``, ``face_model``)
        are lists, empty where a sample has none.

    Raises:
        ValueError: no samples, or tensors of one key that do not fit together (images of two sizes).

    Example:
        >>> batch = collate([{"image": torch.zeros(3, 8, 8, dtype=torch.uint8), "yaw": 3.0, "name": "a"}])
        >>> batch["has_yaw"], batch["yaw"]
        (tensor([True]), tensor([3.]))
    """
    if not samples:
        raise ValueError("collate: needs at least one sample, got none")
    found_keys = set().union(*samples) | {"name"}
    batch: dict[str, Any] = {key: [dict(s).get(key, "") for s in samples] for key in TEXTS if key in found_keys}
    for key in sorted(found_keys - set(TEXTS)):
        found = [dict(sample).get(key) for sample in samples]
        values = [None if value is None else torch.as_tensor(value) for value in found]
        values = [v.float() if v is not None and v.dtype == torch.float64 else v for v in values]
        batch[f"has_{key}"] = torch.tensor([value is not None for value in values])
        batch[key] = _stack(key, values)
        if key == "landmarks":
            batch["landmark_count"] = torch.tensor([0 if v is None else v.shape[0] for v in values])
            batch["landmark_dims"] = torch.tensor([0 if v is None else v.shape[1] for v in values])
    return batch


def select(batch: Mapping[str, Any], rows: Tensor | Sequence[int]) -> dict[str, Any]:
    """Some samples of a batch, with every key that it has.

    Args:
        batch: collated samples.
        rows: bool (B,) or numbers (n,) of the samples.

    Example:
        >>> batch = collate([{"yaw": 1.0, "name": "a"}, {"yaw": 2.0, "name": "b"}])
        >>> select(batch, [1])["name"]
        ['b']
    """
    rows = torch.as_tensor(rows)
    numbers = rows.nonzero()[:, 0] if rows.dtype == torch.bool else rows
    chosen = numbers.tolist()
    return {
        key: value[numbers.to(value.device)] if isinstance(value, Tensor) else [value[row] for row in chosen]
        for key, value in batch.items()
    }


def _stack(key: str, values: list[Tensor | None]) -> Tensor:
    present = [value for value in values if value is not None]
    shapes = {tuple(value.shape) for value in present}
    if len(shapes) > 1 and key not in RAGGED:
        found = ", ".join(map(str, sorted(shapes)))
        raise ValueError(f"collate: {key} must have one shape in a batch, got {found}; give all sets the same size")
    alike = len(present) == len(values) and len(shapes) == 1 and len({(v.dtype, v.device) for v in present}) == 1
    if alike:
        return torch.stack(present)  # one copy: for a device one by one are as many launches
    shape = [max(sizes) for sizes in zip(*shapes)]
    there = next((value.device for value in present if value.device.type != "cpu"), None)  # rendered portraits
    stacked = torch.zeros(len(values), *shape, dtype=present[0].dtype, device=there)
    for row, value in zip(stacked, values, strict=True):
        if value is not None:
            row[tuple(slice(0, size) for size in value.shape)] = value
    return stacked
