"""How often the network looks at a face, and at which crops of the photo."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from pyface3d import camera
from pyface3d.images import Photo
from pyface3d.methods import Method, Reconstruction
from pyface3d.reconstructor.refining import Refiner
from pyface3d.reconstructor.streaming import Located
from pyface3d.reconstructor.views import CLOSER

_FEW, _WIDEST = 8, 2048  # crops, and pixels of a box's side, up to which OpenCV cuts


class Looks:
    """Cuts faces out of photos and runs the network on all of them together.

    Args:
        method: the method.
        device: where it runs.
        passes: 2 looks again at crops around the landmarks of the first pass; 1 does not.
        refine: the answer is the mean of four looks (:class:`Refiner`).

    Raises:
        ValueError: ``refine`` of a method that answers position maps.
    """

    def __init__(self, method: Method, device: torch.device, passes: int = 2, refine: bool = False) -> None:
        self.method, self.device, self.passes = method, device, passes
        self.refiner = Refiner(method) if refine else None

    def cut(self, photo: Photo, rois: np.ndarray) -> Tensor | None:
        """The crops (F, 3, S, S) uint8 of boxes in the photo's own pixels."""
        if not len(rois):
            return None
        scaled = (rois / np.tile(photo.reduction, 2)).astype(np.float32)
        size = self.method.images.size
        if len(rois) <= _FEW and photo.pixels.dtype == np.uint8 and np.isfinite(scaled).all():
            whole = np.rint(scaled).astype(np.int64)
            if (whole[:, 2:] > whole[:, :2]).all() and (whole[:, 2:] - whole[:, :2]).max() <= _WIDEST:
                return torch.from_numpy(np.stack([_cut(photo.pixels, box, size) for box in whole.tolist()]))
        pixels = torch.from_numpy(photo.pixels).permute(2, 0, 1)
        return camera.crop(pixels, torch.from_numpy(scaled), size)  # type: ignore[return-value]

    def __call__(self, located: Sequence[Located]) -> Reconstruction:
        """The faces of photos that have crops, one after the other."""
        crops = torch.cat([entry.crops for entry in located])  # type: ignore[misc]
        rois = torch.from_numpy(np.concatenate([entry.rois for entry in located]))
        answer = self._predict(crops, rois)
        if self.passes == 2 and not all(entry.settled for entry in located):
            answer = self._second_pass(located, answer, crops, rois)
        return answer if self.refiner is None else self._refined(self.refiner, located, answer, crops)

    def _second_pass(
        self, located: Sequence[Located], answer: Reconstruction, crops: Tensor, rois: Tensor
    ) -> Reconstruction:
        """The same faces cropped around the landmarks of the first answer; settled crops stay."""
        better = camera.roi_from_landmarks(answer.landmarks.cpu())  # (F, 4)
        start = 0
        for entry in located:
            stop = start + len(entry.rois)
            sides = better[start:stop, 2] - better[start:stop, 0]
            if not entry.settled and bool((sides > 2).all()) and bool(better[start:stop].isfinite().all()):
                rois[start:stop] = better[start:stop]
                crops[start:stop] = self.cut(entry.photo, rois[start:stop].numpy())  # type: ignore[arg-type,assignment]
            start = stop
        return self._predict(crops, rois)

    def _refined(
        self, refiner: Refiner, located: Sequence[Located], answer: Reconstruction, crops: Tensor
    ) -> Reconstruction:
        """The mean of four looks at the same faces."""
        assert answer.roi is not None
        rois = answer.roi.cpu()
        near = CLOSER.boxes(rois)
        parts = zip(located, near.split([len(entry.rois) for entry in located]))
        nearer = torch.cat([self.cut(entry.photo, part.numpy()) for entry, part in parts])  # type: ignore[misc,arg-type]
        mirrored = [self._predict(crops.flip(3), rois), self._predict(nearer.flip(3), near)]
        return refiner.mean([answer, self._predict(nearer, near)], mirrored)

    def _predict(self, crops: Tensor, rois: Tensor) -> Reconstruction:
        return self.method.predict(crops.to(self.device)).to_image(rois.clone())


def _cut(pixels: np.ndarray, box: list[int], size: int) -> np.ndarray:
    """What :func:`pyface3d.camera.crop` answers for a box of whole pixels, (3, S, S) uint8, in a tenth of the time."""
    left, top, right, bottom = box
    height, width = pixels.shape[:2]
    y0, y1, x0, x1 = max(top, 0), min(bottom, height), max(left, 0), min(right, width)
    if y1 <= y0 or x1 <= x0:
        return np.zeros((3, size, size), np.uint8)
    part: np.ndarray = pixels[y0:y1, x0:x1].astype(np.float32)
    if part.shape[:2] != (bottom - top, right - left):
        part = cv2.copyMakeBorder(part, y0 - top, bottom - y1, x0 - left, right - x1, cv2.BORDER_CONSTANT)
    resized = cv2.resize(part, (size, size), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(np.rint(resized).astype(np.uint8).transpose(2, 0, 1))
