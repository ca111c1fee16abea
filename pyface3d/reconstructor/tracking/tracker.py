"""Faces found from frame to frame, and what the network sees in them."""

from dataclasses import dataclass

import numpy as np
import torch

from pyface3d import camera
from pyface3d.images import Photo
from pyface3d.images.agreement import is_face
from pyface3d.images.detection import Detector
from pyface3d.methods import Method, Reconstruction
from pyface3d.reconstructor.looks import Looks
from pyface3d.reconstructor.tracking.finding import Find, Finder, distinct
from pyface3d.reconstructor.tracking.tracks import Track, match

_EVERY = 15  # frames between quick searches of whole frames for new faces
_THOROUGH = 300  # frames between searches that also see small ones
_HIDDEN = 3  # frames between quick searches for a hidden face
_SURE = 0.6  # least score of a new face
_APART = 0.5  # a new face is at least this far from all others, in sides of its crop


@dataclass(frozen=True, eq=False)
class Sight:
    """A face as the network sees it in one frame.

    Attributes:
        track: whose it is.
        answer: of this face alone, placed in the frame.
        find: of the detector.
        identity: (K_i,) mean of the face's identities up to this frame.
    """

    track: Track
    answer: Reconstruction
    find: Find
    identity: np.ndarray


class Tracker:
    """Finds faces in frame after frame.

    The detector searches whole frames at the start, every so often, and while a face is lost; else it looks only where
    faces were, at little cost, to say that they are still there. The network looks at crops around the landmarks of
    the frame before, moved with the detector's find.

    Args:
        method: answers parameters.
        looks: cuts and runs it.
        detector: as :mod:`pyface3d.images.detection` describes it.
        most: faces at a time; None: all.
        patience: seconds after which a face that stays hidden is given up.

    Raises:
        ValueError: the method answers position maps.
    """

    def __init__(
        self,
        method: Method,
        looks: Looks,
        detector: Detector,
        most: int | None = None,
        patience: float = 3.0,
    ) -> None:
        if method.space is None:
            raise ValueError(f"track: only parameters can be followed, {method.name} answers position maps")
        self.method, self.looks, self.most = method, looks, most
        self.finder = Finder(detector, method.images.crop)
        self.patience = patience
        self.tracks: list[Track] = []
        self._frame = self._numbers = 0

    def __call__(self, photo: Photo, seconds: float) -> list[Sight]:
        """The faces of the next frame."""
        pairs, free = match(self.tracks, self._finds(photo.pixels))
        for track, find in pairs:
            track.found(find, seconds)
        pairs += self._begun(free, seconds)
        met = {id(track) for track, _ in pairs}
        for track in self.tracks:
            track.missed += id(track) not in met
        sights = self._looked(photo, pairs)
        self.tracks = [track for track in self.tracks if track.seen and seconds - track.seconds <= self.patience]
        self._frame += 1
        return sights

    def _finds(self, pixels: np.ndarray) -> list[Find]:
        finds = self.finder.near(pixels, [(track.expected, track.side) for track in self.tracks])
        full = self.most is not None and len(self.tracks) >= self.most
        lost = len(finds) < len(self.tracks)
        if not self.tracks or (self._frame % _THOROUGH == 0 and not full):
            finds += self.finder.everywhere(pixels)
        elif (lost and self._frame % _HIDDEN == 0) or (self._frame % _EVERY == 0 and not full):
            finds += self.finder.everywhere(pixels, quick=True)
        return distinct(finds)

    def _begun(self, finds: list[Find], seconds: float) -> list[tuple[Track, Find]]:
        """Tracks of faces that were not there before."""
        begun = []
        for find in sorted(finds, key=lambda find: -find.side):
            near = [track for track in self.tracks if np.linalg.norm(track.center - find.center) < _APART * find.side]
            if find.score < _SURE or near or (self.most is not None and len(self.tracks) >= self.most):
                continue
            track = Track(self._numbers, find.center, find.side, seconds, find.roi)
            track.found(find, seconds)
            self._numbers += 1
            self.tracks.append(track)
            begun.append((track, find))
        return begun

    def _looked(self, photo: Photo, pairs: list[tuple[Track, Find]]) -> list[Sight]:
        """What the network sees; faces that it sees none in are lost."""
        if not pairs:
            return []
        answer = self._answer(photo, np.stack([track.roi for track, _ in pairs]))
        if any(track.seen == 1 for track, _ in pairs):  # the detector's crop is only near the network's own
            answer = self._answer(photo, camera.roi_from_landmarks(answer.landmarks.cpu()).numpy())
        better = camera.roi_from_landmarks(answer.landmarks.cpu()).numpy()
        sights = []
        for k, (track, find) in enumerate(pairs):
            one = answer[k]
            landmarks = one.landmarks[0].float().cpu().numpy()
            assert one.roi is not None and one.coeffs is not None
            if not is_face(landmarks, one.roi[0].cpu().numpy(), find.points):
                track.seen -= 1
                track.missed = 1
                continue
            track.roi = better[k]
            track.learn(self.method.model.split(one.coeffs.float().cpu())[0][0].numpy())
            assert track.identity is not None
            sights.append(Sight(track, one, find, track.identity))
        return sights

    def _answer(self, photo: Photo, rois: np.ndarray) -> Reconstruction:
        crops = self.looks.cut(photo, rois.astype(np.float32))
        assert crops is not None
        return self.method.predict(crops.to(self.looks.device)).to_image(torch.from_numpy(rois.astype(np.float32)))
